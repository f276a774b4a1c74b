"""Removal of the weights that a study does not keep.

They are recorded as removed before the files are deleted. An interruption in between leaves files
without a record, never a record without its file; they are deleted when the study ends next time.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

import sqlalchemy as sa

from nas.errors import StorageError
from nas.storage import Storage
from nas.store.database import now
from nas.store.tables import STUDY, TRIAL
from nas.study import weights_owner

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Removed:
    """The result of a removal: the weights of `trials` trials were deleted, `freed` bytes.

    `left` are folders in which a file could not be deleted.
    """

    trials: int
    freed: int
    left: tuple[str, ...] = ()


def mark_removed(connection: sa.Connection, study_id: int, keep: Collection[int]) -> int:
    """Record that the weights of a study are removed; return the number of trials.

    The weights of the trials numbered `keep` are kept, as are those that other studies reuse, and
    those that the recipe of a study names as teachers or initial weights.
    """
    named = {sha for spec in connection.execute(sa.select(STUDY.c.spec)).scalars()
             for sha in _SHA256.findall(spec)}  # fmt: skip
    others = sa.select(TRIAL.c.weights_path).where(
        TRIAL.c.study_id != study_id,
        TRIAL.c.weights_path.is_not(None),
        TRIAL.c.weights_removed_at.is_(None),
    )
    rows = connection.execute(
        sa.select(TRIAL.c.id, TRIAL.c.number, TRIAL.c.weights_sha256).where(
            TRIAL.c.study_id == study_id,
            TRIAL.c.weights_path.is_not(None),
            TRIAL.c.weights_removed_at.is_(None),
            TRIAL.c.origin.is_(None),
            TRIAL.c.weights_path.not_in(others),
        )
    ).all()
    unused = [r.id for r in rows if r.number not in keep and r.weights_sha256 not in named]
    moment = now(connection)
    for key in unused:
        change = sa.update(TRIAL).where(TRIAL.c.id == key).values(weights_removed_at=moment)
        connection.execute(change)
    return len(unused)


def kept_names(connection: sa.Connection, study_id: int) -> set[str]:
    """Return the names of the weights files of a study that are not removed."""
    chosen = sa.select(TRIAL.c.weights_path).where(
        TRIAL.c.study_id == study_id,
        TRIAL.c.weights_path.is_not(None),
        TRIAL.c.weights_removed_at.is_(None),
    )
    return {PurePosixPath(path).name for path in connection.execute(chosen).scalars()}


def delete_files(folders: Iterable[Storage], uid: str, kept: Collection[str]) -> Removed:
    """Delete the weights of the study `uid` in its folders, except the files named in `kept`.

    Files of attempts that were lost while saving are deleted too.
    """
    trials, freed, left = set[str](), 0, []
    for folder in folders:
        try:
            for key, size in folder.sizes().items():
                if weights_owner(key) == uid and key not in kept:
                    folder.delete(key)
                    trials.add(key)
                    freed += size
        except (OSError, StorageError):
            left.append(str(folder))
    return Removed(len(trials), freed, tuple(left))
