"""Lease: only one process at a time runs a study; a previous holder can no longer write to it.

A lease expires unless its holder renews it. Each new holder gets a higher epoch, and every write to
a study checks the epoch in the same transaction (a fencing token, as in Kleppmann, "How to do
distributed locking", 2016).

The age of a lease is measured by the monotonic clock if its holder was started on this machine
since it booted, otherwise by the clock of the database. If that clock was set back, the next
process that asks for the study sets the time of renewal to the present.
"""

import contextlib
import os
import socket
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from nas.errors import StoreError, StudyBusyError
from nas.store.database import Database, now
from nas.store.tables import LEASE, STUDY


@dataclass(frozen=True)
class Process:
    """A unique identity of a process; the start time distinguishes processes with a reused id.

    `place` identifies the process table, from the boot and the PID namespace, because containers
    can have the same host name. `born` is the start time in clock ticks since boot, from /proc;
    empty without /proc.
    """

    host: str
    pid: int
    place: str
    born: str


def this_process() -> Process:
    """Return the current process."""
    pid = os.getpid()
    return Process(socket.gethostname(), pid, _place(), _born(pid) or "")


def has_ended(process: Process) -> bool:
    """Tell whether `process` has certainly ended; False if it runs, or is in another namespace."""
    if process.place != _place():
        return False
    try:
        os.kill(process.pid, 0)  # signal 0 only checks
    except ProcessLookupError:
        return True
    except OverflowError:
        return False
    except PermissionError:
        pass  # it runs, under another user
    born = _born(process.pid)
    return bool(born and process.born) and born != process.born


def same_boot(process: Process) -> bool:
    """Tell whether `process` is of the same boot as this one, with the same monotonic clock."""
    boot = _boot()
    return boot is not None and process.place.startswith(f"{boot} ")


def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _place() -> str:
    try:
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return socket.gethostname()
    boot = _boot()
    return socket.gethostname() if boot is None else f"{boot} {namespace}"


