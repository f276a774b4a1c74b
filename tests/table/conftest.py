"""A table of made-up networks."""

from pathlib import Path

import pytest

from nas.prove.table import Table
from tests import tables


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table.read(tables.write(tmp_path / "toy.csv", tables.rows()))
