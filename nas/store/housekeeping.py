"""Housekeeping: check the tables; rename or delete a study with its files."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nas.errors import StorageError
from nas.storage import Storage
from nas.store.tables import (
    ATTEMPT,
    BORROWED,
    LEASE,
    MEASUREMENT,
    NODE,
    ORDER,
    REPORT,
    STUDY,
    TRIAL,
)
from nas.study import OWNER_FILE

_MOST = 3  # faults of the tables in a message


@dataclass(frozen=True)
class Deleted:
    """The result of deleting a study: the bytes `freed`, and the weights `kept` for other studies.

    `left` are folders that could not be deleted.
    """

    freed: int
    kept: int
    left: tuple[str, ...]


def faults_of_tables(connection: sa.Connection) -> list[str]:
    """Return the faults of an SQLite file; empty for PostgreSQL, which checks its own pages."""
    if connection.dialect.name != "sqlite":
        return []
    rows = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})").scalars().all()
    lost = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(_MOST)
    found = [str(row) for row in rows if row != "ok"]
    return [*found, *(f"a row of {row[0]} belongs to no row of {row[2]}" for row in lost)]


def delete_rows(connection: sa.Connection, study_id: int) -> None:
    """Delete a study with its trials."""
    own = sa.select(TRIAL.c.id).where(TRIAL.c.study_id == study_id)
    for table in (REPORT, MEASUREMENT, ATTEMPT):
        connection.execute(sa.delete(table).where(table.c.trial_id.in_(own)))
    connection.execute(sa.delete(TRIAL).where(TRIAL.c.study_id == study_id))
    for table in (LEASE, ORDER, BORROWED, NODE):
        connection.execute(sa.delete(table).where(table.c.study_id == study_id))
    connection.execute(sa.delete(STUDY).where(STUDY.c.id == study_id))


def rename_rows(
    connection: sa.Connection, row: sa.Row[Any], new: str, folders: dict[str, str]
) -> None:
    """Rename a study to `new`; raises an IntegrityError if the name is taken.

    `folders` maps old to new names of renamed folders; weights are recorded with the new names.
    """
    spec = json.dumps({**json.loads(row.spec), "name": new}, indent=1)
    values = {"name": new, "spec": spec, "folder": folders.get(row.folder or "", row.folder)}
    connection.execute(sa.update(STUDY).where(STUDY.c.id == row.id).values(**values))
    _replace_prefix(connection, TRIAL.c.origin, f"{row.name}/", f"{new}/")
    for old, renamed in folders.items():
        _replace_prefix(connection, TRIAL.c.weights_path, f"{old}/", f"{renamed}/", row.uid)


def shared_weights(connection: sa.Connection, study_id: int) -> set[str]:
    """Return the names of the weights files of a study that other studies reuse."""
    own = sa.select(TRIAL.c.weights_path).where(TRIAL.c.study_id == study_id)
    others = sa.select(TRIAL.c.weights_path).where(
        TRIAL.c.study_id != study_id,
        TRIAL.c.weights_removed_at.is_(None),
        TRIAL.c.weights_path.in_(own),
    )
    return {Path(path).name for path in connection.execute(others).scalars()}


def remove_folders(folders: Iterable[Storage], kept: Collection[str]) -> Deleted:
    """Delete a study's folders, except the files named in `kept`."""
    freed, left = 0, []
    for folder in folders:
        try:
            freed += _remove_folder(folder, kept)
        except (OSError, StorageError):
            left.append(str(folder))
    return Deleted(freed, len(kept), tuple(left))


def _remove_folder(folder: Storage, kept: Collection[str]) -> int:
    """Delete a study's folder, except the files named in `kept`; return the freed bytes.

    Raises:
        OSError, StorageError: a file or folder in it cannot be deleted.
    """
    sizes = folder.sizes()
    exempt = [*kept, OWNER_FILE] if any(name in sizes for name in kept) else []
    if not exempt:
        folder.remove("")
        return sum(sizes.values())
    freed = 0
    for key, size in sizes.items():
        if key not in exempt:
            folder.delete(key)
            freed += size
    return freed


def _replace_prefix(
    connection: sa.Connection, column: sa.Column[Any], old: str, new: str, uid: str = ""
) -> None:
    """Replace the prefix `old` of a column's texts; with `uid` only in texts that contain it."""
    rest = sa.func.substr(column, len(old) + 1)
    chosen = sa.and_(column.startswith(old, autoescape=True), column.contains(uid, autoescape=True))
    connection.execute(sa.update(TRIAL).where(chosen).values({column: new + rest}))
