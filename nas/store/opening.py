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
    """Open the database at `url`; create it if missing, with `create` and without `read_only`.

    `url` is a file name, `sqlite:///file` or `postgresql+psycopg://…`; None is ./nas.db. Reads and
    writes wait `patience` seconds for a lost connection, and `watch` is called; a store that is
    `read_only` does not wait.

    Raises:
        SchemaError: its tables were made by an older or a newer version.
        StoreError: it cannot be reached, read, created or written, as the cause states.
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
