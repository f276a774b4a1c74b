"""The files of studies: their folders in results folders, and the weights of trials."""

import json
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nas.errors import NasError
from nas.storage import File, FolderStorage, Keep, Storage, open_storage
from nas.store import files, studies, weights
from nas.store.database import Database
from nas.store.record import TrialRecord
from nas.study import Trial, folder_owner, weights_owner


class FileRecord(TrialRecord):
    """The locations of the files of studies; methods raise a StoreError for an unknown study."""

    def __init__(self, database: Database) -> None:
        """Search for files also relative to the file of an SQLite `database`."""
        super().__init__(database)
        self._first: list[Path] = []
        path = self._address.path
        self._base = path.resolve().parent if path else None

    def look_in(self, results: Path) -> None:
        """Search for weights in this results folder first, before those of the study's runs."""
        self._first = [results.resolve()]

    def uid(self, name: str) -> str:
        """Return the identity of a study, which is unique among all databases."""
        return str(self._study(name).uid)

    def claim_folder(self, name: str, results: Path, storage: str | None = None) -> str:
        """Create the folder of a study in `results`, and record it; return its name.

        It has the name of the study, unless another study has a folder of that name there. With a
        `storage`, the weights are in a folder of this name in the storage.

        Raises:
            OSError: the folder cannot be created.
            StorageError: the storage cannot be used.
        """
        row = self._study(name)
        own = files.StudyFiles(row, [results.resolve()], self._base)
        opened = open_storage(storage) if storage else None
        folder = own.claim(results.resolve(), opened)
        places = json.dumps(own.recorded_places)
        self._write(name, partial(studies.change, folder=folder, places=places, storage=storage))
        self._spools[name] = results.resolve() / folder
        return folder

    def storage(self, name: str) -> str | None:
        """Return the storage of a study's weights; None if they are in its results folders."""
        found: str | None = self._study(name).storage
        return found

    def has_run(self, name: str) -> bool:
        """Tell whether a study has had a folder."""
        return self._study(name).folder is not None

    def folder(self, name: str) -> str:
        """Return the name of a study's folder in a results folder."""
        return files.StudyFiles(self._study(name), [], self._base).name

    def folders(self, name: str) -> list[Path]:
        """Return the folders of a study, newest first; empty before its first run."""
        return files.StudyFiles(self._study(name), self._first, self._base).folders()

    def missing_folder(self, name: str) -> str | None:
        """Return the folder of a study's last run if its files cannot be found; see `look_in`."""
        return files.StudyFiles(self._study(name), self._first, self._base).missing()

    def weights_file(self, study: str, trial: Trial) -> File | None:
        """Return the file of a trial's weights; None if it has none, or they are missing.

        The weights of a reused trial are in the folder of the other study.

        Raises:
            StorageError: the storage cannot be reached.
        """
        ((_, found),) = self.weights_files(study, [trial])
        return found

    def weights_files(self, study: str, trials: Sequence[Trial]) -> list[tuple[Trial, File | None]]:
        """Return each trial with the file of its weights, as `weights_file` does."""
        if not trials:
            return []
        own = files.StudyFiles(self._study(study), self._first, self._base)
        # The places of other studies come last; they have the weights of reused trials.
        places = [*own.places, *self._database.read(lambda c: files.all_places(c, self._base))]
        storages = [own.storage] if own.storage else []
        every = storages
        if any(trial.origin for trial in trials):
            every = [*storages, *self._database.read(files.all_storages)]
        return [
            (trial, files.find_weights(trial, places, every if trial.origin else storages))
            for trial in trials
        ]

    def disk_use(self) -> dict[str, int]:
        """Return the size in bytes of each study's files, by name, in folders that exist."""
        rows = self._database.read(files.rows)
        return {row.name: files.StudyFiles(row, self._first, self._base).size() for row in rows}

    def storages(self) -> dict[str, str]:
        """Return the storages of studies by the name of the study, for studies that have one."""
        return {row.name: row.storage for row in self._database.read(files.rows) if row.storage}

    def unrecorded(self, name: str, known: Collection[str]) -> list[str]:
        """Return the weights files of a study whose names are not `known`, in all its folders.

        Raises:
            StorageError: its storage cannot be reached.
        """
        return [
            str(folder.file(key))
            for folder in self._weights_folders(name)
            for key in sorted(folder.sizes())
            if weights_owner(key) and key not in known
        ]

    def keep(self, name: str) -> Keep:
        """Return which weights a study keeps after its end."""
        return Keep(self._study(name).keep)

    def set_keep(self, name: str, keep: Keep) -> None:
        """Set which weights a study keeps after its end."""
        self._write(name, partial(studies.change, keep=keep.value))

    def remove_weights(self, name: str, keep: Collection[int]) -> weights.Removed:
        """Remove the weights of a study, except those of the trials `keep` and those others use.

        They are recorded as removed before the files are deleted, so that after an interruption no
        record refers to a missing file.
        """
        self._write(name, lambda c, key: weights.mark_removed(c, key, keep))
        row = self._study(name)
        kept = self._database.read(lambda c: weights.kept_names(c, row.id))
        return weights.delete_files(self._weights_folders(name), row.uid, kept)

    def _weights_folders(self, name: str) -> list[Storage]:
        """Return the folders of a study in its results folders and in its storage.

        Raises:
            StorageError: the storage cannot be reached.
        """
        own = files.StudyFiles(self._study(name), self._first, self._base)
        folders: list[Storage] = [FolderStorage(path) for path in own.folders()]
        if own.storage is not None:
            there = own.storage.below(own.name)
            folders += [there] if folder_owner(there) == own.uid else []
        return folders

    def relocate(self, old: str, new: str) -> list[str]:
        """Record that the files of the storage `old` are now in `new`; return the studies.

        Raises:
            NasError: no study has the storage `old`, or the folder of a study is not in `new`.
            StorageError: the new storage cannot be reached.
        """
        own = [name for name, place in self.storages().items() if place == old]
        if not own:
            raise NasError(f"no study has the storage {old}.", "Its storage is in: nas show STUDY")
        for name in own:
            folder = open_storage(new).below(self.folder(name))
            if folder_owner(folder) != self.uid(name):
                raise NasError(
                    f"there is no folder {folder} of the study {name}: nothing was changed.",
                    "Copy the whole storage there first, study.json files included.",
                )
        for name in own:
            self._write(name, partial(studies.change, storage=new))
        return own

    def _study(self, name: str) -> sa.Row[Any]:
        return self._database.read(lambda connection: studies.find(connection, name, self._address))
