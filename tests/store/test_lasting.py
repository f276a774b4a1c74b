"""Writes to SQLite wait for the disk unless they are not `lasting`."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from nas.store.database import Database
from nas.store.database_url import read_address

NORMAL, FULL = 1, 2


def level(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())


@pytest.mark.parametrize("order", [(True, False, True), (False, True, False)])
def test_every_write_says_for_itself_whether_it_must_last(
    tmp_path: Path, order: tuple[bool, ...]
) -> None:
    address = read_address(str(tmp_path / "nas.db"))
    database = Database(address, read_only=False, patience=1.0)

    found = [database.write(level, lasting=lasting) for lasting in order]

    assert found == [FULL if lasting else NORMAL for lasting in order]
    assert database.write(level) == FULL
    database.close()
