"""The files of studies: their folders in results folders, and the weights of trials."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nas.store import files, studies
from nas.store.database import Database
from nas.store.record import TrialRecord
from nas.study import Trial


class FileRecord(TrialRecord):
    """Where the files of studies are; each method raises a StoreError if there is no such study."""

    def __init__(self, database: Database) -> None:
        """Search for files relative to an SQLite `database`, too."""
        super().__init__(database)
        self._first: list[Path] = []
        path = self._address.path
        self._base = path.resolve().parent if path else None

    def look_in(self, results: Path) -> None:
        """Search for weights in this results folder first, wherever a study was run."""
        self._first = [results.resolve()]

    def uid(self, name: str) -> str:
        """Return the identity of a study, which is unique among all databases."""
        return str(self._study(name).uid)

    def claim_folder(self, name: str, results: Path) -> str:
        """Create the folder of a study in `results`, and record it; return its name.

        It has the name of the study, unless another study has a folder of that name there.

        Raises:
            OSError: it cannot be created.
        """
        row = self._study(name)
        recorded = self._database.read(lambda c: files.recorded_weights(c, row.id))
        own = files.StudyFiles(row, [results.resolve()], self._base)
        folder = own.claim(results.resolve(), recorded)
        places = own.recorded_places
        self._write(name, lambda c, key: studies.set_folder(c, key, folder, places))
        self._spools[name] = results.resolve() / folder
        return folder

    def folder(self, name: str) -> str:
        """Return the name of a study's folder in a results folder."""
        return files.StudyFiles(self._study(name), [], self._base).name

    def folders(self, name: str) -> list[Path]:
        """Return the folders of a study, newest first; empty before its first run."""
        return files.StudyFiles(self._study(name), self._first, self._base).folders()

    def missing_folder(self, name: str) -> Path | None:
        """Return the folder of a study's last run if its files cannot be found; see `look_in`."""
        return files.StudyFiles(self._study(name), self._first, self._base).missing()

    def weights_file(self, study: str, trial: Trial) -> Path | None:
        """Return the path of a trial's weights; None if it has none, or they are missing.

        The weights of a reused trial are in the folder of the other study.
        """
        ((_, found),) = self.weights_files(study, [trial])
        return found

    def weights_files(self, study: str, trials: Sequence[Trial]) -> list[tuple[Trial, Path | None]]:
        """Return each trial with the path of its weights, as `weights_file` does."""
        row = self._study(study)
        places = files.StudyFiles(row, self._first, self._base).places
        if trials:  # those of other studies last, for weights that are reused
            places = [*places, *self._database.read(lambda c: files.all_places(c, self._base))]
        return [(trial, files.find_weights(trial, places)) for trial in trials]

    def disk_use(self) -> dict[str, int]:
        """Return the size in bytes of each study's files, by name, in folders that exist."""
        rows = self._database.read(files.rows)
        return {row.name: files.StudyFiles(row, self._first, self._base).size() for row in rows}

    def _study(self, name: str) -> sa.Row[Any]:
        return self._database.read(lambda connection: studies.find(connection, name, self._address))
