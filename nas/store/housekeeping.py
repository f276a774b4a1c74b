"""Housekeeping: a study under another name, or gone with its files."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nas.store.tables import ATTEMPT, LEASE, MEASUREMENT, REPORT, STUDY, TRAINING, TRIAL
from nas.study import OWNER_FILE, folder_size


def delete_rows(connection: sa.Connection, study_id: int, name: str) -> None:
    """Delete a study with its trials; networks trained further by `nas train` stay, as no one's."""
    own = sa.select(TRIAL.c.id).where(TRIAL.c.study_id == study_id)
    for table in (REPORT, MEASUREMENT, ATTEMPT):
        connection.execute(sa.delete(table).where(table.c.trial_id.in_(own)))
    connection.execute(sa.delete(TRIAL).where(TRIAL.c.study_id == study_id))
    connection.execute(sa.delete(LEASE).where(LEASE.c.study_id == study_id))
    trained = sa.update(TRAINING).where(TRAINING.c.study == name)
    connection.execute(trained.values(study=None, trial=None))
    connection.execute(sa.delete(STUDY).where(STUDY.c.id == study_id))


def rename_rows(
    connection: sa.Connection, row: sa.Row[Any], new: str, folders: dict[str, str]
) -> None:
    """Give a study the name `new`; an IntegrityError if another has it.

    `folders` are those that get another name, old to new; weights are found in the new one.
    """
    spec = json.dumps({**json.loads(row.spec), "name": new}, indent=1)
    values = {"name": new, "spec": spec, "folder": folders.get(row.folder or "", row.folder)}
    connection.execute(sa.update(STUDY).where(STUDY.c.id == row.id).values(**values))
    trained = sa.update(TRAINING).where(TRAINING.c.study == row.name)
    connection.execute(trained.values(study=new))
    _replace_prefix(connection, TRIAL.c.origin, f"{row.name}/", f"{new}/")
    for old, renamed in folders.items():
        _replace_prefix(connection, TRIAL.c.weights_path, f"{old}/", f"{renamed}/", row.uid)


def shared_weights(connection: sa.Connection, study_id: int) -> set[str]:
    """Return the names of the files of weights that other studies reuse from a study."""
    own = sa.select(TRIAL.c.weights_path).where(TRIAL.c.study_id == study_id)
    others = sa.select(TRIAL.c.weights_path).where(
        TRIAL.c.study_id != study_id, TRIAL.c.weights_path.in_(own)
    )
    return {Path(path).name for path in connection.execute(others).scalars()}


def remove_folder(folder: Path, kept: Collection[str]) -> int:
    """Delete a study's folder but for the files of the names `kept`; return the bytes freed.

    Raises:
        OSError: something in it cannot be deleted.
    """
    before = folder_size(folder)
    if not any((folder / name).exists() for name in kept):
        shutil.rmtree(folder)
        return before
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in {*kept, OWNER_FILE}:
            path.unlink()
    return before - folder_size(folder)


def _replace_prefix(
    connection: sa.Connection, column: sa.Column[Any], old: str, new: str, uid: str = ""
) -> None:
    """Replace the beginning `old` of a column's texts, of those with `uid` in them alone."""
    rest = sa.func.substr(column, len(old) + 1)
    # startswith escapes what LIKE would take for wildcards
    chosen = sa.and_(column.startswith(old, autoescape=True), column.contains(uid, autoescape=True))
    connection.execute(sa.update(TRIAL).where(chosen).values({column: new + rest}))
