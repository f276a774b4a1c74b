"""The table of faults names tests that exist, and the page on reliability is made from it."""

import importlib.util
import json
from pathlib import Path

import pytest

from tests.faults.matrix import ROWS, Row

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_the_test_of_a_fault_exists(row: Row) -> None:
    file, _, name = row.test.partition("::")
    assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_the_page_is_that_of_the_table() -> None:
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "make_reliability.py")
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    results = json.loads(pages.RESULTS.read_text()) if pages.RESULTS.exists() else {}
    assert pages.TARGET.read_text(encoding="utf-8") == pages.render(results)
