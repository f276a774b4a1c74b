"""The line that continues a study, and the errors of a study that cannot continue or failed."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from nas.errors import NasError, StudyFailedError, StudyPausedError
from nas.storage import open_storage
from nas.store import Store, open_store
from nas.study import Reason, Study, Trial, TrialState, last_line, repeatable
from nas.user_folders import RESULTS
from nas.workflows.events import FolderRenamed, Watcher
from nas.workflows.requests import RunRequest

PATIENCE_SECONDS = 600.0  # for a database that does not answer, while a study runs


def resume_command(store: Store, study: str, run: RunRequest) -> str:
    """Return the command to continue `study` in the same directory on the same cluster."""
    words = f"resume {study}"
    if run.results_dir != Path(RESULTS):
        words += f" --results {shlex.quote(str(run.results_dir))}"
    if run.workers > 1:
        words += f" --workers {run.workers}"
    if run.ray_address:
        words += f" --ray-address {shlex.quote(run.ray_address)}"
    if run.formats:
        words += f" --format {','.join(run.formats)}"
    return store.command(words)


def with_storage(store: Store, study: str, run: RunRequest) -> RunRequest:
    """Return `run` with the storage of a study that has run before.

    Raises:
        NasError: `run` names another one.
    """
    own = store.storage(study)
    if not store.has_run(study):
        return run
    if run.storage not in (None, own):
        if own is None:
            cause = f"the weights of {study} are in its results folder"
            remedy = "Leave --storage out."
        else:
            cause = f"the storage of {study} is {open_storage(own)}"
            moved = f"db relocate {shlex.quote(own)} {shlex.quote(run.storage or '')}"
            remedy = f"Leave --storage out; if it was moved, type: {store.command(moved)}"
        raise NasError(f"{cause}, not in {open_storage(run.storage or '')}.", remedy)
    return replace(run, storage=own)


def check_folder(store: Store, study: str, results_dir: Path) -> None:
    """Refuse to continue a study whose files cannot be found, instead of creating new ones.

    Raises:
        StudyPausedError: its folder is missing, although files of a trial were written.
    """
    store.look_in(results_dir)
    folder = store.missing_folder(study)
    trials = store.trials(study, curves=False) if folder else []
    if folder is None or not any(_has_files(store, study, trial) for trial in trials):
        return
    if storage := store.storage(study):
        raise StudyPausedError(
            f"the folder {folder} with the weights of {study} is not there.",
            "Restore it. If the storage was moved, type: "
            + store.command(f"db relocate {shlex.quote(storage)} NEW"),
        )
    raise StudyPausedError(
        f"the folder {folder} with the weights of {study} is not there.",
        "Mount or restore it, or give the results folder that has it now: --results DIR. If it is "
        f"lost, type: mkdir -p {shlex.quote(folder)}",
    )


def _has_files(store: Store, study: str, trial: Trial) -> bool:
    """Tell whether a trial may have written files: it ended, or was measured on a working disk."""
    return trial.state.finished or (
        bool(trial.measurements)
        and store.attempts(study, trial.number)[-1].reason != Reason.STORAGE
    )


def claimed_folder(store: Store, study: str, run: RunRequest, on_event: Watcher) -> str:
    """Create the study's folder in the results, and return its name; report another name.

    Raises:
        StudyPausedError: it cannot be created.
    """
    results_dir = run.results_dir
    try:
        folder = store.claim_folder(study, results_dir, run.storage)
    except OSError as error:
        raise StudyPausedError(
            f"{study} has no folder in {results_dir}: {in_words(error)}.",
            "Correct this before you continue.",
        ) from error
    if folder != study:
        on_event(FolderRenamed(results_dir / folder, results_dir / study))
    return folder


def in_words(error: Exception) -> str:
    """Return the cause of an OSError or a NasError, without a full stop."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return str(getattr(error, "cause", error)).rstrip(".")


def open_to_run(db: str | None, on_event: Watcher, create: bool = True) -> Store:
    """Open the database for running a study: calls wait long if it does not answer.

    Raises:
        StoreError: it cannot be opened.
    """
    return open_store(db, create=create, patience=PATIENCE_SECONDS, watch=on_event)


@contextmanager
def resumable(
    store: Store, study: str, run: RunRequest, kind: type[BaseException] = BaseException
) -> Iterator[None]:
    """Add the command that continues `study` to exceptions of `kind`, as a note (PEP 678)."""
    try:
        yield
    except kind as error:
        line = continue_line(resume_command(store, study, run))
        if line not in getattr(error, "__notes__", ()):
            error.add_note(line)
        raise


def continue_line(command: str) -> str:
    """Return the line with the command that continues a study."""
    return f"Continue with: {command}"


def check_repeatable(study: str, trials: Sequence[Trial]) -> None:
    """Refuse to repeat the failed trials of a study if all of them would fail again.

    Raises:
        NasError: all of them would, or none failed.
    """
    if any(map(repeatable, trials)):
        return
    final = Counter(t.fail_reason for t in trials if t.state is TrialState.FAILED)
    named = ", ".join(f"{number} with {reason}" for reason, number in final.items())
    raise NasError(
        f"{study} has no failed trial to repeat"
        + (f": {named} would fail in the same way." if final else "."),
        "Continue it without --retry-failed.",
    )


def none_complete(study: Study, show: str) -> StudyFailedError:
    """Return the error for a study without complete candidate; `show` is the command to see why."""
    name = study.spec.name
    failed = next((t for t in study.candidates if t.state is TrialState.FAILED), None)
    if not study.spec.networks or failed is None:
        return StudyFailedError(
            f"no candidate of {name} reached full fidelity.", f"See why: {show}"
        )
    remedies: dict[str, str] = {
        Reason.NAN: "Train with a lower learning rate: --set lr=…",
        Reason.OOM: "Train with smaller batches (--set batch_size=…) "
        "or parts (--set accumulation=…).",
    }
    remedy = remedies.get(failed.fail_reason or "", f"See: {show}")
    detail = last_line(failed.fail_detail).rstrip(".")
    return StudyFailedError(f"the training {name} failed ({failed.fail_reason}): {detail}.", remedy)
