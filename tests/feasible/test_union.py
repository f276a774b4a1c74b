"""Several spaces searched as one: fair draws, the right space, one budget for all."""

from collections import Counter

import numpy as np
import pytest

from nas.cost.budget import Constraint, admits, parse_budgets
from nas.cost.model import CostModel
from nas.errors import BudgetError
from nas.feasible import FeasibleUnion, feasible_space
from nas.space.file import load_space

BUDGET = parse_budgets(["140M-flops"])
NAMES = ("mobilenetv1", "mobilenetv2", "shufflenetv1")


def joined(*names: str, budget: tuple[Constraint, ...] = BUDGET) -> FeasibleUnion:
    return FeasibleUnion(
        {name: feasible_space(CostModel(load_space(name)), budget) for name in names}
    )


@pytest.fixture(scope="module")
def union() -> FeasibleUnion:
    return joined(*NAMES)


def test_each_space_gets_its_share_of_the_draws(union: FeasibleUnion) -> None:
    rng = np.random.default_rng(0)
    drawn = [union.sample(rng) for _ in range(90)]
    shares = Counter(architecture.space for architecture in drawn)
    assert set(shares) == set(NAMES)
    assert min(shares.values()) >= 15
    assert all(admits(BUDGET, union.cost(architecture)) for architecture in drawn)
    assert all(union.admits(architecture) for architecture in drawn)


def test_many_draws_at_once_are_shared_out_alike(union: FeasibleUnion) -> None:
    drawn = union.sample_many(np.random.default_rng(2), 300, low=0.5)
    assert len(drawn) == 300
    shares = Counter(architecture.space for architecture in drawn)
    assert all(70 <= shares[name] <= 130 for name in NAMES)
    assert all(0.5 <= union.used(union.cost(member)) <= 1 for member in drawn)


def test_a_space_with_nothing_in_the_band_leaves_its_draws_to_the_others(
    union: FeasibleUnion,
) -> None:
    """Only the larger spaces have members near the ceiling; at 1/14 of it, only one space."""
    low, high = 0.05, 0.09
    held = {name for name, part in union.parts.items() if part.count(low, high).high}
    assert 0 < len(held) < len(NAMES)
    drawn = union.sample_many(np.random.default_rng(3), 60, low=low, high=high)
    assert len(drawn) == 60
    assert {member.space for member in drawn} == held
    assert union.sample_many(np.random.default_rng(3), 5, low=1e-4, high=2e-4) == []


def test_a_neighbour_stays_in_its_space(union: FeasibleUnion) -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        parent = union.sample(rng)
        child = union.mutate(parent, rng)
        assert child.space == parent.space
        assert child != parent


def test_the_smallest_is_that_of_the_cheapest_space(union: FeasibleUnion) -> None:
    smallest = union.smallest("madds")
    least = [union.cost(part.smallest("madds")).madds for part in union.parts.values()]
    assert union.cost(smallest).madds == min(least)


def test_counts_add_up(union: FeasibleUnion) -> None:
    assert union.total == sum(part.total for part in union.parts.values())
    low, high = union.bounds()
    assert 0 < low <= high < union.total
    count = union.count()
    assert (count.low, count.high) == (low, high)
    assert count.low <= count.interval[0] <= count.estimate <= count.interval[1] <= count.high


def test_a_space_that_the_budget_leaves_nothing_of_is_named() -> None:
    with pytest.raises(BudgetError, match="mobilenetv2"):
        joined("shufflenetv1", "mobilenetv2", budget=parse_budgets(["15M-flops"])).check()
