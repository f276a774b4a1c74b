"""The schema of the database: it is created, checked and upgraded.

Each revision follows the one before it. Revisions are numbered files in `migrations/versions`
(r0001_….py, r0002_….py), so that opening a store only lists their names.
"""

import contextlib
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from nas.errors import SchemaError, StoreError
from nas.store.database import Database
from nas.store.database_url import Address, read_address
from nas.store.tables import STUDY, VERSION_TABLE

MIGRATIONS = Path(__file__).parent / "migrations"
_CREATE_LOCK = 0x6E6173  # "nas": key of the advisory lock in PostgreSQL for create and upgrade
_OLD_TRAINING = "nas_old_training"  # made by revision 0008
_VERSION = sa.table(VERSION_TABLE, sa.column("version_num"))


@dataclass(frozen=True)
class Upgraded:
    """The result of an upgrade: the revisions `before` and `after`, and the backup.

    The revisions are equal if there was nothing to do. `left` trainings of earlier versions could
    not become studies, because their search space is unknown; they are in nas_old_training.
    """

    before: str
    after: str
    backup: Path | None
    left: int = 0


def revisions() -> list[str]:
    """Return the revisions that this version of nas knows, oldest first."""
    return sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("r[0-9]*_*.py"))


def ensure(database: Database, create: bool) -> None:
    """Check the revision of the tables; with `create`, create them in a database without tables.

    Raises:
        SchemaError: the tables were made by an older or a newer version.
        StoreError: there are no tables, and `create` is false.
    """
    found = database.read(_revision)
    if found is None and not create:
        raise _no_tables(database.address)
    if found is None:
        found = database.write(_create, patience=5.0)
    _check(found, database.address)


def upgrade(url: str | None = None, create: bool = False) -> Upgraded:
    """Upgrade the tables to the newest revision; an SQLite file is backed up first.

    With `create` the tables are created in an empty database, whose revision before is "none".

    Raises:
        SchemaError: the tables were made by a newer version.
        StoreError: the database cannot be reached or written, or has no tables.
    """
    address = read_address(url)
    if address.path is not None and not address.path.exists() and not create:
        raise _no_tables(address)
    # Foreign keys are off during the upgrade and checked before the commit: SQLite alters a table
    # by replacing it with a copy, which rows that refer to the table would prevent.
    database = Database(address, read_only=False, patience=5.0, foreign_keys=False)
    try:
        return database.write(lambda connection: _upgrade(connection, address, create))
    finally:
        database.close()


def _upgrade(connection: sa.Connection, address: Address, create: bool) -> Upgraded:
    _lock(connection)
    before, head = _revision(connection), revisions()[-1]
    if before is None and create:
        return Upgraded("none", _create(connection), None)
    if before is None:
        raise _no_tables(address)
    if before == head:
        return Upgraded(before, head, None)
    if before not in revisions():
        _check(before, address)
    backup = _back_up(address.path, before) if address.path else None
    _migrate(connection)
    _check_foreign_keys(connection, address)
    return Upgraded(before, head, backup, _left(connection))


def _left(connection: sa.Connection) -> int:
    if not sa.inspect(connection).has_table(_OLD_TRAINING):
        return 0
    return int(connection.execute(sa.text(f"SELECT count(*) FROM {_OLD_TRAINING}")).scalar_one())


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.select(_VERSION.c.version_num)).scalar()


def _create(connection: sa.Connection) -> str:
    _lock(connection)
    found = _revision(connection)  # another process may have created the tables first
    if found is None:
        if sa.inspect(connection).has_table(STUDY.name):
            raise StoreError(
                f"the database has a table {STUDY.name} of unknown version.",
                "Use another database with --db.",
            )
        _migrate(connection)
    return found or revisions()[-1]


def _lock(connection: sa.Connection) -> None:
    """Let only one process at a time change the tables; must begin its transaction."""
    if connection.dialect.name == "postgresql":  # to see the commit of the previous process
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATE_LOCK)))


def _migrate(connection: sa.Connection) -> None:
    from alembic import command  # slow to import, and rarely needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check_foreign_keys(connection: sa.Connection, address: Address) -> None:
    if address.path and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise StoreError(
            f"{address.shown} has rows that belong to no study; it was not changed.",
            "Restore a backup, or use another database with --db.",
        )


def _check(found: str, address: Address) -> None:
    known = revisions()
    if found == known[-1]:
        return
    if found in known:
        raise SchemaError(
            f"{address.shown} has schema {found}; this version of nas needs {known[-1]}.",
            f"Stop the programs that use it, then type: nas db upgrade --db {address.shown}",
        )
    raise SchemaError(
        f"{address.shown} has schema {found}, newer than this nas knows ({known[-1]}).",
        "Install the version of nas that wrote it, or use another database with --db.",
    )


def _no_tables(address: Address) -> StoreError:
    exists = address.path is None or address.path.exists()
    cause = f"{address.shown} has no studies." if exists else f"there is no file {address.shown}."
    return StoreError(
        cause, "Name the database of your search with --db, or type: nas search --budget 300M-flops"
    )


def _back_up(path: Path, revision: str) -> Path:
    """Copy the committed database, including its WAL, to a new file in the same folder."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    backup = path.with_name(f"{path.name}.schema-{revision}-{stamp}.bak")
    with (
        contextlib.closing(sqlite3.connect(path)) as source,
        contextlib.closing(sqlite3.connect(backup)) as target,
    ):
        source.backup(target)
    return backup
