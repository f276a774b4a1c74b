"""Search: create or continue a study, run its trials, and export its best network."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nas.errors import (
    ExportError,
    InterruptedStudyError,
    NameTakenError,
    StorageError,
    StoreError,
    StudyFailedError,
    StudyPausedError,
)
from nas.results import StudyResults
from nas.storage import Storage
from nas.store import Store
from nas.study import (
    NodeChecked,
    Study,
    StudySpec,
    Trial,
    TrialFinished,
    TrialState,
    checkpoint_folder,
    reason_of,
)
from nas.workflows import events
from nas.workflows.earlier_studies import borrow_history
from nas.workflows.kept_weights import drop_checkpoints, record_keep, remove_the_rest
from nas.workflows.package_versions import study_versions
from nas.workflows.plan import check_request, check_task_loaders, plan_study
from nas.workflows.requests import RunRequest, SearchRequest
from nas.workflows.resumption import (
    check_folder,
    check_repeatable,
    claimed_folder,
    in_words,
    none_complete,
    open_to_run,
    resumable,
    resume_command,
    with_storage,
)
from nas.workflows.run_settings import pausing_on_order, run_settings

if TYPE_CHECKING:
    from nas.workflows.finish_study import FinishedStudy
    from nas.workflows.preflight_checks import Preflight


@dataclass(frozen=True)
class SearchOutcome:
    """The end of a run of a study, after `seconds`; `resume` is the command to continue it.

    `finished` holds the files of a complete study; None if the run was interrupted. `further`
    is the run of the study that follows it, if there is one.
    """

    study: Study
    seconds: float
    resume: str
    interrupted: bool
    finished: "FinishedStudy | None" = None
    further: "SearchOutcome | None" = None

    @property
    def kept(self) -> str:
        """The trials that an interrupted study keeps, as text."""
        trials = self.study.trials
        finished = sum(trial.state.finished for trial in trials)
        waiting = sum(trial.state is TrialState.WAITING for trial in trials)
        kind = "trials are" if finished != 1 else "trial is"
        return f"{finished} finished {kind} kept, {waiting} to start again."


def search(
    request: SearchRequest,
    run: RunRequest,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
) -> SearchOutcome:
    """Create the study of `request` in the database `db`, run it and export its best network.

    Raises:
        NasError: a setting cannot be used, and nothing was created; or the study failed or paused,
            and its measurements are kept.
    """
    check_request(request)
    check_task_loaders(run.loaders, request.task)
    with planned(request, run, on_event) as ready, open_to_run(db, on_event) as store:
        spec = enter(store, ready, request.study, run, request)
        return finish(store, ready.named(spec), run, on_event)


@contextmanager
def planned(
    request: SearchRequest, run: RunRequest, on_event: events.Watcher
) -> "Iterator[Preflight]":
    """Plan a study and pass its preflight, while Ray starts; Ray runs within the block.

    Raises:
        NasError: a setting cannot be used; nothing has been created.
    """
    from nas.tuner import started_ahead

    with started_ahead(run.ray_address):  # while torch is loaded and the data is read
        spec = plan_study(request, on_event, run)
        from nas.workflows.preflight_checks import preflight

        yield preflight(spec, run)


def resume(
    study: str,
    run: RunRequest,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
    *,
    retry_failed: bool = False,
    unpause: bool = True,
) -> SearchOutcome:
    """Continue a study; finished trials are not repeated.

    An order to pause it is cancelled, unless `unpause` is false.

    `retry_failed` repeats the failed trials, unless they would fail again: a lost or silent worker,
    an error, or exhausted memory may have been the fault of a machine.

    Raises:
        NasError: there is no such study, no failed trial to repeat, the study cannot continue here,
            or it failed or paused.
    """
    from nas.tuner import joined
    from nas.workflows.preflight_checks import preflight

    with open_to_run(db, on_event, create=False) as store, joined(run.ray_address):
        spec = store.spec(study)
        if unpause:
            store.unpause(study)
        if retry_failed:
            check_repeatable(study, store.trials(study, curves=False))
        with resumable(store, study, run):
            run = with_storage(store, study, run)
            check_folder(store, study, run.results_dir)
            return finish(store, preflight(spec, run), run, on_event, retry_failed=retry_failed)


def enter(
    store: Store,
    ready: "Preflight",
    name: str | None,
    run: RunRequest,
    learning: SearchRequest | None = None,
) -> StudySpec:
    """Create a new study with the given `name`, or with the first free default name.

    It learns from earlier studies by the settings of `learning`; without it from none.

    Raises:
        NasError: the name cannot be used, or nothing can be learnt from a study that was named.
    """
    spec = ready.new_spec
    versions, borrowed = study_versions(spec), list[Trial]()
    if learning is not None and ready.feasible is not None:
        borrowed, learnt = borrow_history(store, spec, ready.feasible, versions, learning)
        spec = replace(spec, learnt=learnt)
    if name is None:
        return store.create_numbered(spec, versions, borrowed)
    with resumable(store, name, run, NameTakenError):
        store.create_study(spec, versions, borrowed)
    return spec


def finish(
    store: Store,
    ready: "Preflight",
    run: RunRequest,
    on_event: events.Watcher,
    *,
    retry_failed: bool = False,
) -> SearchOutcome:
    """Run the remaining trials of a study and export its best network.

    Raises:
        NasError: the study failed or paused; its measurements are kept.
    """
    name = ready.spec.name
    with resumable(store, name, run), store.acquire(name):
        outcome = measure(store, ready, run, on_event, retry_failed=retry_failed)
        if outcome.interrupted:
            return outcome
        from nas.workflows.finalists import winner  # imports the exports, which trials do not need

        with _interrupted_by_errors(store, name):
            best = winner(store, outcome.study, on_event)
            if best is not None:
                outcome = _conclude(store, outcome, best, ready, run, on_event)
        if best is None:
            store.set_state(name, "FAILED" if ready.spec.networks else "COMPLETE")
            raise none_complete(outcome.study, store.command(f"show {name}"))
        store.set_state(name, "INTERRUPTED" if outcome.interrupted else "COMPLETE")
        if not outcome.interrupted:
            store.fulfil(name)
    return outcome


@contextmanager
def _interrupted_by_errors(
    store: Store, name: str, *failures: type[BaseException]
) -> Iterator[None]:
    """Record a study as interrupted if the block raises an error, or as failed by `failures`."""
    try:
        yield
    except BaseException as error:
        with suppress(StoreError):  # if the database is unreachable, the first error says so
            store.set_state(name, "FAILED" if isinstance(error, failures) else "INTERRUPTED")
        raise


def _conclude(
    store: Store,
    outcome: SearchOutcome,
    best: Trial,
    ready: "Preflight",
    run: RunRequest,
    on_event: events.Watcher,
) -> SearchOutcome:
    """Run the study that follows a search, if there is one; then report and export the search."""
    further = _further(store, outcome.study, best, ready, run, on_event)
    if further is not None:
        outcome = replace(outcome, interrupted=further.interrupted, further=further)
        if further.interrupted:
            return outcome
    finished = _finish(store, outcome, best, ready, run, on_event)
    if finished.lost is None:
        remove_the_rest(store, outcome.study, on_event)
    return replace(outcome, finished=finished)


def _further(
    store: Store,
    study: Study,
    best: Trial,
    ready: "Preflight",
    run: RunRequest,
    on_event: events.Watcher,
) -> SearchOutcome | None:
    """Run the study that follows a search, and record its results in the search.

    None if no study follows. The first call creates the study, and later calls continue it.
    """
    from nas.workflows.finish_study import test_study
    from nas.workflows.further_study import begun_study, further_spec, record_further
    from nas.workflows.preflight_checks import preflight

    name = ready.spec.name
    if ready.spec.networks or not (ready.spec.teach or ready.spec.real):
        return None
    test_study(store, study, best, ready.task, on_event)
    found = StudyResults(ready.spec, study.trials, store.reports(name))
    wanted = further_spec(found, study.to_confirm())
    assert wanted is not None
    alone = replace(run, cpus_per_trial=run.cpus_per_trial or 1.0, keep=None)  # as in the search
    own = preflight(wanted, alone)
    own = own.named(begun_study(store, own.new_spec) or enter(store, own, None, run))
    try:
        outcome = finish(store, own, alone, on_event)
    except BaseException as error:
        getattr(error, "__notes__", []).clear()  # resuming the search continues this study, too
        raise
    if outcome.finished is not None:
        record_further(store, found, outcome.finished.results)
    return outcome


def measure(
    store: Store,
    ready: "Preflight",
    run: RunRequest,
    on_event: events.Watcher,
    *,
    retry_failed: bool = False,
) -> SearchOutcome:
    """Run the remaining trials of a study that this process holds.

    The record says afterwards that it is interrupted or failed, or still running: the caller
    records that it is complete.

    Raises:
        StudyFailedError: its trials keep failing.
        StudyPausedError: a disk, a folder or data failed.
    """
    name = ready.spec.name
    again = resume_command(store, name, run)
    on_event(events.StudyReady(store, ready))
    folder = claimed_folder(store, name, run, on_event)
    files = run.files.below(folder)
    record_keep(store, name, run.keep)
    if late := store.record_kept(name):
        on_event(events.ResultsRecovered(late))
    study = Study(ready.spec, store, ready.sampler)
    store.remember(study)
    if retry_failed:
        study.retry_failed()
    store.set_state(name, "RUNNING")
    with _interrupted_by_errors(store, name, StudyFailedError):
        interrupted, seconds = _run(store, study, ready, run, files, on_event)
    if interrupted:
        with suppress(StoreError):
            store.set_state(name, "INTERRUPTED")
    else:
        study.check_budget()
        with suppress(OSError, StorageError):  # they are not needed any more
            drop_checkpoints(files, study.trials)
        on_event(events.StudyComplete(store, study))
    return SearchOutcome(study, seconds, again, interrupted)


def _run(
    store: Store,
    study: Study,
    ready: "Preflight",
    run: RunRequest,
    files: Storage,
    on_event: events.Watcher,
) -> tuple[bool, float]:
    """Run the remaining trials; return whether the run was interrupted, and its seconds."""
    on_event(events.TrialsBegin(study))
    try:
        if not _left(study):
            return False, 0.0
        from nas.tuner import run as run_trials

        def watch(event: events.Event) -> None:
            if isinstance(event, TrialFinished) and event.trial.state is not TrialState.FAILED:
                with suppress(OSError, StorageError):
                    files.remove(checkpoint_folder(event.trial.number))
            if isinstance(event, NodeChecked):
                store.record_node(ready.spec.name, event)
            on_event(event)

        settings = run_settings(store, ready, run, on_event)
        with pausing_on_order(store, ready.spec.name):
            outcome = run_trials(study, settings, watch)
        return outcome.interrupted, outcome.seconds
    finally:
        on_event(events.TrialsEnd())


def _left(study: Study) -> bool:
    """Tell whether a trial may be left to train; otherwise Ray is not needed."""
    planned_trials = study.planned()
    ended = sum(trial.state.finished for trial in study.trials)
    return planned_trials is None or ended < planned_trials


def _finish(
    store: Store,
    outcome: SearchOutcome,
    best: Trial,
    ready: "Preflight",
    run: RunRequest,
    on_event: events.Watcher,
) -> "FinishedStudy":
    """Export the study; after an interruption, the error has the command that completes it."""
    from nas.workflows.finish_study import finish_study

    name = ready.spec.name
    on_event(events.ResultsBegin())
    left = f"the trials of {name} are complete, the report and the export are not"
    remedy = "The study can be continued."
    try:
        return finish_study(store, outcome.study, best, ready.task, run, on_event)
    except KeyboardInterrupt as error:
        raise InterruptedStudyError(f"interrupted: {left}.", remedy) from error
    except (OSError, ExportError) as error:
        if reason_of(error) is None:
            raise
        raise StudyPausedError(f"{left} ({in_words(error)}).", remedy) from error