def _born(pid: int) -> str | None:
    """Return the start time of `pid`; "ended" for a zombie; None if unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "ended" if fields[0] in "ZX" else fields[19]


LEASE_SECONDS = 30.0

# Built once: every write uses them, and building one takes as long as executing it.
_BUMPED = sa.update(STUDY).values(seq=STUDY.c.seq + 1)
_EPOCH = sa.select(LEASE.c.epoch).where(LEASE.c.study_id == STUDY.c.id).scalar_subquery()
_LOCKED = _BUMPED.where(STUDY.c.name == sa.bindparam("study")).returning(
    STUDY.c.id, _EPOCH.label("epoch")
)
_OWNED = sa.update(LEASE).where(LEASE.c.study_id == sa.bindparam("study"))
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
        self._renewer = threading.Thread(target=self._keep_renewing, name="nas-lease", daemon=True)

    @classmethod
    def acquire(cls, database: Database, study_id: int, name: str, seconds: float) -> "Lease":
        """Acquire the lease of a study, if no other process holds it.

        Raises:
            StudyBusyError: another process holds it, which has not ended or let it expire.
            StoreError: the database cannot be written.
        """
        lease = cls(database, study_id, uuid.uuid4().hex, seconds)
        found = database.write(lambda connection: lease._claim(connection, name))
        if isinstance(found, StudyBusyError):
            raise found
        lease.epoch = found
        lease._renewer.start()
        return lease

    def release(self) -> None:
        """Release the lease, so that the next holder need not wait; do nothing if it is lost.

        Raises:
            StoreError: the database cannot be written; the lease then expires by itself.
        """
        if self.released:
            return
        self.released = True
        self._stop.set()
        self._renewer.join()
        self._database.write(
            lambda connection: connection.execute(self._mine().values(token=None)), patience=5.0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(StoreError):  # the lease expires; do not hide the first error
            self.release()

    def _claim(self, connection: sa.Connection, name: str) -> int | StudyBusyError:
        connection.execute(_BUMPED.where(STUDY.c.id == self._study_id))
        row = connection.execute(_HELD, {"study": self._study_id}).one_or_none()
        moment = now(connection)
        if row is not None and row.token == self._token:
            return int(row.epoch)  # a repeated write that was already committed
        if row is not None and is_live(row, moment):
            if _silence(row, moment) < 0:
                dated = {"renewed_at": moment, "expires_at": moment + _length(row)}
                connection.execute(_OWNED.values(dated), {"study": self._study_id})
            return busy(name, row, moment)
        process = this_process()
        values: dict[str, Any] = {
            "epoch": 1 if row is None else row.epoch + 1,
            "token": self._token,
            "host": process.host,
            "pid": process.pid,
            "place": process.place,
            "born": process.born,
            "acquired_at": moment,
            **self._dates(moment),
        }
        if row is None:
            connection.execute(sa.insert(LEASE).values(study_id=self._study_id, **values))
        else:
            connection.execute(_OWNED.values(values), {"study": self._study_id})
        return int(values["epoch"])

    def _keep_renewing(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            try:
                self.lost = not self._database.write(self._renew, patience=0.0)
            except StoreError:
                continue  # the database is unreachable; retry at the next renewal
            if self.lost:
                return

    def _renew(self, connection: sa.Connection) -> bool:
        result = connection.execute(self._mine().values(self._dates(now(connection))))
        return result.rowcount == 1

    def _dates(self, moment: datetime) -> dict[str, Any]:
        """Return the values of a lease that is renewed at `moment`."""
        expires = moment + timedelta(seconds=self._seconds)
        return {"renewed_at": moment, "expires_at": expires, "ticks": time.monotonic()}

    def _mine(self) -> sa.Update:
        mine = (LEASE.c.study_id == self._study_id, LEASE.c.token == self._token)
        return sa.update(LEASE).where(*mine)


def lock_study(connection: sa.Connection, name: str, epoch: int | None) -> int | None:
    """Increment the write counter of a study, and return its id; None if there is no such study.

    The writer must have the current lease `epoch`, or the study must have no holder. In PostgreSQL
    this also locks the study for other writers. The epoch is read from the snapshot of the
    transaction. If another process has acquired the lease since, it has incremented the counter
    too, and PostgreSQL refuses this transaction, because its isolation is REPEATABLE READ.

    Raises:
        StudyBusyError: another process holds the study, or has held it since.
    """
    row = connection.execute(_LOCKED, {"study": name}).one_or_none()
    if row is None:
        return None
    if row.epoch != epoch:
        _fence(connection, row.id, name, epoch)
    study_id: int = row.id
    return study_id


def _fence(connection: sa.Connection, study_id: int, name: str, epoch: int | None) -> None:
    row = connection.execute(_HELD, {"study": study_id}).one_or_none()
    if row is None or row.epoch == epoch or (epoch is None and row.token is None):
        return
    moment = now(connection)
    if epoch is not None or is_live(row, moment):
        raise busy(name, row, moment)


def is_live(row: sa.Row[Any], moment: datetime) -> bool:
    """Tell whether a lease is held at `moment`: not released, expired or left by a dead process."""
    if row.token is None or _silence(row, moment) >= _length(row).total_seconds():
        return False
    return not has_ended(_holder(row))


def busy(name: str, row: sa.Row[Any], moment: datetime) -> StudyBusyError:
    """Return the error for a study that another process holds; it names the process."""
    silent = _silence(row, moment)
    held = max(silent, (moment - row.acquired_at).total_seconds())
    age = f", for {held:.0f} s so far (last heartbeat {silent:.0f} s ago)"
    if silent < 0:
        age = " (the clock was set back since its last heartbeat)"
    return StudyBusyError(
        f"the study {name} is run by process {row.pid} on {row.host}{age}.",
        "Wait for it or stop it there before you continue (or search under another name with "
        "--study).",
    )


def _holder(row: sa.Row[Any]) -> Process:
    return Process(row.host, row.pid, row.place, row.born)


def _length(row: sa.Row[Any]) -> timedelta:
    length: timedelta = row.expires_at - row.renewed_at
    return length


def _silence(row: sa.Row[Any], moment: datetime) -> float:
    """Return the seconds since a lease was renewed; negative if the clock was set back since."""
    if row.ticks is not None and same_boot(_holder(row)) and time.monotonic() >= row.ticks:
        return time.monotonic() - float(row.ticks)
    silent: float = (moment - row.renewed_at).total_seconds()
    return silent
