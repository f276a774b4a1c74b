"""Database: atomic transactions that raise StoreErrors and are repeated during an outage."""

import gc
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from nas.errors import DatabaseLostError, StoreError
from nas.steady_clock import CLOCK
from nas.store.database_file import BUSY_SECONDS, DatabaseFile
from nas.store.database_url import Address, make_engine, read_address
from nas.store.outage import Outage, OutageWatcher, ignore_outage

T = TypeVar("T")

_REPEATS = 10  # immediate repeats after a cut connection or a serialization failure
_TRANSIENT_STATES = ("08", "40", "53", "55", "57")  # SQLSTATE classes of temporary errors


class Database:
    """One opened database; a method calls `work` with a connection inside a transaction.

    While the database is unreachable, a transaction is repeated for `patience` seconds, and `watch`
    is called. A write may be repeated after it was committed, so that `work` must not change rows
    that it has already written. The first transaction is not repeated, since the address may be
    wrong; nor are transactions of a `read_only` database.

    If an SQLite file is deleted or replaced while it is open, each write is committed to a copy of
    the file (`nas.store.database_file`), and then raises a DatabaseLostError.
    """

    def __init__(
        self,
        address: Address,
        *,
        read_only: bool,
        patience: float,
        foreign_keys: bool = True,
        watch: OutageWatcher = ignore_outage,
    ) -> None:
        """Create the engine; the first transaction connects."""
        self.address = address
        self.read_only = read_only
        self.patience = 0.0 if read_only else patience
        self._watch = watch
        self._reached = False
        path = None if read_only else address.path
        self._file = DatabaseFile(path, address.shown) if path else None
        self._copy: Database | None = None
        self._lost: DatabaseLostError | None = None
        self.rebuild: Callable[[Path], None] | None = None  # for a lost file without a copy
        engine = make_engine(
            address, read_only=read_only, foreign_keys=foreign_keys, file=self._file
        )
        self._reader = engine
        self._writer = engine.execution_options(write=True)
        self._fast_writer = engine.execution_options(write=True, lasting=False)

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Return the result of `work`, from one snapshot of the database.

        Raises:
            StoreError: the database cannot be reached or read.
        """
        if self._copy is not None:
            return self._copy.read(work)

        def transaction() -> T:
            with self._reader.begin() as connection, without_collecting():
                return work(connection)

        return self._with_repeats(transaction, self.patience)

    def write(
        self,
        work: Callable[[sa.Connection], T],
        patience: float | None = None,
        lasting: bool = True,
        on_failure: Callable[[], None] = lambda: None,
    ) -> T:
        """Commit the writes of `work` and return its result; `patience` overrides the default.

        `on_failure` is called after the first failure, before the transaction is repeated.

        A write that is not `lasting` survives the end of this process, but SQLite does not wait
        until it is on the disk: it is there after the next lasting write. A power failure may lose
        the last such writes, but never one that precedes a surviving write. Each wait for the disk
        takes milliseconds, which would delay the next trial of a worker.

        Raises:
            StoreError: the database cannot be reached or written, or was opened read-only.
            DatabaseLostError: the file was deleted or replaced; the write is in the copy.
        """
        if self.read_only:
            raise StoreError(
                f"{self.address.shown} was opened read-only.",
                "Run a command that changes studies, such as nas search or nas resume.",
            )
        engine = self._writer if lasting else self._fast_writer

        def transaction() -> T:
            with engine.connect() as connection:
                self._check_file(connection, committed=False)
                with connection.begin():
                    result = work(connection)
                self._check_file(connection, committed=True)
                return result

        patience = self.patience if patience is None else patience
        if self._lost is None:
            try:
                return self._with_repeats(transaction, patience, on_failure)
            except DatabaseLostError as error:
                self._lost = error
        if self._copy is not None:  # the file may have been copied before this write: repeat it
            self._copy.write(work, patience, lasting)
        raise self._lost

    def _with_repeats(
        self,
        transaction: Callable[[], T],
        patience: float,
        on_failure: Callable[[], None] = lambda: None,
    ) -> T:
        """Return the result of a transaction, repeated during an outage.

        Raises:
            StoreError: the patience has run out, or the error is not temporary.
        """
        outage: Outage | None = None
        repeats = _REPEATS
        while True:
            try:
                result = transaction()
            except DBAPIError as error:
                if repeats and (error.connection_invalidated or _not_serializable(error)):
                    repeats -= 1
                    continue
                failure = store_error(error, self.address)
                if outage is None:
                    on_failure()
                    outage = Outage(self.address.shown, patience, self._watch)
                temporary = self._reached and _transient(error)
                if not temporary or not outage.wait(failure.cause):
                    raise failure from error
            else:
                self._reached = True
                if outage is not None:
                    outage.over()
                return result

    def check(self) -> None:
        """Check that the file of the database is still at its path.

        Raises:
            DatabaseLostError: the file was deleted or replaced while it was open.
        """
        if self._file is not None and self._file.known:
            with self._writer.connect() as connection:
                self._check_file(connection, committed=False)

    def close(self) -> None:
        """Close all connections, except those to a lost file, because SQLite might write its log.

        Raises:
            DatabaseLostError: the file was deleted or replaced while it was open.
        """
        try:
            with suppress(DBAPIError):  # the database could not be opened
                self.check()
        finally:
            lost = self._file is not None and self._file.lost is not None
            self._file = None
            if self._copy is not None:
                self._copy.close()
            if lost:
                _keep_open(self._writer)
            else:
                self._writer.dispose()

    def _check_file(self, connection: sa.Connection, committed: bool) -> None:
        """Check that the file is still at its path; otherwise copy it."""
        if self._file is None:
            return
        open_file = connection.connection.driver_connection
        assert isinstance(open_file, sqlite3.Connection)
        try:
            self._file.check(open_file, committed, self.rebuild)
        except DatabaseLostError as error:
            if self._copy is None and error.copy is not None:
                address = read_address(str(error.copy))
                self._copy = Database(address, read_only=False, patience=self.patience)
                self.address = address  # for the commands with which the user continues
            raise


def _keep_open(engine: sa.Engine) -> None:
    """Keep the connections of an engine open until the process ends."""
    forever = threading.Event()
    threading.Thread(
        target=lambda _: forever.wait(), args=(engine,), name="nas-lost-database", daemon=True
    ).start()


@contextmanager
def without_collecting() -> Iterator[None]:
    """Turn Python's cyclic garbage collector off while rows become objects and text.

    They are all in use, and with 50,000 trials the repeated scans take a quarter of the time.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def now(connection: sa.Connection) -> datetime:
    """Return the time in UTC by the clock of the database, which all clients share."""
    if connection.dialect.name == "sqlite":
        return CLOCK.now()
    moment: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)


