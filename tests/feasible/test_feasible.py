"""Counting and sampling within a budget, against brute force on spaces small enough to list."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nas.cost.budget import Constraint, admits, parse_budgets
from nas.cost.model import Cost, CostModel
from nas.errors import BudgetError
from nas.feasible import Count, FeasibleSpace
from nas.feasible.rounded_tables import CELLS
from nas.space.architecture import Architecture
from nas.space.file import load_space, read_space
from tests.members import LISTABLE, costs_of_members


@pytest.fixture(scope="module")
def small() -> CostModel:
    return CostModel(read_space(LISTABLE, "small.toml"))


@pytest.fixture(scope="module")
def listed(small: CostModel) -> dict[Architecture, Cost]:
    return costs_of_members(small)


def test_total_is_the_number_of_distinct_members(
    small: CostModel, listed: dict[Architecture, Cost]
) -> None:
    assert FeasibleSpace(small, ()).total == len(listed)


@settings(max_examples=40, deadline=None)
@given(
    quantiles=st.dictionaries(
        st.sampled_from(["madds", "params", "acts"]), st.floats(0, 1), min_size=1
    ),
    seed=st.integers(0, 2**31),
)
def test_bounds_and_samples_agree_with_the_list(
    small: CostModel, listed: dict[Architecture, Cost], quantiles: dict[str, float], seed: int
) -> None:
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
def test_smallest_is_the_smallest(
    small: CostModel, listed: dict[Architecture, Cost], cost: str
) -> None:
    feasible = FeasibleSpace(small, (Constraint("madds", 10**9),))
    least = min(getattr(c, cost) for c in listed.values())
    assert getattr(small.cost(feasible.smallest(cost)), cost) == least


BANDS = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@settings(max_examples=40, deadline=None)
@given(
    quantiles=st.dictionaries(
        st.sampled_from(["madds", "params", "acts"]), st.floats(0, 1), min_size=1
    ),
    band=BANDS,
)
def test_counts_and_draws_of_a_band_are_those_of_the_list(
    small: CostModel, listed: dict[Architecture, Cost], quantiles: dict[str, float], band: Any
) -> None:
    """A space so small is counted exactly, whatever the ceilings; every draw is in its band."""
    budget = tuple(
        Constraint(cost, int(np.quantile([getattr(c, cost) for c in listed.values()], share)))
        for cost, share in quantiles.items()
    )
    feasible = FeasibleSpace(small, budget)
    inside = {
        a
        for a, cost in listed.items()
        if admits(budget, cost) and band[0] <= feasible.used(cost) <= band[1]
    }
    assert feasible.count(*band) == Count(len(inside), len(inside))
    drawn = feasible.sample_many(np.random.default_rng(0), 50, *band)
    assert len(drawn) == (50 if inside else 0)
    assert set(drawn) <= inside


@pytest.mark.parametrize("names", [("madds",), ("params", "acts"), ("acts", "madds", "params")])
@pytest.mark.parametrize("band", [(0.0, 1.0), (0.8, 0.97)])
def test_draws_are_uniform(
    small: CostModel,
    listed: dict[Architecture, Cost],
    names: tuple[str, ...],
    band: tuple[float, float],
) -> None:
    budget = tuple(
        Constraint(name, int(np.quantile([getattr(c, name) for c in listed.values()], 0.6)))
        for name in names
    )
    feasible = FeasibleSpace(small, budget)
    members = [
        a
        for a, cost in listed.items()
        if admits(budget, cost) and band[0] <= feasible.used(cost) <= band[1]
    ]
    assert len(members) > 20
    drawn = Counter(feasible.sample_many(np.random.default_rng(1), 20 * len(members), *band))
    assert set(drawn) <= set(members)
    assert stats.chisquare([drawn[member] for member in members]).pvalue > 1e-4


def test_draws_one_by_one_are_uniform_too(
    small: CostModel, listed: dict[Architecture, Cost]
) -> None:
    limit = int(np.median([cost.madds for cost in listed.values()]))
    feasible = FeasibleSpace(small, (Constraint("madds", limit),))
    members = [a for a, cost in listed.items() if 0.7 * limit <= cost.madds <= limit]
    rng = np.random.default_rng(2)
    drawn = Counter(feasible.sample(rng, low=0.7) for _ in range(5 * len(members)))
    assert set(drawn) <= set(members)
    assert stats.chisquare([drawn[member] for member in members]).pvalue > 1e-4


def test_rough_tables_reject_and_stay_uniform(
    small: CostModel, listed: dict[Architecture, Cost], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight cells admit much beyond the budget: what is rejected must not bend the rest."""
    monkeypatch.setitem(CELLS, 2, 8)
    limits = {
        name: int(np.quantile([getattr(c, name) for c in listed.values()], 0.5))
        for name in ("madds", "params")
    }
    budget = tuple(Constraint(name, limit) for name, limit in limits.items())
    feasible = FeasibleSpace(small, budget)
    members = [a for a, cost in listed.items() if admits(budget, cost)]
    low, high = feasible.bounds()
    assert low < len(members) < high
    drawn = Counter(feasible.sample_many(np.random.default_rng(3), 20 * len(members)))
    assert set(drawn) <= set(members)
    assert stats.chisquare([drawn[member] for member in members]).pvalue > 1e-4


@pytest.fixture(scope="module")
def igcv3() -> CostModel:
    return CostModel(load_space("igcv3"))


