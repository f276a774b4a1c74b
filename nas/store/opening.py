"""Opening a store: the file or the server behind an address, its tables made or checked."""

from pathlib import Path

from nas.errors import StoreError
from nas.store.database import Database
from nas.store.database_url import Address, read_address
from nas.store.schema import ensure
from nas.store.store import Store

PATIENCE_SECONDS = 60.0


def open_store(
    url: str | None = None,
    *,
    read_only: bool = False,
    create: bool = True,
    patience: float = PATIENCE_SECONDS,
) -> Store:
    """Open the database at `url`, and make it where there is none, if `create` and not `read_only`.

    `url` is a file name, `sqlite:///file` or `postgresql+psycopg://…`; None is ./nas.db. `patience`
    is for how many seconds a write waits for a database that has gone away.

    Raises:
        SchemaError: its tables were made by an older or a newer version.
        StoreError: it cannot be reached, read, made or written; the cause says which.
    """
    address = read_address(url)
    create = create and not read_only
    if address.path is not None:
        _check_file(address, address.path, create)
    database = Database(address, read_only=read_only, patience=patience)
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