def store_error(error: DBAPIError, address: Address) -> StoreError:
    """Return a StoreError with the cause and the remedy for a database error."""
    if isinstance(error.orig, sqlite3.Error):
        return sqlite_error(error.orig, address)
    return _postgres_error(_line(error.orig), address, isinstance(error, OperationalError))


def sqlite_error(error: sqlite3.Error, address: Address) -> StoreError:
    """Return a StoreError with the cause and the remedy for an SQLite error."""
    return _sqlite_error(str(getattr(error, "sqlite_errorname", "")), _line(error), address)


def damaged(address: Address, found: str = "") -> StoreError:
    """Return the error for an SQLite file with wrong content; `found` describes it."""
    found = f": {found}" if found else ""
    return StoreError(
        f"the database {address.shown} is damaged{found}.",
        "Restore a backup, or use another file with --db; the damaged file was not changed.",
    )


def _line(error: BaseException | None) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


def _transient(error: DBAPIError) -> bool:
    if _sqlite_code(error):
        return _sqlite_code(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    if (
        not isinstance(error, OperationalError | InterfaceError)
        and not error.connection_invalidated
    ):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state[:2] in _TRANSIENT_STATES


def _not_serializable(error: DBAPIError) -> bool:
    """Tell whether PostgreSQL refused a transaction because of a concurrent write."""
    return getattr(error.orig, "sqlstate", None) == "40001"  # serialization failure


def _sqlite_code(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", ""))


def _sqlite_error(code: str, line: str, address: Address) -> StoreError:
    shown, elsewhere = address.shown, "use another file with --db"
    if code.startswith("SQLITE_CORRUPT"):
        return damaged(address, line)
    known = {
        "SQLITE_CANTOPEN": (
            f"the database file {shown} cannot be opened.",
            f"Check that its directory exists and that you may write there, or {elsewhere}.",
        ),
        "SQLITE_READONLY": (
            f"the database {shown} is not writable.",
            f"Get write permission for the file and its directory, or {elsewhere}.",
        ),
        "SQLITE_NOTADB": (
            f"{shown} is not an SQLite database.",
            f"The file was not changed; {elsewhere}.",
        ),
        "SQLITE_FULL": (
            f"there is no space left for the database {shown}.",
            "Free some space on its disk before you continue.",
        ),
        "SQLITE_IOERR": (
            f"the disk of the database {shown} failed: {line}.",
            "Check the disk, its quota and the limit on the size of files (ulimit -f).",
        ),
        "SQLITE_BUSY": (
            f"another program has kept {shown} locked for more than {BUSY_SECONDS} s.",
            "Close the other program (a backup, a database browser), then try again.",
        ),
    }
    for name, (cause, remedy) in known.items():
        if code.startswith(name):
            return StoreError(cause, remedy)
    return StoreError(f"the database {shown} failed: {line}.", f"Correct this, or {elsewhere}.")


def _postgres_error(line: str, address: Address, away: bool) -> StoreError:
    for words, remedy in (
        ("password", "Check the user and the password in --db."),
        ("role", "Check the user in --db."),
        ("does not exist", "Check the database in --db; createdb NAME makes a new one."),
        ("permission denied", "Get permission to create and write tables in this database."),
    ):
        if words in line:
            return StoreError(f"PostgreSQL refused {address.shown}: {line}.", remedy)
    remedy = "Check the host and the port in --db, and that the server is running."
    return StoreError(
        f"PostgreSQL at {address.shown} failed: {line}.",
        remedy if away else "Correct this, or use another database with --db.",
    )