def test_one_ceiling_on_a_large_space_is_counted_exactly_within_rigorous_bounds(
    igcv3: CostModel,
) -> None:
    """25M multiply-adds: 3.2e12 of 1.17e31, fewer than 1 in 1e18."""
    feasible = FeasibleSpace(igcv3, parse_budgets(["25M-flops"]))
    count = feasible.count()
    assert count.exact
    assert count.low == 3_164_157_243_392  # by convolution modulo primes
    low, high = feasible.bounds()
    assert low <= count.low <= high <= 1.001 * low
    assert count.low / feasible.total < 1e-18
    parts = [feasible.count(low, high) for low, high in [(0, 0.95), (np.nextafter(0.95, 1), 1)]]
    assert sum(part.low for part in parts) == count.low
    drawn = feasible.sample_many(np.random.default_rng(0), 300, low=0.999)
    assert len(drawn) == 300
    assert all(0.999 <= igcv3.cost(member).madds / 25e6 <= 1 for member in drawn)


def test_few_that_meet_several_ceilings_are_found_at_once(igcv3: CostModel) -> None:
    """100M and 1.3M-acts alone leave more than 1e17, with 1.4315M-params 1 in 1e9 of these."""
    budget = parse_budgets(["100M-flops", "1.4315M-params", "1.3M-acts"])
    feasible = FeasibleSpace(igcv3, budget)
    count = feasible.count()
    assert count.exact
    assert FeasibleSpace(igcv3, budget[::2]).bounds()[0] > 1e9 * count.high
    drawn = feasible.sample_many(np.random.default_rng(0), 100)
    assert len(drawn) == 100
    assert all(admits(budget, igcv3.cost(member)) for member in drawn)
    assert len(set(drawn)) > 90


def test_several_ceilings_that_one_architecture_just_meets(igcv3: CostModel) -> None:
    """The costs of the cheapest network in multiply-adds, as three ceilings."""
    least = igcv3.cost(FeasibleSpace(igcv3, ()).smallest("madds"))
    budget = tuple(Constraint(name, getattr(least, name)) for name in ("madds", "params", "acts"))
    feasible = FeasibleSpace(igcv3, budget)
    drawn = feasible.sample_many(np.random.default_rng(0), 10)
    assert len(drawn) == 10
    assert {igcv3.cost(member) for member in drawn} == {least}
    assert feasible.count().exact


def test_a_gap_between_costs_gives_nothing_at_once(igcv3: CostModel) -> None:
    feasible = FeasibleSpace(igcv3, parse_budgets(["25M-flops"]))
    costs = {igcv3.cost(a).madds for a in feasible.sample_many(np.random.default_rng(0), 200)}
    cost = max(costs)  # all costs are a multiple of 784 apart
    assert feasible.sample(np.random.default_rng(0), (cost + 1) / 25e6, (cost + 783) / 25e6) is None
    assert feasible.sample(np.random.default_rng(0), cost / 25e6, cost / 25e6) is not None


def test_without_a_budget_everything_is_drawn(
    small: CostModel, listed: dict[Architecture, Cost]
) -> None:
    feasible = FeasibleSpace(small, ())
    assert feasible.count() == Count(len(listed), len(listed))
    drawn = Counter(feasible.sample_many(np.random.default_rng(4), 20 * len(listed)))
    assert stats.chisquare([drawn[member] for member in listed]).pvalue > 1e-4
    assert feasible.sample_many(np.random.default_rng(4), 5, high=0.9) == []


@settings(max_examples=50, deadline=None)
@given(
    names=st.sets(st.sampled_from(["madds", "params", "acts"]), min_size=1),
    edges=st.lists(st.integers(0, 10**7), min_size=2, max_size=6, unique=True),
)
def test_the_spread_of_a_small_space_is_near_the_list(
    small: CostModel, listed: dict[Architecture, Cost], names: Any, edges: list[int]
) -> None:
    feasible = FeasibleSpace(small, ())
    for name in names:
        found = feasible.spread(name, sorted(edges))
        costs = [getattr(cost, name) for cost in listed.values()]
        cells, _ = np.histogram(costs, [edge + 0.5 for edge in sorted(edges)])
        assert found == pytest.approx(cells, abs=0.01 * len(listed))


@pytest.mark.slow
def test_a_budget_that_one_architecture_meets_gives_it_at_once(igcv3: CostModel) -> None:
    least = igcv3.cost(FeasibleSpace(igcv3, ()).smallest("madds")).madds
    feasible = FeasibleSpace(igcv3, (Constraint("madds", least),))
    drawn = feasible.sample(np.random.default_rng(0))
    assert drawn is not None
    assert igcv3.cost(drawn).madds == least
    low, high = feasible.bounds()
    assert high / feasible.total < 1e-15
    assert low <= high


def test_a_budget_that_nothing_meets_names_the_smallest(igcv3: CostModel) -> None:
    feasible = FeasibleSpace(igcv3, parse_budgets(["5M-flops"]))
    with pytest.raises(BudgetError, match=r"22\.34M madds \(22,340,592"):
        feasible.check()


def test_budgets_that_exclude_each_other_are_refused(
    small: CostModel, listed: dict[Architecture, Cost]
) -> None:
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


def test_the_same_generator_gives_the_same_samples(small: CostModel) -> None:
    feasible = FeasibleSpace(small, (Constraint("madds", 10**6),))
    one, two = (
        [feasible.sample(np.random.default_rng([3, i])) for i in range(5)] for _ in range(2)
    )
    assert one == two
