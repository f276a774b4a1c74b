"""Database: atomic transactions that raise StoreErrors, and wait for a lost connection."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from nas.errors import StoreError
from nas.store.database_url import BUSY_SECONDS, Address, make_engine
from nas.store.outage import Outage, OutageWatcher, ignore_outage

T = TypeVar("T")

_TRANSIENT_STATES = ("08", "40", "53", "55", "57")  # SQLSTATE classes of temporary errors


class Database:
    """One opened database; `work` is a function of a connection inside a transaction.

    While the database is unreachable, a transaction is repeated for `patience` seconds, and `watch`
    is called. A write is repeated even if it was already committed: `work` must leave rows that it
    finds written alone. The first transaction is not repeated, since the address may be wrong, nor
    is any if the database is `read_only`.
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
        """Make the engine; the first transaction connects."""
        self.address = address
        self.read_only = read_only
        self.patience = 0.0 if read_only else patience
        self._watch = watch
        self._reached = False
        engine = make_engine(address, read_only=read_only, foreign_keys=foreign_keys)
        reading = {} if address.path else {"isolation_level": "REPEATABLE READ"}
        self._reader = engine.execution_options(**reading)
        self._writer = engine.execution_options(write=True)
        self._noter = engine.execution_options(write=True, lasting=False)

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Return the result of `work`, from one snapshot of the database.

        Raises:
            StoreError: the database cannot be reached or read.
        """

        def transaction() -> T:
            with self._reader.begin() as connection, without_collecting():
                return work(connection)

        return self._patiently(transaction, self.patience)

    def write(
        self,
        work: Callable[[sa.Connection], T],
        patience: float | None = None,
        lasting: bool = True,
        on_failure: Callable[[], None] = lambda: None,
    ) -> T:
        """Commit the writes of `work` and return its result; `patience` overrides the default.

        `on_failure` is called when the database fails for the first time, before it is tried again.

        A write that is not `lasting` survives the end of this process; but in SQLite it reaches the
        disk only with the next lasting write. A power failure loses the last of them, never one in
        the middle. Each wait for the disk takes milliseconds, which delays the next trial of a
        worker.

        Raises:
            StoreError: the database cannot be reached or written, or was opened read-only.
        """
        if self.read_only:
            raise StoreError(
                f"{self.address.shown} was opened read-only.",
                "Run a command that changes studies, such as nas search or nas resume.",
            )
        engine = self._writer if lasting else self._noter

        def transaction() -> T:
            with engine.begin() as connection:
                return work(connection)

        patience = self.patience if patience is None else patience
        return self._patiently(transaction, patience, on_failure)

    def _patiently(
        self,
        transaction: Callable[[], T],
        patience: float,
        on_failure: Callable[[], None] = lambda: None,
    ) -> T:
        """Return the result of a transaction, repeated during an outage.

        Raises:
            StoreError: the patience is at an end, or the error is not temporary.
        """
        outage: Outage | None = None
        while True:
            try:
                result = transaction()
            except DBAPIError as error:
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

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()


@contextmanager
def without_collecting() -> Iterator[None]:
    """Turn Python's cyclic garbage collector off while rows become objects and text.

    None of them is garbage, and with 50,000 trials the repeated scans take a quarter of the time.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def now(connection: sa.Connection) -> datetime:
    """Return the time in UTC by the clock of the database, which is common to all clients."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)


def store_error(error: DBAPIError, address: Address) -> StoreError:
    """Return the error as one line of cause and one of remedy."""
    text = str(error.orig).strip() or type(error.orig).__name__
    line = text.splitlines()[0].rstrip(".")
    if address.path is not None:
        return _sqlite_error(_sqlite_code(error), line, address)
    return _postgres_error(line, address, isinstance(error, OperationalError))


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


def _sqlite_code(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", ""))


def _sqlite_error(code: str, line: str, address: Address) -> StoreError:
    shown, elsewhere = address.shown, "use another file with --db"
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
        "SQLITE_CORRUPT": (
            f"the database {shown} is damaged: {line}.",
            f"Restore a backup, or {elsewhere}; the damaged file was not changed.",
        ),
        "SQLITE_FULL": (
            f"there is no space left for the database {shown}.",
            "Free some space on its disk before you continue.",
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
