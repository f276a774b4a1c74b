"""A listed space answers like a tabulated one, and draws uniformly."""

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nas.cost.budget import Constraint, parse_budgets
from nas.cost.model import CostModel
from nas.errors import BudgetError
from nas.feasible import FeasibleSpace
from nas.feasible.listed import ListedSpace, feasible_space
from nas.space.file import read_space
from tests.members import LISTABLE

COSTS = CostModel(read_space(LISTABLE, "small.toml"))
MIDDLE = COSTS.cost(
    COSTS.space.parse("depth=1,width=8-9,expansion=2,g1=1,g2=1,relu=none,permute2=no")
)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from(["madds", "params", "acts"]), st.floats(0.3, 3), min_size=1))
def test_both_ways_agree_on_a_space_that_allows_both(shares: Any) -> None:
    budget = tuple(
        Constraint(name, int(share * getattr(MIDDLE, name))) for name, share in shares.items()
    )
    listed, tabulated = ListedSpace(COSTS, budget), FeasibleSpace(COSTS, budget)
    assert listed.total == tabulated.total
    low, high = tabulated.bounds()
    count, same = listed.bounds()
    assert low <= count == same <= high
    for name in ("madds", "params", "acts"):
        least = (getattr(s.cost(s.smallest(name)), name) for s in (listed, tabulated))
        assert len(set(least)) == 1
    refused = []
    for space in (listed, tabulated):
        try:
            space.check()
        except BudgetError as error:
            refused.append(str(error.remedy))
    assert len(refused) in (0, 2)
    assert len(set(refused)) <= 1
    drawn = listed.sample(np.random.default_rng(0))
    assert (drawn is None) == (count == 0)
    assert drawn is None or (listed.admits(drawn) and tabulated.admits(drawn))


def test_samples_keep_to_a_band() -> None:
    feasible = ListedSpace(COSTS, (Constraint("madds", 2 * MIDDLE.madds),))
    rng = np.random.default_rng(1)
    drawn = [feasible.sample(rng, low=0.4, high=0.45) for _ in range(30)]
    used = [feasible.used(feasible.cost(member)) for member in drawn]
    assert 0.4 <= min(used) <= max(used) <= 0.45


def test_every_feasible_member_is_drawn_as_often_as_any_other() -> None:
    feasible = ListedSpace(COSTS, (Constraint("madds", MIDDLE.madds),))
    rng = np.random.default_rng(2)
    count = int(feasible.bounds()[0])
    drawn = Counter(feasible.sample(rng) for _ in range(20 * count))
    assert len(drawn) == count
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-4


def test_an_empty_band_gives_nothing() -> None:
    feasible = ListedSpace(COSTS, parse_budgets(["1G-flops"]))
    assert feasible.sample(np.random.default_rng(0), low=0.99) is None


def test_a_space_whose_costs_are_sums_over_its_stages_is_not_listed() -> None:
    assert not isinstance(feasible_space(COSTS, ()), ListedSpace)


def test_bands_counts_and_draws_agree_with_the_other_way() -> None:
    budget = (Constraint("madds", 2 * MIDDLE.madds), Constraint("acts", 2 * MIDDLE.acts))
    listed, tabulated = ListedSpace(COSTS, budget), FeasibleSpace(COSTS, budget)
    for band in ((0.0, 1.0), (0.5, 0.9), (0.99, 1.0), (0.7, 0.7)):
        assert listed.count(*band) == tabulated.count(*band)
        few = listed.sample_many(np.random.default_rng(0), 30, *band)
        more = tabulated.sample_many(np.random.default_rng(0), 30, *band)
        assert len(few) == len(more) == (30 if listed.count(*band).low else 0)
        assert all(tabulated.admits(member) for member in few)
    edges = [0.5, MIDDLE.madds + 0.5, 3 * MIDDLE.madds + 0.5, 1e12]
    assert listed.spread("madds", edges) == tabulated.spread("madds", edges)
    assert listed.largest("params") == tabulated.largest("params")
