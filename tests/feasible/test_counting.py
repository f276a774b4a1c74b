"""Counting modulo primes, and counts that are rounded: against the list and against each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.budget import Constraint, parse_budgets
from nas.cost import CostModel
from nas.feasible import OptionTable, counting
from nas.feasible.counting import LatticeCount
from nas.feasible.drawing import Drawing
from nas.feasible.estimating import bounds_together, count_together, wilson
from nas.feasible.reduced import Reduced
from nas.feasible.rounded import CELLS
from nas.feasible.sparse import SparseCount, TooManySumsError
from tests.members import space_named


@pytest.fixture(scope="module")
def table():
    return OptionTable(CostModel(space_named("small")))


@pytest.fixture(scope="module")
def spent(table):
    """What each architecture of the small space spends above the cheapest, by its multiply-adds."""
    reduced = Reduced(table, (Constraint("madds", 10**12),))
    ways = {table.space.stem_width: {0: 1}}
    for stage in reduced.stages:
        after = {}
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
    added = {}
    for reached in ways.values():
        for cost, count in reached.items():
            added[cost] = added.get(cost, 0) + count
    return added


@pytest.mark.parametrize("direct", [True, False])
def test_every_count_of_a_space_is_exact(table, spent, direct, monkeypatch):
    """Both ways to convolve give the sums of a dictionary of Python integers."""
    if not direct:
        monkeypatch.setattr(counting, "_DIRECT", 0)
    lattice = LatticeCount(Reduced(table, (Constraint("madds", 10**12),)))
    assert lattice.exact
    below = 0
    for cost in sorted(spent):
        assert lattice.at_most(cost - 1) == (below, below)
        below += spent[cost]
        assert lattice.at_most(cost) == (below, below)
    assert below == Reduced(table, ()).total


def test_lists_of_sums_count_as_the_grid_does(table, spent):
    reduced = Reduced(table, (Constraint("madds", 10**12),))
    listed, grid = SparseCount(reduced), LatticeCount(reduced)
    for to in (*sorted(spent)[:: max(1, len(spent) // 50)], 0, int(reduced.slack[0])):
        assert listed.at_most(to) == grid.at_most(to)
    middle = sorted(spent)[len(spent) // 2]
    assert listed.between(middle, middle) == (spent[middle], spent[middle])
    assert listed.between(middle, middle - 1) == (0, 0)


def test_a_fine_grid_is_no_hindrance_to_a_space_of_few_stages():
    """shufflenetv1: multiples of 4, which no grid holds; lists do, and the bounds agree."""
    options = OptionTable(CostModel(space_named("shufflenetv1")))
    reduced = Reduced(options, parse_budgets(["140M-flops"]))
    low, high = LatticeCount(reduced, 5000).at_most(int(reduced.slack[0]))
    number, _ = SparseCount(reduced).at_most(int(reduced.slack[0]))
    assert low < number < high


def test_lists_that_would_be_too_long_are_refused():
    options = OptionTable(CostModel(space_named("mobilenetv2")))
    with pytest.raises(TooManySumsError):
        SparseCount(Reduced(options, parse_budgets(["300M-flops"])))


@settings(max_examples=60, deadline=None)
@given(cells=st.integers(2, 300), share=st.floats(0, 1), limit=st.floats(0, 1))
def test_rounded_counts_bound_the_exact_one(table, spent, cells, share, limit):
    least = int(Reduced(table, (Constraint("madds", 10**12),)).floor[0])
    ceiling = int(limit * max(spent))
    reduced = Reduced(table, (Constraint("madds", least + ceiling),))
    lattice = LatticeCount(reduced, cells)
    slack = int(reduced.slack[0])
    to = int(share * slack)
    exact = sum(count for cost, count in spent.items() if cost <= to)
    low, high = lattice.at_most(to)
    assert low <= exact <= high
    band = sum(count for cost, count in spent.items() if to <= cost <= slack)
    low, high = lattice.between(to, slack)
    assert low <= band <= high


def test_a_rounded_count_of_a_large_space_holds_the_exact_one():
    """igcv3 within 30M multiply-adds, by grids of two sizes and by two ways to convolve."""
    options = OptionTable(CostModel(space_named("igcv3")))
    reduced = Reduced(options, parse_budgets(["30M-flops"]))
    exact = LatticeCount(reduced)
    assert exact.exact
    number, _ = exact.at_most(int(reduced.slack[0]))
    for cells in (500, 4000):
        rough = LatticeCount(reduced, cells)
        assert not rough.exact
        low, high = rough.at_most(int(reduced.slack[0]))
        assert low < number < high
    assert number > 2**53  # more than a float could tell


def test_an_estimate_lies_within_its_bounds_and_near_the_truth(table, spent, monkeypatch):
    """The same ceiling twice, as two: the rough tables of two ceilings against the exact count."""
    monkeypatch.setattr("nas.feasible.estimating._LISTABLE", 0)
    monkeypatch.setitem(CELLS, 2, 6)
    least = int(Reduced(table, (Constraint("madds", 10**12),)).floor[0])
    ceiling = least + int(np.median(list(spent)))
    budget = (Constraint("madds", ceiling), Constraint("acts", 10**12))
    exact = sum(count for cost, count in spent.items() if cost <= ceiling - least)
    drawing = Drawing(table, budget, Reduced(table, budget))
    count = count_together(drawing, 0, ceiling)
    assert count.low < exact < count.high
    low, high = count.interval
    assert count.low <= low <= count.estimate <= high <= count.high
    assert abs(count.estimate - exact) < 2 * (high - low)
    assert bounds_together(drawing, 0, ceiling).low == count.low
    monkeypatch.undo()
    assert count_together(drawing, 0, ceiling).low == exact


@given(st.integers(1, 10**5), st.floats(0, 1))
def test_an_interval_holds_its_share(draws, part):
    hits = round(part * draws)
    share, low, high = wilson(hits, draws)
    assert 0 <= low <= share <= high <= 1
    assert high - low < 2 / draws**0.5
