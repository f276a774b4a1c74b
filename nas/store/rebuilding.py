"""A new database with the studies that this process runs, made from their copies in memory.

It is the last resort if the database file was overwritten in place, so that its content is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from nas.store import borrowed, studies, trials
from nas.store.database import Database
from nas.store.database_url import read_address
from nas.store.schema import ensure
from nas.study import Study


@dataclass(frozen=True)
class Remembered:
    """A study that this process runs, with its identity and the library versions."""

    study: Study
    versions: Mapping[str, str]
    uid: str

    def enter(self, connection: sa.Connection) -> None:
        """Add the study, its borrowed trainings and its trials to an empty database."""
        key = studies.create(connection, self.study.spec, self.versions, self.uid)
        borrowed.insert(connection, key, self.study.borrowed)
        for trial in self.study.trials:
            trials.insert(connection, key, trial)
        studies.change(connection, key, state=studies.StudyState.INTERRUPTED)


def rebuild(path: Path, remembered: Mapping[str, Remembered]) -> None:
    """Write a database of the studies into the empty file `path`.

    Raises:
        StoreError: the file cannot be written.
    """
    database = Database(read_address(str(path)), read_only=False, patience=5.0)
    try:
        ensure(database, create=True)
        for one in remembered.values():
            database.write(one.enter)
    finally:
        database.close()
