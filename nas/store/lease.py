"""Lease: one process at a time runs a study; a process that was replaced can no longer write.

A lease expires unless its holder renews it; each new holder gets a higher epoch, and every write of
a study is checked against the epoch in the same transaction (a fencing token, as in Kleppmann,
"How to do distributed locking", 2016).
"""

import contextlib
import threading
import uuid
from datetime import datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa

from nas.errors import StoreError, StudyBusyError
from nas.store.database import Database, now
from nas.store.process_identity import Process, has_ended, this_process
from nas.store.tables import LEASE, STUDY

LEASE_SECONDS = 30.0

# Compiled once: they are in every write, and building one takes as long as executing it.
_BUMPED = sa.update(STUDY).values(seq=STUDY.c.seq + 1)
_LOCKED = _BUMPED.where(STUDY.c.name == sa.bindparam("study")).returning(STUDY.c.id)
_HELD = sa.select(LEASE).where(LEASE.c.study_id == sa.bindparam("study"))


class Lease:
    """The right to run one study; a thread renews it until `release`."""

    def __init__(self, database: Database, study_id: int, token: str, seconds: float) -> None:
        """Set up a lease of `seconds` that `claim` records under `token`."""
        self.epoch = 0
        self.lost = False
        self.released = False
        self._database = database
        self._study_id = study_id
        self._token = token
        self._seconds = seconds
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="nas-lease", daemon=True)

    @classmethod
    def acquire(cls, database: Database, study_id: int, name: str, seconds: float) -> "Lease":
        """Take the lease of a study; immediately if its holder has ended or let it expire.

        Raises:
            StudyBusyError: a live process holds it.
            StoreError: the database cannot be written.
        """
        lease = cls(database, study_id, uuid.uuid4().hex, seconds)
        lease.epoch = database.write(lambda connection: lease._claim(connection, name))
        lease._heart.start()
        return lease

    def release(self) -> None:
        """Release the lease, so that the next holder need not wait; does nothing if it is lost.

        Raises:
            StoreError: the database cannot be written; the lease then expires by itself.
        """
        if self.released:
            return
        self.released = True
        self._stop.set()
        self._heart.join()
        self._database.write(
            lambda connection: connection.execute(self._mine().values(token=None)), patience=5.0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(StoreError):  # the lease expires; do not hide the first error
            self.release()

    def _claim(self, connection: sa.Connection, name: str) -> int:
        connection.execute(_BUMPED.where(STUDY.c.id == self._study_id))
        row = connection.execute(_HELD, {"study": self._study_id}).one_or_none()
        moment = now(connection)
        if row is not None and row.token == self._token:
            return int(row.epoch)  # a repeated write that was already committed
        if row is not None and is_live(row, moment):
            raise busy(name, row, moment)
        process = this_process()
        values: dict[str, Any] = {
            "epoch": 1 if row is None else row.epoch + 1,
            "token": self._token,
            "host": process.host,
            "pid": process.pid,
            "place": process.place,
            "born": process.born,
            "acquired_at": moment,
            "renewed_at": moment,
            "expires_at": moment + timedelta(seconds=self._seconds),
        }
        if row is None:
            connection.execute(sa.insert(LEASE).values(study_id=self._study_id, **values))
        else:
            owned = sa.update(LEASE).where(LEASE.c.study_id == self._study_id)
            connection.execute(owned.values(values))
        return int(values["epoch"])

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            try:
                self.lost = not self._database.write(self._renew, patience=0.0)
            except StoreError:
                continue  # the database is unreachable; retry at the next beat
            if self.lost:
                return

    def _renew(self, connection: sa.Connection) -> bool:
        moment = now(connection)
        expires = moment + timedelta(seconds=self._seconds)
        result = connection.execute(self._mine().values(renewed_at=moment, expires_at=expires))
        return result.rowcount == 1

    def _mine(self) -> sa.Update:
        mine = (LEASE.c.study_id == self._study_id, LEASE.c.token == self._token)
        return sa.update(LEASE).where(*mine)


def lock_study(connection: sa.Connection, name: str) -> int | None:
    """Count a write of a study, and return its id; None if there is no such study.

    In PostgreSQL this also locks the study for other writers.
    """
    study_id: int | None = connection.execute(_LOCKED, {"study": name}).scalar_one_or_none()
    return study_id


def fence(connection: sa.Connection, study_id: int, name: str, epoch: int | None) -> None:
    """Check that a writer has the current lease `epoch`, or that the study has no holder.

    Raises:
        StudyBusyError: another process holds the study, or has held it since.
    """
    row = connection.execute(_HELD, {"study": study_id}).one_or_none()
    if row is None or row.epoch == epoch or (epoch is None and row.token is None):
        return
    moment = now(connection)
    if epoch is not None or is_live(row, moment):
        raise busy(name, row, moment)


def is_live(row: sa.Row[Any], moment: datetime) -> bool:
    """Tell whether the holder of a lease may still be running at `moment`."""
    if row.token is None or row.expires_at <= moment:
        return False
    return not has_ended(Process(row.host, row.pid, row.place, row.born))


def busy(name: str, row: sa.Row[Any], moment: datetime) -> StudyBusyError:
    """Return the error that names the process that holds a study."""
    held = (moment - row.acquired_at).total_seconds()
    silent = (moment - row.renewed_at).total_seconds()
    return StudyBusyError(
        f"the study {name} is run by process {row.pid} on {row.host}, for {held:.0f} s so far "
        f"(last heartbeat {silent:.0f} s ago).",
        "Wait for it or stop it there before you continue (or search under another name with "
        "--study).",
    )
