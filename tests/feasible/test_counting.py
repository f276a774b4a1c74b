"""Counts of a budget's members: bounds and estimates against the sums of exact integers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost.budget import Constraint, parse_budgets
from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace, OptionTable
from nas.feasible.counting import count_bounds, count_members, wilson
from nas.feasible.drawing import Drawing
from nas.feasible.rounded_tables import CELLS, RoundedTables
from nas.feasible.slack import Reduced
from tests.members import space_named

UNLIMITED = (Constraint("madds", 10**12),)


@pytest.fixture(scope="module")
def table() -> OptionTable:
    return OptionTable(CostModel(space_named("small")))


@pytest.fixture(scope="module")
def spent(table: OptionTable) -> dict[int, int]:
    """How many architectures of the small space spend what above the cheapest, in madds."""
    reduced = Reduced(table, UNLIMITED)
    ways = {table.space.stem_width: {0: 1}}
    for stage in reduced.stages:
        after: dict[Any, Any] = {}
        for width, reached in ways.items():
            steps = stage[width]
            for following, cost, weight in zip(
                steps.next_widths.tolist(), steps.costs[:, 0].tolist(), steps.weights.tolist(),
                strict=True,
            ):  # fmt: skip
                target = after.setdefault(following, {})
                for before, count in reached.items():
                    target[before + cost] = target.get(before + cost, 0) + count * weight
        ways = after
    added: dict[Any, Any] = {}
    for reached in ways.values():
        for cost, count in reached.items():
            added[cost] = added.get(cost, 0) + count
    return added


def within(spent: dict[int, int], low: int, high: int) -> int:
    return sum(count for cost, count in spent.items() if low <= cost <= high)


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 1), limit=st.floats(0, 1))
def test_one_ceiling_is_bounded(
    table: OptionTable, spent: dict[int, int], share: float, limit: float
) -> None:
    least = int(Reduced(table, UNLIMITED).floor[0])
    ceiling = int(limit * max(spent))
    budget = (Constraint("madds", least + ceiling),)
    drawing = Drawing(table, budget, Reduced(table, budget))
    low = least + int(share * ceiling)
    bounds = count_bounds(drawing, low, least + ceiling)
    exact = within(spent, low - least, ceiling)
    assert bounds.low <= exact <= bounds.high
    count = count_members(drawing, low, least + ceiling)
    assert count.low == count.high == exact  # a space so small has an exact graph


@settings(max_examples=40, deadline=None)
@given(cells=st.integers(2, 300), share=st.floats(0, 1))
def test_a_picture_is_off_by_no_more_than_the_rounding(
    table: OptionTable, spent: dict[int, int], cells: int, share: float
) -> None:
    tables = RoundedTables(Reduced(table, UNLIMITED), cells)
    to = int(share * max(spent))
    error = int(tables.error[0])
    assert within(spent, 0, to - error) <= tables.about(to) <= within(spent, 0, to + error)
    assert tables.about(max(spent)) == sum(spent.values())


@pytest.mark.slow
def test_a_count_that_no_float_holds_is_bounded() -> None:
    """igcv3 within 300M madds: an integer of 31 digits, by convolution modulo primes."""
    space = FeasibleSpace(CostModel(space_named("igcv3")), parse_budgets(["300M-flops"]))
    low, high = space.bounds()
    exact = 3_328_491_977_209_097_406_164_511_182_848
    assert low < exact < high < 1.001 * low
    count = space.count()
    least, most = count.interval
    assert low <= least <= count.estimate <= most <= high
    assert abs(count.estimate - exact) < 2 * (most - least)


def test_an_estimate_lies_within_its_bounds_and_near_the_truth(
    table: OptionTable, spent: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same ceiling twice, as two: the rough tables of two ceilings against the exact count."""
    monkeypatch.setattr("nas.feasible.counting.LISTABLE", 0)
    monkeypatch.setitem(CELLS, 2, 6)
    least = int(Reduced(table, UNLIMITED).floor[0])
    ceiling = least + int(np.median(list(spent)))
    budget = (Constraint("madds", ceiling), Constraint("acts", 10**12))
    exact = within(spent, 0, ceiling - least)
    drawing = Drawing(table, budget, Reduced(table, budget))
    count = count_members(drawing, 0, ceiling)
    assert count.low < exact < count.high
    low, high = count.interval
    assert count.low <= low <= count.estimate <= high <= count.high
    assert abs(count.estimate - exact) < 2 * (high - low)
    assert count_bounds(drawing, 0, ceiling).low == count.low
    monkeypatch.undo()
    assert count_members(drawing, 0, ceiling).low == exact


@given(st.integers(1, 10**5), st.floats(0, 1))
def test_an_interval_holds_its_share(draws: int, part: float) -> None:
    hits = round(part * draws)
    share, low, high = wilson(hits, draws)
    assert 0 <= low <= share <= high <= 1
    assert high - low < 2 / draws**0.5
