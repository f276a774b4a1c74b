"""Files of studies: their folders, and the paths of weights.

The results folders of a study are recorded as absolute paths. A folder below the directory of an
SQLite file is recorded also relative to that directory, so that both can be moved or copied
together. The storage of a study, if it has one, is recorded as a URI or an absolute path.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nas.storage import File, Storage, open_storage
from nas.store.tables import STUDY
from nas.study import (
    Trial,
    claim_folder,
    find_file,
    folder_owner,
    folder_size,
)


class StudyFiles:
    """The files of one study, by its row."""

    def __init__(self, row: sa.Row[Any], first: list[Path], base: Path | None) -> None:
        """Search the results folders `first`, then those of the study's runs.

        `base` is the directory of an SQLite file; None for PostgreSQL.
        """
        self.uid: str = row.uid
        self.name: str = row.folder or row.name
        self._recorded = read_places(row.places, base)
        self.places = list(dict.fromkeys([*first, *self._recorded]))
        self._base = base
        self._storage: str | None = row.storage
        self._names = [self.name, row.name, f"{row.name}-{row.uid[:8]}", f"{row.name}-{row.uid}"]

    @cached_property
    def storage(self) -> Storage | None:
        """The storage of the weights; None if they are in the results folders."""
        return open_storage(self._storage) if self._storage else None

    def folders(self) -> list[Path]:
        """Return the folders that belong to the study, newest first."""
        found = (place / name for place in self.places for name in dict.fromkeys(self._names))
        return [folder for folder in found if folder_owner(folder) == self.uid]

    def missing(self) -> str | None:
        """Return the folder of the newest run if the study has no folder in any results folder.

        If the study has a storage, return its folder there if it is missing. None if the folder
        exists, before the first run, and if there is a folder of this name without an owner.

        Raises:
            StorageError: the storage cannot be reached.
        """
        if self.storage is not None:
            there = self.storage.below(self.name)
            return None if folder_owner(there) == self.uid else str(there)
        named = [place / self.name for place in self.places]
        if not self._recorded or self.folders():
            return None
        if any(folder.is_dir() and folder_owner(folder) is None for folder in named):
            return None
        return str(self._recorded[0] / self.name)

    @property
    def recorded_places(self) -> list[str]:
        """The results folders in the form in which they are recorded."""
        return [text for place in self.places for text in _written(place, self._base)]

    def size(self) -> int:
        """Return the bytes of the files in the folders."""
        return sum(map(folder_size, self.folders()))

    def moves(self, new: str) -> list[tuple[Path, Path]]:
        """Return the folders to rename with their study, and their new paths.

        If a folder is unreachable or its new name is taken, no folder is renamed, because one name
        is recorded for all places. Folders of a study with a storage are never renamed.
        """
        existing = self.folders()
        if self.storage is not None:
            return []
        pairs = [(folder, folder.with_name(new)) for folder in existing if folder.name == self.name]
        free = not any(fresh.exists() for _, fresh in pairs)
        return pairs if free and len(pairs) == len(self.places) else []

    def claim(self, results: Path, storage: Storage | None = None) -> str:
        """Make the study's folder in `results`, and in the `storage`; return its name.

        Raises:
            OSError: the folder cannot be made.
            StorageError: the storage cannot be used.
        """
        return claim_folder(results, dict.fromkeys(self._names), self.uid, storage)


def rows(connection: sa.Connection) -> list[sa.Row[Any]]:
    """Return the columns that locate the files of each study."""
    columns = (STUDY.c.name, STUDY.c.uid, STUDY.c.folder, STUDY.c.places, STUDY.c.storage)
    return list(connection.execute(sa.select(*columns)))


def move(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Rename folders, given as (old, new); those already renamed are skipped.

    Raises:
        OSError: a folder cannot be renamed; the others get their old names back.
    """
    done: list[tuple[Path, Path]] = []
    try:
        for old, new in pairs:
            if old.exists() and not new.exists():
                old.rename(new)
                done.append((old, new))
    except OSError:
        for old, new in done:
            new.rename(old)
        raise


def all_places(connection: sa.Connection, base: Path | None) -> list[Path]:
    """Return the distinct results folders of all studies."""
    texts = connection.execute(sa.select(STUDY.c.places).distinct()).scalars()
    return list(dict.fromkeys(place for text in texts for place in read_places(text, base)))


def read_places(text: str, base: Path | None) -> list[Path]:
    """Return the recorded results folders as absolute paths.

    In the record, a relative path is followed by the absolute one of the same folder. The relative
    path is used if it exists, because the absolute one may be that of the original of a copied
    database.
    """
    places, found = iter(map(Path, json.loads(text))), list[Path]()
    for place in places:
        if place.is_absolute():
            found.append(place)
            continue
        absolute = next(places)
        near = None if base is None else base / place
        found.append(near if near is not None and near.is_dir() else absolute)
    return found


def _written(place: Path, base: Path | None) -> list[str]:
    if base is None or not place.is_relative_to(base.resolve()):
        return [str(place)]
    return [str(place.relative_to(base.resolve())), str(place)]


def all_storages(connection: sa.Connection) -> list[Storage]:
    """Return the distinct storages of all studies."""
    chosen = sa.select(STUDY.c.storage).where(STUDY.c.storage.is_not(None)).distinct()
    return [open_storage(text) for text in connection.execute(chosen).scalars()]


def find_weights(trial: Trial, places: list[Path], storages: list[Storage]) -> File | None:
    """Return the file of a trial's weights; None if there is no file, or it was removed.

    Raises:
        StorageError: a storage cannot be reached.
    """
    key = trial.weights_path
    if not key or not trial.has_weights:
        return None
    stored = (storage.file(key) for storage in storages if storage.has(key))
    return find_file(key, places) or next(stored, None)
