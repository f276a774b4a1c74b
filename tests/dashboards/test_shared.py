"""What several pages show alike is made once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from nas.dashboards.updates import Shared
from nas.errors import NasError


def test_pages_that_ask_at_one_time_wait_for_the_first() -> None:
    shared, began, made = Shared(), threading.Event(), list[int]()

    def make() -> str:
        made.append(1)
        began.wait(5)
        return "a figure"

    with ThreadPoolExecutor(8) as pages:
        found = [pages.submit(shared.get, "front", make) for _ in range(8)]
        began.set()
        assert {each.result(5) for each in found} == {"a figure"}
    assert len(made) == 1
    assert shared.get("table", lambda: "another") == "another"


def test_an_error_is_raised_and_not_kept() -> None:
    shared = Shared()

    def fail() -> str:
        raise NasError("the database cannot be read.", "Start it.")

    for _ in range(2):
        with pytest.raises(NasError):
            shared.get("front", fail)
    assert shared.get("front", lambda: "a figure") == "a figure"


def test_old_parts_go() -> None:
    shared = Shared()
    for number in range(1000):
        shared.get(number, lambda: "part")
    assert shared.get(999, lambda: "new") == "part"
    assert shared.get(0, lambda: "new") == "new"
