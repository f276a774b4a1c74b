"""Database addresses: the values of `--db`, and the engines for them."""

import contextlib
import os
import re
import shlex
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from nas.errors import StoreError
from nas.files import new_file
from nas.store.database_file import BUSY_SECONDS, DatabaseFile, connect

DEFAULT_PATH = "nas.db"
_RETRY_SECONDS = 0.02
_CONNECT: dict[str, Any] = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "application_name": "nas",
    # Otherwise psycopg returns bytes if the encoding of the database is SQL_ASCII.
    "client_encoding": "utf8",
    # A pooler such as PgBouncer may use another session for each transaction. So there are no
    # prepared statements, and no lock, setting or temporary table outlives a transaction.
    "prepare_threshold": None,
}
_WRITABLE = (
    "Write a file name such as nas.db, or postgresql+psycopg://user:password@host:5432/database."
)


@dataclass(frozen=True)
class Address:
    """The location of a store.

    `shown` names it in messages, without a password. `path` is the absolute path of an SQLite file;
    None for PostgreSQL.
    """

    url: sa.URL
    shown: str
    path: Path | None

    def command(self, words: str) -> str:
        """Return a command to type, with --db unless it is the default."""
        given = os.environ.get("NAS_DB") or DEFAULT_PATH  # the database of a command without --db
        default = given == self.url.render_as_string(hide_password=False) or (
            self.path is not None and "://" not in given and Path(given).absolute() == self.path
        )
        return f"nas {words}" if default else f"nas {words} --db {shlex.quote(self.shown)}"


def read_address(text: str | None) -> Address:
    """Read a file name, `sqlite:///file` or `postgresql+psycopg://…`.

    None is the address in the environment variable NAS_DB, else ./nas.db.

    Raises:
        StoreError: the text has another form; the message lists the valid ones.
    """
    text = os.environ.get("NAS_DB") or DEFAULT_PATH if text is None else text
    if "://" not in text:
        return _file(text, text)
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError("this --db is not a database URL.", _WRITABLE) from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        return _file("" if url.query else url.database or "", text)
    if url.drivername == "postgresql+psycopg":
        return Address(url, url.render_as_string(hide_password=True), None)
    if url.drivername.partition("+")[0] in ("postgresql", "postgres"):
        raise StoreError(
            f"the database URL begins with {url.drivername}://.",
            "Begin it with postgresql+psycopg:// and keep the rest.",
        )
    raise StoreError(f"{url.drivername}:// databases cannot be used.", _WRITABLE)


def make_engine(
    address: Address,
    *,
    read_only: bool,
    foreign_keys: bool = True,
    file: DatabaseFile | None = None,
) -> sa.Engine:
    """Return an engine whose transactions read from one snapshot of the database.

    Transactions with the execution option `write` lock an SQLite database at their beginning.
    Connections for writing are made only to `file`; the first one creates it.
    """
    if address.path is None:
        options = {key: value for key, value in _CONNECT.items() if key not in address.url.query}
        return sa.create_engine(
            address.url, connect_args=options, isolation_level="REPEATABLE READ"
        )
    path = address.path
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: _read_only(path) if read_only or file is None else _writing(path, file),
        poolclass=NullPool if read_only else QueuePool,
    )
    if not read_only:
        sa.event.listen(engine, "connect", _prepare)
    if foreign_keys:
        sa.event.listen(engine, "connect", _check_foreign_keys)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _file(name: str, shown: str) -> Address:
    if not name or name == ":memory:":
        raise StoreError(f"{shown!r} is not a database file name.", _WRITABLE)
    if re.match(r"[a-z][a-z0-9+]+:", name):
        raise StoreError(f"{shown!r} is neither a file name nor a database URL.", _WRITABLE)
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:  # the home of an unknown user
        raise StoreError(f"{shown!r} is not a database file name: {error}", _WRITABLE) from error
    path = path.absolute()
    try:
        is_folder = path.is_dir()
    except OSError as error:  # the name is too long
        cause = f"{shown!r} is not a database file name: {error.strerror}."
        raise StoreError(cause, _WRITABLE) from error
    if is_folder:
        raise StoreError(f"{shown!r} is a directory.", f"Name a file in it: {path / DEFAULT_PATH}.")
    return Address(sa.URL.create("sqlite", database=str(path)), shown, path)


def _writing(path: Path, file: DatabaseFile) -> sqlite3.Connection:
    if file.known:
        file.confirm()
    else:  # SQLite would not create the file with the permissions of the umask
        with contextlib.suppress(OSError):  # it exists, or `connect` raises a clearer error
            new_file(path)
    connection = connect(path, "mode=rw")
    try:
        file.confirm()
    except StoreError:
        connection.close()
        raise
    return connection


def _read_only(path: Path) -> sqlite3.Connection:
    # SQLite must be able to create an index file next to a WAL file. In a directory without write
    # permission, a database that is not in use can still be read as immutable.
    unused = not path.with_name(f"{path.name}-wal").exists()
    immutable = unused and not os.access(path.parent, os.W_OK)
    return connect(path, "mode=ro&immutable=1" if immutable else "mode=ro")


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _turn_on_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # nas.store.database_file checkpoints


def _turn_on_wal(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log; retry, because SQLite does not wait for a lock here."""
    last = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > last:
                raise
            time.sleep(_RETRY_SECONDS)


def _check_foreign_keys(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: sa.Connection) -> None:
    # A deferred transaction fails at its first write if another one has written since it began; an
    # immediate transaction waits for the other one.
    options = connection.get_execution_options()
    write = options.get("write", False)
    if write:  # a FULL transaction also waits for the earlier NORMAL ones to be on the disk
        level = "FULL" if options.get("lasting", True) else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
