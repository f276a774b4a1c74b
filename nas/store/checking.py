"""The check of a store: the database is intact, and every recorded file exists unchanged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from nas.errors import NasError, StorageError
from nas.storage import File, file_sha256
from nas.store.opening import open_store
from nas.store.store import Store
from nas.study import Trial


@dataclass(frozen=True)
class Discrepancy:
    """A fault of a study: its records cannot be read, or the weights of `trial` differ."""

    study: str
    trial: int | None
    cause: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.study}{'' if self.trial is None else f'#{self.trial}'}: {self.cause}"


@dataclass
class Checked:
    """The result of a check: the numbers of studies, trials and weights, and their faults.

    `orphans` are weights files in the folders of studies without a record, for instance of an
    attempt that was lost while it saved them.
    """

    studies: int = 0
    trials: int = 0
    weights: int = 0
    faults: list[Discrepancy] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)


def check_store(url: str | None = None, results: Path | None = None) -> Checked:
    """Check the database at `url`, its records and its files; nothing is changed.

    Files are searched in the folder `results` first.

    Raises:
        StoreError: the database is damaged, or cannot be read.
    """
    checked, sha256 = Checked(), cache(file_sha256)
    with open_store(url, create=False, read_only=True) as store:
        store.check_tables()
        if results is not None:
            store.look_in(results)
        for name in store.names():
            checked.studies += 1
            try:
                trials = store.trials(name, curves=False)
            except (NasError, ValueError, KeyError, TypeError) as error:
                checked.faults.append(
                    Discrepancy(name, None, f"its records cannot be read: {error}")
                )
                continue
            checked.trials += len(trials)
            _check_weights(store, name, trials, sha256, checked)
    return checked


def _check_weights(
    store: Store, name: str, trials: Sequence[Trial], sha256: Callable[[File], str], into: Checked
) -> None:
    """Compare the weights of a study with its record."""
    try:
        found = store.weights_files(name, [trial for trial in trials if trial.has_weights])
        for trial, file in found:
            into.weights += 1
            cause = None
            if file is None:
                cause = f"its weights {trial.weights_path} are missing"
            elif trial.weights_sha256 and _changed(file, trial.weights_sha256, sha256):
                cause = f"its weights {file} have changed"
            if cause:
                into.faults.append(Discrepancy(name, trial.number, cause))
        known = {Path(trial.weights_path or "").name for trial, _ in found}
        into.orphans += store.unrecorded(name, known)
    except StorageError as error:
        into.faults.append(Discrepancy(name, None, error.cause))


def _changed(file: File, recorded: str, sha256: Callable[[File], str]) -> bool:
    try:
        return sha256(file) != recorded
    except OSError:
        return True
