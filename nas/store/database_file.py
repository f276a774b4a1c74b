"""The identity of an open SQLite file, and its rescue if it is deleted or replaced while in use.

Another program may delete the file, rename it, or put another file at its path. SQLite then
continues to write to the old file, and leaves its log (`-wal`) at the path, from where it would be
applied to the new file. Therefore the device and the inode at the path are compared with those of
the open file before and after every write. If they differ, the open file, which stays complete as
long as it is open, is copied, and its log is deleted.

A program may also overwrite the file in place, which keeps the inode (`cp other.db nas.db`). If the
file has changed between two transactions of this process, its content is checked: it must have the
random `user_version` of the database, and it must be intact together with the log. Otherwise the
open database is copied if it is still intact, and nothing more is written to the file.
"""

import contextlib
import itertools
import secrets
import shlex
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from nas.errors import DatabaseLostError, StoreError
from nas.files import new_file

BUSY_SECONDS = 30
_LOGS = ("-wal", "-shm")
_COMMITS, _LOG_BYTES = 200, 4 * 2**20  # a longer log is written into the file


class DatabaseFile:
    """The file of an open database at `path`; `shown` names it for the user."""

    def __init__(self, path: Path, shown: str) -> None:
        """Start without an identity; the first `confirm` sets it."""
        self.path, self._shown = path, shown
        self.lost: DatabaseLostError | None = None
        self._identity: tuple[int, int] | None = None
        self._written = (0, 0)  # size and modification time after the last known change
        self._mark = 0  # the random user_version; while it is 0, overwriting is not noticed
        self._commits, self._logged = 0, 0
        self._logs: dict[Path, tuple[int, int] | None] = {}
        self._lock = threading.Lock()

    @property
    def known(self) -> bool:
        """Whether the file has been opened."""
        return self._identity is not None

    def confirm(self) -> None:
        """Check that a new connection is to the same file as the first one.

        Raises:
            StoreError: another file, or none, is at the path.
        """
        with self._lock:
            if self._identity is None:
                self._identity = _identity(self.path)
                real = self.path.resolve()  # SQLite writes the logs next to the resolved path
                self._logs = {real.with_name(f"{real.name}{suffix}"): None for suffix in _LOGS}
            if self.lost is not None or _identity(self.path) != self._identity:
                raise self.lost or StoreError(self._cause() + ".", "Put the file back.")

    def check(
        self,
        connection: sqlite3.Connection,
        committed: bool,
        rebuild: Callable[[Path], None] | None = None,
    ) -> None:
        """Check that the file at the path is that of `connection`, which has no transaction open.

        `committed` says that a transaction has just been committed; after several of them the log
        is written into the file. If a lost file cannot be copied, `rebuild` writes the records that
        are in memory into an empty file.

        Raises:
            DatabaseLostError: it was deleted, replaced or overwritten; its records are rescued.
        """
        with self._lock:
            if self.lost is None and not self._is_intact():
                self.lost = self._error(*self._rescue(connection, rebuild))
                self._delete_logs()
            if self.lost is not None:
                raise self.lost
            if committed:
                self._maintain(connection)

    def _is_intact(self) -> bool:
        try:
            found = self.path.stat()
        except OSError:
            return False
        if (found.st_dev, found.st_ino) != self._identity:
            return False
        self._logs = {log: _identity(log) for log in self._logs}
        before, self._written = self._written, (found.st_size, found.st_mtime_ns)
        if not self._mark or self._written == before:
            return True
        return self._is_same_database(smaller=found.st_size < before[0])

    def _is_same_database(self, smaller: bool) -> bool:
        """Tell whether the changed file is still this database, and intact.

        Another nas process may have written to it. The mark of a new database is missing in the
        file until its log has been written into it.
        """
        try:
            mark = self._read("PRAGMA user_version", "mode=ro&immutable=1")  # without the log
            marked = mark == self._mark or (mark == 0 and not smaller)
            return marked and self._read("PRAGMA integrity_check(1)", "mode=ro") == "ok"
        except sqlite3.Error:
            return False

    def _read(self, statement: str, query: str) -> object:
        with contextlib.closing(connect(self.path, query)) as connection:
            return connection.execute(statement).fetchone()[0]

    def _maintain(self, connection: sqlite3.Connection) -> None:
        """Mark a new database, and write the log into the file from time to time.

        SQLite would write the log during a commit, when an overwritten file cannot be noticed.
        """
        self._commits += 1
        size = max((log.stat().st_size for log in self._logs if log.exists()), default=0)
        full = self._commits >= _COMMITS or size > self._logged + _LOG_BYTES
        if self._mark and not full:
            return
        with contextlib.suppress(sqlite3.OperationalError):  # locked: try after the next commit
            new = not self._mark and self._ensure_mark(connection)
            if new or full:
                connection.execute("PRAGMA wal_checkpoint").fetchall()
                self._commits, self._logged = 0, size
        with contextlib.suppress(OSError):
            found = self.path.stat()
            self._written = (found.st_size, found.st_mtime_ns)

    def _ensure_mark(self, connection: sqlite3.Connection) -> bool:
        """Read the mark of the database, or set a new one; return whether it was set."""
        (mark,) = connection.execute("PRAGMA user_version").fetchone()
        if not mark:
            new = secrets.randbelow(2**31 - 1) + 1
            connection.execute(f"PRAGMA user_version = {new}")
        if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            (self._mark,) = connection.execute("PRAGMA user_version").fetchone()
        return not mark

    def _rescue(
        self, connection: sqlite3.Connection, rebuild: Callable[[Path], None] | None
    ) -> tuple[Path | None, str]:
        """Copy the open database, else rebuild it; return the new file and a text on its contents.

        The file is None if both are impossible.
        """

        def copy(path: Path) -> None:
            if not copied(connection, path):
                raise sqlite3.DatabaseError("the content is damaged")

        folders = (self.path.parent, Path(tempfile.gettempdir()))
        ways = [(copy, "all its records"), (rebuild, "the records of the study that was running")]
        for (write, contents), folder in itertools.product(ways, folders):
            with contextlib.suppress(OSError, sqlite3.Error, StoreError):
                if write is not None:
                    return _write_new(folder, self.path.name, write), contents
        return None, ""

    def _delete_logs(self) -> None:
        """Delete the logs of the lost file, but not those of another file at the path."""
        for log, identity in self._logs.items():
            if identity is not None and _identity(log) == identity:
                with contextlib.suppress(OSError):
                    log.unlink()

    def _cause(self) -> str:
        change = "replaced" if self.path.exists() else "deleted or renamed"
        return f"the database {self._shown} was {change} while it was in use"

    def _error(self, copy: Path | None, contents: str) -> DatabaseLostError:
        if copy is None:
            return DatabaseLostError(
                f"{self._cause()}, and its records could not be copied.", "Restore a backup."
            )
        return DatabaseLostError(
            f"{self._cause()}; {contents} were saved to {copy}.",
            f"Continue with that file: --db {shlex.quote(str(copy))}",
            copy,
        )


