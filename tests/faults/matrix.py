"""The table of faults: what happens, what is promised, and the test that asserts it."""

from typing import NamedTuple


class Row(NamedTuple):
    """One fault. `test` is a test's file and name, below `tests`."""

    fault: str
    promise: str
    test: str


ROWS = (
    Row("kill -9 of a worker", "the trial starts again; the third loss of its own fails it",
        "integration/test_search_ray.py::test_a_killed_worker_is_replaced_and_the_trial_repeated"),
    Row("kill -9 of the driver, then SIGINT, then a run to the end",
        "finished trials stay as they are; the others run again with the same networks",
        "integration/test_search_ray.py::"
        "test_a_killed_and_then_interrupted_study_goes_on_where_it_was"),
    Row("kill -9 of the driver between any two writes",
        "the resumed study equals the undisturbed one",
        "test_study.py::test_a_study_killed_at_any_write_resumes_to_the_same_trials"),
    Row("kill -9 of the driver while it writes", "nothing committed is lost",
        "contracts/test_store_drivers.py::test_nothing_committed_is_lost_when_the_writer_is_killed"),
    Row("kill -9 of the raylet or of the GCS of a local Ray",
        "exit 4 within seconds, with the resume line; no trial is blamed; no process is left",
        "faults/test_ray.py::test_a_lost_ray_ends_the_run_and_blames_no_trial"),
    Row("a worker that stays silent", "it is killed after --report-timeout",
        "integration/test_search_ray.py::test_every_way_to_fail_is_recorded_and_the_rest_goes_on"),
    Row("no worker starts for ten minutes", "exit 4, with the resume line",
        "tuner/test_bridge.py::test_a_run_ends_if_no_worker_starts_for_too_long"),
    Row("a wrong or missing token of a cluster", "the message names the token, at once",
        "faults/test_ray.py::test_a_wrong_or_missing_token_is_named"),
    Row("SIGINT, SIGTERM or SIGHUP during the trials", "exit 130 with the resume line",
        "integration/test_search_ray.py::test_a_second_interrupt_ends_at_once"),
    Row("SIGTERM or SIGHUP while the report and the export are written",
        "exit 130 with the resume line; no process is left",
        "faults/test_leaving.py::"
        "test_each_signal_in_the_report_stage_ends_with_the_resume_line"),
    Row("the terminal closes", "the study is recorded as interrupted",
        "faults/test_leaving.py::test_a_terminal_that_closes_interrupts_the_study_and_keeps_it"),
    Row("a signal before the study exists", "exit 130; nothing is created",
        "faults/test_leaving.py::test_a_signal_before_the_study_exists_leaves_nothing"),
    Row("PostgreSQL restarts during a write", "the write waits",
        "store/test_outages.py::test_a_write_waits_while_the_server_restarts"),
    Row("PostgreSQL restarts during a read", "the read waits; an outage of seconds is reported",
        "store/test_outages.py::test_a_read_waits_and_the_outage_is_told"),
    Row("a signal while the database is away", "the waiting ends",
        "store/test_outages.py::test_a_signal_ends_the_waiting"),
    Row("PostgreSQL stays away longer than the patience",
        "the last results are in a file, and recorded when the study continues",
        "faults/test_spool.py::test_results_of_an_outage_are_recorded_when_the_study_continues"),
    Row("results in the file that were recorded after all, or are late", "they change nothing",
        "faults/test_spool.py::"
        "test_results_that_were_recorded_after_all_or_are_late_change_nothing"),
    Row("the answer to a commit is lost", "every write is single",
        "store/test_outages.py::test_a_lost_answer_to_a_commit_does_no_harm"),
    Row("SQLite is locked by another program", "the write waits",
        "store/test_outages.py::test_a_writer_waits_for_a_locked_file"),
    Row("no space for the database", "exit 4; everything written is kept",
        "store/test_outages.py::test_a_full_disk_loses_nothing_that_was_written"),
    Row("no space for weights", "the study pauses; the trial waits again",
        "training/test_full_disk.py::test_a_full_disk_pauses_the_study_until_there_is_room"),
    Row("the results folder vanishes", "the study pauses",
        "training/test_full_disk.py::"
        "test_a_folder_that_vanishes_pauses_the_study_and_is_not_made_again"),
    Row("the images vanish", "the study pauses",
        "training/test_faults.py::"
        "test_a_study_whose_images_disappear_pauses_keeping_everything_and_resumes"),
    Row("out of memory", "the trial runs once more with halved batches",
        "training/test_faults.py::test_memory_that_ends_in_the_second_epoch_costs_one_attempt"),
    Row("NaN or infinity in a measurement", "the trial fails alone",
        "test_study.py::test_a_measurement_that_is_no_number_fails_the_trial_alone"),
    Row("two drivers of one study", "the second one is refused",
        "contracts/test_store_drivers.py::"
        "test_a_second_driver_is_refused_until_the_first_lets_go"),
    Row("a stopped driver wakes after it was replaced", "it can write no more",
        "contracts/test_store_drivers.py::"
        "test_a_driver_that_was_asleep_and_replaced_can_write_no_more"),
    Row("a late report of an earlier attempt", "it changes nothing",
        "test_study.py::test_reports_of_an_earlier_attempt_change_nothing"),
    Row("several searches at once with the default name", "each gets the next free name",
        "contracts/test_store_drivers.py::test_searches_at_once_take_the_next_free_name_each"),
    Row("an older schema", "it is upgraded only when asked",
        "store/test_schema.py::test_an_older_schema_is_upgraded_only_when_asked"),
    Row("a newer schema", "it is refused and left alone",
        "store/test_schema.py::test_a_newer_schema_is_refused_and_left_alone"),
    Row("the SQLite file is deleted, renamed, replaced or overwritten",
        "exit 4; every record is in nas.db.rescued-TIME, which the message names; the log of the "
        "lost file never lands on the new one",
        "faults/test_database_file.py::test_every_record_of_a_lost_file_is_rescued"),
    Row("the SQLite file is deleted after the last write", "the same",
        "faults/test_database_file.py::"
        "test_a_file_that_is_deleted_after_the_last_write_is_rescued"),
    Row("other content of any size is written into the SQLite file",
        "exit 4; it is not written again; what is in memory is rescued",
        "faults/test_database_file.py::"
        "test_other_content_of_any_size_is_noticed_and_the_running_study_rescued"),
    Row("another program writes, checkpoints or vacuums the SQLite file", "the study goes on",
        "faults/test_database_file.py::test_other_programs_may_write_the_same_file"),
    Row("the database is deleted during nas search", "nas resume goes on with the rescued file",
        "faults/test_database_file.py::"
        "test_a_search_whose_database_is_deleted_is_resumed_from_the_rescued_one"),
    Row("damaged pages, rows of no study", "nas db check says so; a backup is refused",
        "faults/test_check_and_backup.py::test_a_check_finds_damaged_pages"),
    Row("weights that are missing, changed or not recorded", "nas db check names them",
        "faults/test_check_and_backup.py::"
        "test_a_check_finds_what_is_missing_changed_or_not_recorded"),
    Row("a backup while a study writes", "it is one moment of the study, and sound",
        "faults/test_check_and_backup.py::"
        "test_a_backup_while_a_study_writes_is_one_moment_of_it"),
    Row("a folder with the database and the results is moved or copied",
        "every file is found where it is; a copy never owns the files of its original",
        "faults/test_moved_project.py::test_files_are_found_in_a_moved_or_copied_project"),
    Row("the same study name in another database, with the same results folder",
        "each study has a folder of its own; no file is overwritten",
        "cli/test_housekeeping.py::test_two_studies_of_one_name_in_one_folder_keep_their_files"),
    Row("a node that does not see the results folder", "the study pauses before its first trial",
        "faults/test_nodes.py::test_every_node_shows_that_it_sees_the_results"),
    Row("the clock is set back or forward by hours",
        "a lease keeps its length; its age is never negative",
        "faults/test_clock.py::test_a_study_is_free_after_the_length_of_its_lease"),
    Row("any umask", "the database, weights and pages have its permissions alike",
        "faults/test_permissions.py::test_every_file_has_the_permissions_of_the_umask"),
    Row("weights that changed before the test score", "no score is recorded; the message says why",
        "cli/test_housekeeping.py::"
        "test_no_score_is_recorded_of_weights_that_are_not_the_trials"),
    Row("weights that changed", "the export refuses them",
        "exports/test_bundle.py::test_weights_that_changed_since_they_were_recorded_are_refused"),
    Row("an export that is interrupted", "everything is as before",
        "exports/test_bundle.py::test_interruption_leaves_everything_as_it_was"),
    Row("images that changed", "the study is not resumed on them",
        "cli/test_changed_data.py::test_a_study_is_not_resumed_on_other_images"),
    Row("a temporary folder that is shared with another container",
        "only what a lock says is left is deleted",
        "tuner/test_cluster.py::test_only_the_scratch_whose_process_has_ended_is_swept"),
    Row("other users and other machines", "a local Ray accepts connections of 127.0.0.1 alone",
        "tuner/test_local.py::test_no_other_machine_and_no_other_user_reaches_it"),
)  # fmt: skip
