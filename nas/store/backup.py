"""Backups of a database while studies run, by the backup function of SQLite."""

import contextlib
import errno
import os
import shlex
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from nas.errors import NasError, StoreError
from nas.files import write_whole
from nas.store.database import damaged, sqlite_error
from nas.store.database_file import connect, copied
from nas.store.database_url import Address, read_address


def back_up(url: str | None, target: Path, force: bool = False) -> int:
    """Copy the database at `url` to the new file `target`; return the bytes of the copy.

    The copy contains all transactions that were committed when the call began. It is checked.

    Raises:
        NasError: the database is in PostgreSQL, which has its own backup program; or `target`
            exists and `force` is not given; or `target` cannot be written.
        StoreError: the database cannot be read, or is damaged.
    """
    address = read_address(url)
    path = address.path
    if path is None:
        raise NasError(
            f"{address.shown} is a PostgreSQL database, which has a program for backups.",
            f"Type: {_pg_dump(address, target)}",
        )
    if not path.exists():
        raise StoreError(f"there is no file {address.shown}.", "Name the database with --db.")
    if target.exists() and (not force or target.samefile(path)):
        raise NasError(f"{target} already exists.", "Give another name, or add --force.")
    try:
        target.parent.stat()  # the folder must exist
        write_whole(target, lambda part: _copy(address, path, part))
    except OSError as error:
        raise NasError(
            f"the backup {target} cannot be written: {error.strerror or error}.",
            "Give another file, on a disk with enough space.",
        ) from error
    return target.stat().st_size


def _copy(address: Address, path: Path, target: Path) -> None:
    """Copy an SQLite file with its log.

    Raises:
        StoreError: the file cannot be read, or is damaged.
        OSError: the disk of `target` is full.
    """
    try:
        with contextlib.closing(connect(path, "mode=ro")) as source:
            sound = copied(source, target)
    except sqlite3.Error as error:
        if error.sqlite_errorname == "SQLITE_FULL":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise sqlite_error(error, address) from error
    if not sound:
        raise damaged(address)


def _pg_dump(address: Address, target: Path) -> str:
    """Return the command that backs up the tables of nas; it asks for the password."""
    url = address.url
    place = sa.URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, url.query
    )
    words = ["pg_dump", "--format=custom", "--table=nas_*", f"--file={target}"]
    return shlex.join([*words, place.render_as_string()])