def connect(path: Path, query: str) -> sqlite3.Connection:
    """Connect to the SQLite file at `path`; `query` has parameters such as `mode=ro`."""
    # With isolation_level=None nas begins transactions itself: the driver begins them at the first
    # write, so that earlier reads would not belong to the same snapshot.
    return sqlite3.connect(
        f"file:{quote(str(path))}?{query}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_new(folder: Path, name: str, write: Callable[[Path], None]) -> Path:
    """Call `write` with the path of a new, empty file in `folder`; return the path."""
    stem = f"{name}.rescued-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for number in itertools.count(1):
        path = folder / (stem if number == 1 else f"{stem}-{number}")
        try:
            new_file(path)
        except FileExistsError:
            continue
        try:
            write(path)
        except BaseException:
            path.unlink()
            raise
        return path
    raise AssertionError("numbers do not end")


def copied(connection: sqlite3.Connection, copy: Path) -> bool:
    """Copy the database of `connection` into the file `copy`; return whether the copy is intact.

    Raises:
        sqlite3.Error: the database cannot be read, or the copy cannot be written.
    """
    with contextlib.closing(sqlite3.connect(copy)) as target:
        connection.backup(target)
        found: tuple[str] = target.execute("PRAGMA integrity_check(1)").fetchone()
        return found == ("ok",)
