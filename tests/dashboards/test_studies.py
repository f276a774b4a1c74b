"""The list of studies: order, search, times in the reader's zone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from nas.dashboards.parts import zone_of
from nas.dashboards.studies import Listed, studies_table
from nas.figures import PageTheme
from nas.store import StudyState, StudySummary
from nas.study import TrialState
from tests.figures.drawn_study import START, make_spec

SPEC = make_spec()
NO_ORDER = {"header": None, "descending": False}


def summary(name: str, **fields: object) -> StudySummary:
    usual = StudySummary(
        name, replace(SPEC, name=name), StudyState.COMPLETE, START,
        dict.fromkeys(TrialState, 0), SPEC.reported, None, None,
    )  # fmt: skip
    return replace(usual, **fields)  # type: ignore[arg-type]


ENTRIES = [
    summary("first", best=0.3, device_seconds=7200.0),
    summary("second", best=None, failures={"nan": 2, "oom": 3}),
    summary("third", best=0.1, seeds_of_best=(0.1, 0.2, 0.15)),
]


def rows(order: Mapping[str, object], find: str = "", zone: str = "UTC") -> list[list[str]]:
    found = studies_table(
        Listed(ENTRIES, {"third": [0.0, 0.2, 0.2]}, "nas.db"), find, order, PageTheme(),
        zone_of({"zone": zone}),
    )  # fmt: skip
    return [[_text(cell) for cell in row.children] for row in found[0].children[1].children]


def _text(cell: object) -> str:
    child = getattr(cell, "children", cell)
    child = child[0] if isinstance(child, list) else child  # the menu of a study follows its name
    return str(getattr(child, "children", None) or getattr(child, "alt", None) or child)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (NO_ORDER, ["third", "second", "first"]),
        ({"header": "Best", "descending": False}, ["third", "first", "second"]),
        ({"header": "Best", "descending": True}, ["first", "third", "second"]),
        ({"header": "Study", "descending": False}, ["first", "second", "third"]),
    ],
)
def test_a_heading_sorts_and_the_unknown_is_last(
    order: Mapping[str, object], names: Sequence[str]
) -> None:
    assert [row[0] for row in rows(order)] == names


def test_a_row_tells_result_failures_and_cost() -> None:
    (third,) = rows(NO_ORDER, "third digits")
    assert any("15.00 % ±" in cell and "(3 seeds)" in cell for cell in third)
    assert "hypervolume 20.0 % of the area" in third
    assert "3 oom, 2 nan" in rows(NO_ORDER, "second")[0]
    assert "2 h 00 min" in rows(NO_ORDER, "first")[0]
    assert rows(NO_ORDER, "nothing") == []


def test_times_are_in_the_zone_of_the_browser() -> None:
    assert rows(NO_ORDER, zone="Asia/Kathmandu")[0][-1] == "2026-03-01 14:45"
    assert zone_of({"zone": "Nowhere/Else"}) is UTC
    assert zone_of({}) == ZoneInfo("UTC")


def test_the_time_left_follows_the_pace_or_the_limit() -> None:
    begun = {"holder": "h:1", "began": START, "latest": START + timedelta(minutes=10)}
    ten = summary("a", candidates=10, **begun)
    pace = 60.0 * (SPEC.num_trials - 10)
    assert ten.time_left == pytest.approx(pace)
    limited = replace(ten, spec=replace(ten.spec, time_limit=900.0))
    assert limited.time_left == pytest.approx(min(pace, 300.0))
    assert summary("b", **begun).time_left is None
