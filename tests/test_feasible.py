"""Counting and sampling within a budget, against brute force on spaces small enough to list."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nas.architecture import Architecture
from nas.budget import Constraint, admits, parse_budgets
from nas.cost import CostModel
from nas.errors import BudgetError
from nas.feasible import FeasibleSpace
from nas.space_file import load_space, read_space

# Group counts that do not fit every width, stages that may be absent, choices that collapse.
SMALL = """
schema = 1
name = "small"
block = "igcv3"
title = "small enough to list"
[deployment]
input = "3x16x16"
classes = 4
[stem]
width = 6
stride = 1
[head]
width = 24
[choices]
expansion = [0, 2]
g1 = [1, 2]
g2 = [1, 3]
relu = ["none", "first"]
permute2 = false
[[stage]]
name = "stage1"
stride = 1
depth = [0, 1, 2]
width = [6, 8]
[[stage]]
name = "stage2"
stride = 2
depth = [1, 3]
width = [9, 12]
"""


@pytest.fixture(scope="module")
def small():
    return CostModel(read_space(SMALL, "small.toml"))


@pytest.fixture(scope="module")
def listed(small):
    """Every distinct architecture of the small space with its cost, by listing all spellings."""
    space = small.space
    stages = [
        [tuple(row) for row in itertools.product(*(choice.values for choice in stage.choices))]
        for stage in space.stages
    ]
    spelled = (Architecture(space.name, space.keys, rows) for rows in itertools.product(*stages))
    members = {space.canonical(a) for a in spelled if space.contains(a)}
    return {member: small.cost(member) for member in members}


def test_total_is_the_number_of_distinct_members(small, listed):
    assert FeasibleSpace(small, ()).total == len(listed)


@settings(max_examples=40, deadline=None)
@given(
    quantiles=st.dictionaries(
        st.sampled_from(["madds", "params", "acts"]), st.floats(0, 1), min_size=1
    ),
    seed=st.integers(0, 2**31),
)
def test_bounds_and_samples_agree_with_the_list(small, listed, quantiles, seed):
    budget = tuple(
        Constraint(cost, int(np.quantile([getattr(c, cost) for c in listed.values()], share)) + 1)
        for cost, share in quantiles.items()
    )
    feasible = FeasibleSpace(small, budget)
    members = {a for a, cost in listed.items() if admits(budget, cost)}
    low, high = feasible.bounds()
    assert low <= len(members) <= high
    if not members:
        with pytest.raises(BudgetError):
            feasible.check()
        return
    feasible.check()
    drawn = feasible.sample(np.random.default_rng(seed))
    assert drawn is None or drawn in members
    if len(members) > len(listed) / 100:
        assert drawn is not None


@pytest.mark.parametrize("cost", ["madds", "params", "acts"])
def test_smallest_is_the_smallest(small, listed, cost):
    feasible = FeasibleSpace(small, (Constraint("madds", 10**9),))
    least = min(getattr(c, cost) for c in listed.values())
    assert getattr(small.cost(feasible.smallest(cost)), cost) == least


def test_sampling_is_uniform(small, listed):
    limit = int(np.median([cost.madds for cost in listed.values()]))
    feasible = FeasibleSpace(small, (Constraint("madds", limit),))
    members = [a for a, cost in listed.items() if cost.madds <= limit]
    rng = np.random.default_rng(1)
    drawn = Counter(feasible.sample(rng) for _ in range(20 * len(members)))
    assert set(drawn) <= set(members)
    test = stats.chisquare([drawn[member] for member in members])
    assert test.pvalue > 1e-4


def test_a_band_is_kept(small, listed):
    limit = int(np.median([cost.madds for cost in listed.values()]))
    feasible = FeasibleSpace(small, (Constraint("madds", limit),))
    members = {a for a, c in listed.items() if 0.7 * limit <= c.madds <= 0.9 * limit}
    rng = np.random.default_rng(2)
    drawn = Counter(feasible.sample(rng, low=0.7, high=0.9) for _ in range(20 * len(members)))
    assert set(drawn) == members


def test_a_budget_that_one_architecture_meets_gives_it_at_once():
    space = load_space("igcv3")
    costs = CostModel(space)
    tight = FeasibleSpace(costs, parse_budgets(["300M-flops"])).smallest("madds")
    feasible = FeasibleSpace(costs, (Constraint("madds", costs.cost(tight).madds),))
    drawn = feasible.sample(np.random.default_rng(0))
    assert drawn is not None
    assert costs.cost(drawn).madds == costs.cost(tight).madds
    low, high = feasible.bounds()
    assert high / feasible.total < 1e-15
    assert low <= high


def test_a_budget_that_nothing_meets_names_the_smallest():
    feasible = FeasibleSpace(CostModel(load_space("igcv3")), parse_budgets(["5M-flops"]))
    with pytest.raises(BudgetError, match=r"22\.34M madds \(22,340,592"):
        feasible.check()


def test_budgets_that_exclude_each_other_are_refused(small, listed):
    """The least madds and the least params are reached by different architectures."""
    least = {
        name: min(getattr(cost, name) for cost in listed.values()) for name in ("madds", "acts")
    }
    budget = tuple(Constraint(name, limit) for name, limit in least.items())
    feasible = FeasibleSpace(small, budget)
    if any(admits(budget, cost) for cost in listed.values()):
        feasible.check()
    else:
        with pytest.raises(BudgetError, match="together"):
            feasible.check()


def test_the_same_generator_gives_the_same_samples(small):
    feasible = FeasibleSpace(small, (Constraint("madds", 10**6),))
    one, two = (
        [feasible.sample(np.random.default_rng([3, i])) for i in range(5)] for _ in range(2)
    )
    assert one == two
