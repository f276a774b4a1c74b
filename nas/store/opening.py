"""Open a store: create or check the tables of the database at an address."""

from pathlib import Path

from nas.errors import StoreError
from nas.store.database import Database
from nas.store.database_url import Address, read_address
from nas.store.outage import OutageWatcher, ignore_outage
from nas.store.schema import ensure
from nas.store.store import Store

PATIENCE_SECONDS = 60.0


def open_store(
    url: str | None = None,
    *,
    read_only: bool = False,
    create: bool = True,
    patience: float = PATIENCE_SECONDS,
    watch: OutageWatcher = ignore_outage,
) -> Store:
    """Open the database at `url`; create it if it is missing, with `create` and not `read_only`.

    `url` is a file name, `sqlite:///file` or `postgresql+psycopg://…`; None is the value of NAS_DB,
    else ./nas.db. During an outage, transactions are repeated for `patience` seconds, and `watch`
    is called; those of a `read_only` store are not repeated.

    Raises:
        SchemaError: the tables were made by an older or a newer version.
        StoreError: the database cannot be reached, read, created or written.
    """
    address = read_address(url)
    create = create and not read_only
    if address.path is not None:
        _check_file(address, address.path, create)
    database = Database(address, read_only=read_only, patience=patience, watch=watch)
    try:
        ensure(database, create)
    except BaseException:
        database.close()
        raise
    return Store(database)


def _check_file(address: Address, path: Path, create: bool) -> None:
    if not create and not path.exists():
        raise StoreError(
            f"there is no file {address.shown}.",
            "Name the database of your search with --db, or type: nas search --budget 300M-flops",
        )
    if not path.parent.is_dir():
        raise StoreError(
            f"there is no directory {path.parent} for the database {path.name}.",
            f"Make it (mkdir -p {path.parent}), or give another file with --db.",
        )
