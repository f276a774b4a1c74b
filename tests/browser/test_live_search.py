"""The page of a real search, in a real browser, while the search runs."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import Driver
from tests.members import TINY

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
ROWS = "document.querySelectorAll('#table tbody tr').length"


@pytest.mark.slow
def test_trials_of_a_running_search_appear_by_themselves(visit: Any, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    driver = Driver(
        tmp_path, "search", "--space", "tiny.toml", "--budget", "1.5M-flops", "--trials", "50",
        "--rungs", "6", "--no-published", "--confirm", "0", "--dashboard",
    )  # fmt: skip
    try:
        address = driver.until("page ").split()[1]
        driver.until("1/50 finished")
        seen = visit(address)
        seen.page.wait_for_selector("#front .scatterlayer .trace", timeout=90_000)
        seen.page.wait_for_selector("#table tbody tr", timeout=90_000)
        seen.page.evaluate(
            "document.getElementById('table').scrollIntoView()"
        )  # drawn in view only
        first = seen.page.evaluate(ROWS)
        assert 1 <= first < 50
        seen.page.wait_for_function(f"{ROWS} > {first}", timeout=90_000)
        assert seen.complaints == []
    finally:
        driver.signal_group(signal.SIGINT)
        code, out = driver.end()
    assert code == 130, out
