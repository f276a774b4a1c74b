"""The table of faults: each fault, its effect on the study, and the test that checks the effect."""

from typing import NamedTuple


class Row(NamedTuple):
    """One fault. `test` is a test's file and name, below `tests`."""

    fault: str
    promise: str
    test: str


ROWS = (
    Row("kill -9 of a worker", "the trial starts again; its third own loss fails it",
        "integration/test_search_ray.py::test_a_killed_worker_is_replaced_and_the_trial_repeated"),
    Row("SIGINT, then kill -9 of the driver, then a run to the end",
        "finished trials stay as they are; the others run again with the same networks",
        "integration/test_interrupted_search.py::test_a_resumed_study_never_repeats_a_finished_trial"),
    Row("kill -9 of the driver between any two writes",
        "the resumed study equals the uninterrupted one",
        "test_resumed_study.py::test_a_study_killed_at_any_write_resumes_to_the_same_trials"),
    Row("death of the driver before, inside or after any commit",
        "the resumed study equals the uninterrupted one in trials, states, numbers and front",
        "faults/test_kills_in_commits.py::"
        "test_a_driver_that_dies_at_any_write_or_commit_loses_nothing"),
    Row("kill -9 of the driver after its trials, at any write, commit or change of a file",
        "the resumed study has the same records and files as the uninterrupted one, and no others",
        "faults/test_kills_while_finishing.py::"
        "test_a_driver_that_is_killed_while_it_finishes_loses_nothing"),
    Row("losses, preemptions, deaths and take-overs of a driver in any order",
        "the study equals the uninterrupted one; a replaced driver changes nothing",
        "faults/test_interleavings.py::"
        "test_any_order_of_faults_gives_the_study_without_faults"),
    Row("the driver dies repeatedly", "no trial fails",
        "faults/test_kills_in_commits.py::"
        "test_a_driver_that_dies_again_and_again_fails_no_trial"),
    Row("loss of a node, preemption, signal, end of the driver or of the database",
        "each ends only an attempt, even if it occurs often",
        "faults/test_outcomes.py::test_the_surroundings_end_an_attempt_however_often"),
    Row("a trial loses one node after another", "the study pauses after five of them",
        "faults/test_outcomes.py::test_a_trial_that_only_loses_nodes_pauses_the_study"),
    Row("a fault of a disk, the data, the settings or a GPU that would end every trial",
        "the study pauses with one line; the trial waits again",
        "faults/test_outcomes.py::test_what_would_end_every_trial_pauses_the_study"),
    Row("the driver ends during a long trial", "the trial continues from its last checkpoint",
        "training/test_faults.py::test_a_long_trial_of_a_search_continues_from_its_checkpoint"),
    Row("SIGINT, SIGTERM or SIGHUP within an epoch",
        "running trials save a checkpoint within seconds; resumed, they repeat no step",
        "faults/test_interrupted_training.py::"
        "test_a_search_that_is_interrupted_in_a_training_continues_there"),
    Row("a checkpoint that is cut short or changed",
        "it is not used; a trial of a search starts again",
        "training/test_training.py::test_broken_checkpoints_are_refused"),
    Row("a node ends, or the cluster does not answer", "no loss is counted against a trial",
        "faults/test_lost_workers.py::"
        "test_a_trial_is_blamed_for_a_worker_that_ends_while_its_node_lives"),
    Row("nodes of a cluster are stopped or killed, and others join",
        "their trials start again on other nodes; no loss is counted against a trial",
        "tuner/test_elastic.py::test_a_study_waits_for_nodes_and_survives_their_end"),
    Row("a cluster drains a node, such as a spot instance",
        "its trial saves a checkpoint, ends at once as preempted, and continues on another node",
        "tuner/test_notice.py::test_a_trial_leaves_a_node_that_drains"),
    Row("a node cannot be reached for a while",
        "its trial continues, or starts again on another node when Ray counts the node as lost; "
        "late results change nothing",
        "tuner/test_partition.py::"
        "test_a_trial_outlives_a_short_partition_and_leaves_in_a_long_one"),
    Row("one of several workers of a training is killed", "the training continues",
        "integration/test_train.py::"
        "test_two_workers_train_what_one_trains_even_if_one_is_killed"),
    Row("a worker with another version of nas", "it trains nothing; the study pauses",
        "integration/test_search_ray.py::test_a_worker_of_another_version_measures_nothing"),
    Row("three own losses of a trial", "it fails, even if they occurred under several drivers",
        "faults/test_outcomes.py::test_three_own_losses_are_counted_over_several_drivers"),
    Row("an error in a worker", "the trial starts again; the same error twice fails it",
        "faults/test_outcomes.py::test_an_error_that_repeats_itself_is_final"),
    Row("consecutive failures of one class", "the study ends, even if their texts differ",
        "faults/test_outcomes.py::test_three_failures_of_one_class_end_the_study"),
    Row("every trial diverges", "the study ends after three",
        "faults/test_outcomes.py::test_fourteen_trials_that_all_diverge_end_after_three"),
    Row("trials that failed for another reason than their network",
        "nas resume --retry-failed repeats them",
        "faults/test_outcomes.py::test_failed_trials_that_may_end_otherwise_are_repeated"),
    Row("kill -9 of the driver while it writes", "nothing committed is lost",
        "contracts/test_store_drivers.py::test_nothing_committed_is_lost_when_the_writer_is_killed"),
    Row("kill -9 of the raylet or of the GCS of a local Ray",
        "exit 4 within seconds, with the command that resumes; no loss is counted against a trial; "
        "no process is left",
        "faults/test_ray.py::test_a_lost_ray_ends_the_run_and_blames_no_trial"),
    Row("a worker reports nothing", "it is killed after --report-timeout",
        "integration/test_search_ray.py::test_every_way_to_fail_is_recorded_and_the_rest_goes_on"),
    Row("no worker starts for ten minutes", "exit 4, with the command that resumes",
        "tuner/test_bridge.py::test_a_run_ends_if_no_worker_starts_for_too_long"),
    Row("a wrong or missing token of a cluster", "an immediate error names the token",
        "faults/test_ray.py::test_a_wrong_or_missing_token_is_named"),
    Row("SIGINT, SIGTERM or SIGHUP during the trials", "exit 130 with the command that resumes",
        "integration/test_search_ray.py::test_a_second_interrupt_ends_at_once"),
    Row("SIGTERM or SIGHUP while the report and the export are written",
        "exit 130 with the command that resumes; no process is left",
        "faults/test_leaving.py::"
        "test_each_signal_in_the_report_stage_ends_with_the_resume_line"),
    Row("the terminal closes", "the study is recorded as interrupted",
        "faults/test_leaving.py::test_a_terminal_that_closes_interrupts_the_study_and_keeps_it"),
    Row("a signal before the study exists", "exit 130; nothing is created",
        "faults/test_leaving.py::test_a_signal_before_the_study_exists_leaves_nothing"),
    Row("PostgreSQL restarts during a write", "the write waits",
        "store/test_outages.py::test_a_write_waits_while_the_server_restarts"),
    Row("PostgreSQL restarts during a read",
        "the read waits; an outage of some seconds is reported",
        "store/test_outages.py::test_a_read_waits_and_the_outage_is_told"),
    Row("a signal while the database does not answer", "the command stops waiting",
        "store/test_outages.py::test_a_signal_ends_the_waiting"),
    Row("PostgreSQL does not answer for longer than the time limit",
        "the last results are in a file, and are recorded when the study continues",
        "faults/test_spool.py::test_results_of_an_outage_are_recorded_when_the_study_continues"),
    Row("results in that file that are already recorded, or are late", "they change nothing",
        "faults/test_spool.py::"
        "test_results_that_were_recorded_after_all_or_are_late_change_nothing"),
    Row("a slow disk or network of the database", "the study takes longer; its lease is kept",
        "faults/test_slow_database.py::test_a_slow_database_costs_only_time"),
    Row("idle connections to PostgreSQL are cut", "they are opened again at once",
        "store/test_outages.py::test_connections_that_were_cut_are_made_again_at_once"),
    Row("the answer to a commit is lost", "nothing is written twice",
        "store/test_outages.py::test_a_lost_answer_to_a_commit_does_no_harm"),
    Row("a dashboard loses its database", "the page reports it; studies are not affected",
        "browser/test_dashboard_live.py::"
        "test_a_new_trial_appears_by_itself_and_a_lost_database_is_said"),
    Row("kill -9 of the dashboard of a running study", "the study continues",
        "integration/test_interrupted_search.py::test_a_study_goes_on_when_its_page_is_killed"),
    Row("other programs read while a study writes", "they see consistent states",
        "contracts/test_store_drivers.py::"
        "test_readers_see_whole_states_while_it_is_written"),
    Row("programs that only read", "they never write or lock the database",
        "store/test_outages.py::test_a_store_for_reading_never_writes"),
    Row("SQLite is locked by another program", "the write waits",
        "store/test_outages.py::test_a_writer_waits_for_a_locked_file"),
    Row("no space for the database", "exit 4; everything written is kept",
        "store/test_outages.py::test_a_full_disk_loses_nothing_that_was_written"),
    Row("a limit on the size of files (ulimit -f)",
        "exit 4; everything written is kept, and the message names the limit",
        "store/test_outages.py::"
        "test_a_limit_on_the_size_of_files_loses_nothing_that_was_written"),
    Row("no space for weights", "the study pauses; the trial waits again",
        "training/test_full_disk.py::test_a_full_disk_pauses_the_study_until_there_is_room"),
    Row("the results folder disappears", "the study pauses",
        "training/test_full_disk.py::"
        "test_a_folder_that_vanishes_pauses_the_study_and_is_not_made_again"),
    Row("the images disappear", "the study pauses",
        "training/test_faults.py::"
        "test_a_study_whose_images_disappear_pauses_keeping_everything_and_resumes"),
    Row("out of memory", "the trial runs once more with halved batches",
        "training/test_out_of_memory.py::test_memory_that_ends_in_the_second_epoch_costs_one_attempt"),
    Row("a limit on the memory of a process", "the trial runs with halved batches",
        "training/test_out_of_memory.py::"
        "test_a_process_whose_memory_is_limited_trains_in_halves"),
    Row("NaN or infinity in a measurement", "only this trial fails",
        "test_study.py::test_a_measurement_that_is_no_number_fails_the_trial_alone"),
    Row("a measurement without a metric of the study", "the study pauses; the message names it",
        "training/test_faults.py::test_a_measurement_without_a_metric_of_the_study_pauses_it"),
    Row("an equal network is proposed again", "it is not trained again",
        "test_reuse.py::test_a_candidate_that_is_a_published_network_is_not_trained_twice"),
    Row("two drivers of one study", "the second one is refused",
        "contracts/test_store_drivers.py::"
        "test_a_second_driver_is_refused_until_the_first_lets_go"),
    Row("a suspended driver continues after it was replaced", "it can no longer write",
        "contracts/test_store_drivers.py::"
        "test_a_driver_that_was_asleep_and_replaced_can_write_no_more"),
    Row("a driver is replaced while its write waits in PostgreSQL", "the write is refused",
        "store/test_outages.py::"
        "test_a_write_that_waits_while_its_driver_is_replaced_is_refused"),
    Row("a late report of an earlier attempt", "it changes nothing",
        "test_study.py::test_reports_of_an_earlier_attempt_change_nothing"),
    Row("several searches start at once with the default name", "each gets the next free name",
        "contracts/test_store_drivers.py::test_searches_at_once_take_the_next_free_name_each"),
    Row("a new study with the name of another", "it is refused",
        "contracts/test_store_studies.py::test_a_name_is_taken_once"),
    Row("a space file is edited", "results of the earlier space are not reused",
        "test_reuse.py::test_an_edited_space_is_another_training"),
    Row("an interrupted study", "the message has the command that continues it",
        "integration/test_interrupted_search.py::"
        "test_an_interruption_says_what_is_kept_and_how_to_go_on"),
    Row("an older schema", "it is upgraded only when asked",
        "store/test_schema.py::test_an_older_schema_is_upgraded_only_when_asked"),
    Row("a newer schema", "it is refused and not changed",
        "store/test_schema.py::test_a_newer_schema_is_refused_and_left_alone"),
    Row("the SQLite file is deleted, renamed, replaced or overwritten",
        "exit 4; every record is in nas.db.rescued-TIME, which the message names; the write-ahead "
        "log of the lost file is never applied to the new one",
        "faults/test_database_file.py::test_every_record_of_a_lost_file_is_rescued"),
    Row("the SQLite file is deleted after the last write", "the same effect",
        "faults/test_database_file.py::"
        "test_a_file_that_is_deleted_after_the_last_write_is_rescued"),
    Row("other content of any size is written into the SQLite file",
        "exit 4; nothing more is written to the file; the records in memory are rescued",
        "faults/test_database_file.py::"
        "test_other_content_of_any_size_is_noticed_and_the_running_study_rescued"),
    Row("another program writes, checkpoints or vacuums the SQLite file", "the study continues",
        "faults/test_database_file.py::test_other_programs_may_write_the_same_file"),
    Row("the database is deleted during nas search", "nas resume continues with the rescued file",
        "faults/test_database_file.py::"
        "test_a_search_whose_database_is_deleted_is_resumed_from_the_rescued_one"),
    Row("damaged pages, or rows of no study, in the database",
        "nas db check reports them; a backup is refused",
        "faults/test_check_and_backup.py::test_a_check_finds_damaged_pages"),
    Row("weights that are missing, changed or not recorded", "nas db check names them",
        "faults/test_check_and_backup.py::"
        "test_a_check_finds_what_is_missing_changed_or_not_recorded"),
    Row("a backup while a study writes", "it is a consistent state of the study",
        "faults/test_check_and_backup.py::"
        "test_a_backup_while_a_study_writes_is_one_moment_of_it"),
    Row("a folder with the database and the results is moved or copied",
        "every file is found in its new place; a copy never owns the files of its original",
        "faults/test_moved_project.py::test_files_are_found_in_a_moved_or_copied_project"),
    Row("the results folder is missing when a study is resumed",
        "the study is not resumed, and no new folder is created; the message names the command to "
        "type",
        "faults/test_moved_project.py::"
        "test_a_study_whose_results_are_away_is_not_continued_without_them"),
    Row("the same study name in another database, with the same results folder",
        "each study has its own folder; no file is overwritten",
        "cli/test_housekeeping.py::test_two_studies_of_one_name_in_one_folder_keep_their_files"),
    Row("the server of an object store is killed", "the study pauses; no trial fails",
        "integration/test_storage_s3.py::test_a_server_that_is_killed_pauses_the_study"),
    Row("an object store does not answer", "each call has a time limit",
        "test_storage.py::"
        "test_an_endpoint_that_refuses_or_does_not_answer_has_a_time_limit"),
    Row("a node does not see the results folder", "it runs no trial; the other nodes continue",
        "faults/test_nodes.py::test_the_study_goes_on_without_nodes_that_differ"),
    Row("the clock is set back or forward by hours",
        "the length of a lease does not change; its age is never negative",
        "faults/test_clock.py::test_a_study_is_free_after_the_length_of_its_lease"),
    Row("the clock is set back and forward while a study runs",
        "trials are ordered by their ends; no attempt ends before it begins",
        "faults/test_clock.py::test_a_study_whose_clock_leaps_keeps_its_order"),
    Row("any umask", "it sets the permissions of the database, weights and pages",
        "faults/test_permissions.py::test_every_file_has_the_permissions_of_the_umask"),
    Row("weights changed before the test score", "no score is recorded; the message states why",
        "cli/test_housekeeping.py::"
        "test_no_score_is_recorded_of_weights_that_are_not_the_trials"),
    Row("weights changed before an export", "the export refuses them",
        "exports/test_bundle.py::test_weights_that_changed_since_they_were_recorded_are_refused"),
    Row("an interrupted export", "no file has changed",
        "exports/test_bundle.py::test_interruption_leaves_everything_as_it_was"),
    Row("kill -9 during an export", "no export is left",
        "exports/test_bundle.py::test_a_killed_export_leaves_no_export"),
    Row("an exported file computes other outputs than the network", "no file is written",
        "exports/test_onnx_file.py::test_wrong_file_is_refused_and_removed"),
    Row("the counts of an exported network differ", "no file is written",
        "exports/test_bundle.py::test_counts_that_differ_stop_the_export"),
    Row("images are missing at the start", "the study pauses before its first trial",
        "training/test_faults.py::"
        "test_images_that_are_missing_pause_the_study_whichever_was_missed_first"),
    Row("images changed", "the study is not resumed on them",
        "cli/test_changed_data.py::test_a_study_is_not_resumed_on_other_images"),
    Row("a temporary folder that is shared with another container",
        "only files whose lock shows that their process has ended are deleted",
        "tuner/test_cluster.py::test_only_the_scratch_whose_process_has_ended_is_swept"),
    Row("other users and other machines", "a local Ray accepts connections from 127.0.0.1 only",
        "tuner/test_local.py::test_no_other_machine_and_no_other_user_reaches_it"),
)  # fmt: skip

# Faults without their own test, and why.
UNTESTED = {
    "the kernel ends a worker because memory is exhausted": "It counts as a kill -9, because the "
    "kernel does not tell the process the reason. The trial is repeated, and the third loss fails "
    "it, because a network that needs more memory than its node has would end every attempt.",
    "the saved state of Ray Tune is damaged": "It is not used. The database is the only record.",
    "the change to and from daylight saving time": "All times are recorded in UTC.",
}
