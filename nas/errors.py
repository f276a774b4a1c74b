"""The exception classes; each message names the mistake and says how to correct it.

    NasError (2)                     usage, space, budget, task, data, export
    ├── NoEffectError                a setting that has no effect together with the others
    ├── SpaceError                   a space file that cannot be used
    ├── ArchitectureError            an architecture that its space does not contain
    ├── BudgetError                  a budget that cannot be read or cannot be met
    ├── TaskError                    a task or its data that cannot be used
    ├── ExportError                  a file that was not written, or failed its check
    ├── WeightsError                 weights that are missing, or differ from the recorded ones
    ├── StudyFailedError (3)         a study that stopped because its trials keep failing
    ├── StudyPausedError (7)         a study that paused because its disk, folders or data failed
    │   └── StorageError             a storage of weights that cannot be reached, read or written
    ├── InterruptedStudyError (130)  a study that was interrupted after its last trial
    ├── RayLostError (4)             a Ray that ended or did not answer while a study ran
    └── StoreError (4)               a database that cannot be reached, read or written
        ├── StaleWriteError          a write that contradicts the record
        ├── NameTakenError           a new study with the name of an existing one
        ├── DatabaseLostError        a database file that was deleted or replaced while in use
        ├── StudyBusyError (5)       another process is running this study
        └── SchemaError (6)          a database of another version

The number in brackets is the exit code of the command line.
"""

import re
from collections.abc import Callable
from pathlib import Path


class NasError(ValueError):
    """A mistake that the user can correct: one line of cause, one line of remedy."""

    exit_code = 2

    def __init__(self, cause: str, remedy: str) -> None:
        """Keep the `cause` (what is wrong, with the value) and the `remedy` (what to do next)."""
        super().__init__(cause, remedy)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        """Return both lines, joined by a space."""
        return f"{self.cause} {self.remedy}"


class NoEffectError(NasError):
    """A setting that has no effect together with the others.

    `why` and `remedy` name settings in braces: the Python API writes `{epochs}` as epochs, a
    command as --epochs.
    """

    def __init__(
        self, setting: str, why: str, remedy: str = "", word: Callable[[str], str] = str
    ) -> None:
        """Refuse `setting`; `word` returns the name of a setting as the user writes it.

        The default `remedy` is to leave the setting out.
        """

        def written(text: str) -> str:
            return re.sub(r"{([a-z_.]+)}", lambda match: word(match[1]), text)

        remedy = remedy or f"Leave {{{setting}}} out."
        super().__init__(written(f"{{{setting}}} has no effect: {why}."), written(remedy))
        self.setting, self._template = setting, (why, remedy)

    def worded(self, word: Callable[[str], str]) -> "NoEffectError":
        """Return the same error with other names of the settings."""
        return NoEffectError(self.setting, *self._template, word)


class SpaceError(NasError):
    """A space file that is missing or malformed, or allows no network."""


class ArchitectureError(NasError):
    """An architecture that cannot be read, or that its space does not contain."""


class BudgetError(NasError):
    """A budget that cannot be read, or that no architecture of the space meets."""


class TaskError(NasError):
    """A task that is unknown, or whose data is missing or broken."""


class ExportError(NasError):
    """An export that was refused, or whose check against PyTorch failed."""


class WeightsError(NasError):
    """Weights of a trial whose file is missing, or differs from the recorded one."""


class StudyFailedError(NasError):
    """A study that ended early because its trials keep failing."""

    exit_code = 3


class StudyPausedError(NasError):
    """A study that waits until a disk, a folder or its data is repaired; its trials wait too."""

    exit_code = 7


class StorageError(StudyPausedError):
    """A storage of weights that cannot be reached, read or written; the study pauses."""


class InterruptedStudyError(NasError):
    """A study that was interrupted after its last trial, before its report and export."""

    exit_code = 130


class RayLostError(NasError):
    """A Ray whose processes ended, or did not answer, while a study ran."""

    exit_code = 4


class StoreError(NasError):
    """A database that cannot be reached, read or written; or an unknown or conflicting study."""

    exit_code = 4


class StaleWriteError(StoreError):
    """A write of a trial whose record has changed meanwhile, or has other values."""


class NameTakenError(StoreError):
    """A new study with the name of another study of the database."""


class DatabaseLostError(StoreError):
    """A database file that was deleted or replaced while in use; its records are in `copy`."""

    def __init__(self, cause: str, remedy: str, copy: Path | None = None) -> None:
        """Keep the path of the rescued database; None if there is none."""
        super().__init__(cause, remedy)
        self.copy = copy


class StudyBusyError(StoreError):
    """A study that another process is running."""

    exit_code = 5


class SchemaError(StoreError):
    """A database written by another version of the schema."""

    exit_code = 6
