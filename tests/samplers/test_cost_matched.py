"""Matched draws: equal numbers of every space in every stratum of cost, or a refusal."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from nas.cost.budget import admits, parse_budgets
from nas.cost.model import CostModel
from nas.errors import BudgetError
from nas.feasible import FeasibleUnion, feasible_space
from nas.feasible.port import NUM_STRATA, edges, stratum_of
from nas.samplers.cost_matched import CostMatchedSampler
from nas.space.file import load_space
from nas.study.trial import TrialState
from tests.compared import feasible_of, measured, noise, spec_of
from tests.messages import carries


def sampler_of(*names: str, budget: str) -> CostMatchedSampler:
    budgets = parse_budgets([budget])
    parts = {name: feasible_space(CostModel(load_space(name)), budgets) for name in names}
    return CostMatchedSampler(FeasibleUnion(parts), ())


@pytest.fixture(scope="module")
def drawn() -> tuple[Any, Any]:
    spec = spec_of("matched", 40)
    return spec, measured(spec, lambda trial: 0.3 + 0.05 * noise(trial))


def test_every_space_has_the_same_number_in_every_stratum(drawn: tuple[Any, Any]) -> None:
    spec, trials = drawn
    limit = spec.budget[0].limit
    counts = Counter((t.architecture.space, stratum_of(t.cost.madds / limit)) for t in trials)
    assert counts == {(name, k): 4 for name in ("lean", "rich") for k in range(NUM_STRATA)}


def test_the_costs_agree_to_the_width_of_a_stratum(drawn: tuple[Any, Any]) -> None:
    spec, trials = drawn
    limit = spec.budget[0].limit
    assert all(0.85 <= trial.cost.madds / limit <= 1 for trial in trials)
    means = [
        np.mean([t.cost.madds / limit for t in trials if t.architecture.space == name])
        for name in spec.spaces
    ]
    assert abs(means[0] - means[1]) < 0.03


def test_turns_are_kept_whatever_fails(drawn: tuple[Any, Any]) -> None:
    spec, trials = drawn
    again = measured(spec, lambda trial: 0.5, failing=lambda trial: trial.number % 3 == 0)
    assert [t.arch_id for t in again] == [t.arch_id for t in trials]
    assert sum(t.state is TrialState.FAILED for t in again) == 14


def test_draws_within_a_stratum_are_uniform() -> None:
    """Chi-square over the members of one stratum, found by drawing from the whole space."""
    part = feasible_of(spec_of("matched", 10, budget=parse_budgets(["0.7M-flops"]))).part(0)
    sampler, rng = CostMatchedSampler(part, ()), np.random.default_rng(0)
    wanted = sampler.strata[0]
    members = {
        drawn.arch_id
        for drawn in part.sample_many(rng, 6000)
        if stratum_of(part.used(part.cost(drawn))) == wanted
    }
    drawn = part.sample_many(rng, 40 * len(members), *edges(wanted))
    seen = Counter(member.arch_id for member in drawn)
    assert set(seen) == members
    statistic = sum((seen[each] - 40) ** 2 / 40 for each in members)
    freedom = len(members) - 1
    assert freedom > 10
    assert abs(statistic - freedom) < 5 * np.sqrt(2 * freedom)


def test_strata_tile_the_band() -> None:
    bounds = [edges(k) for k in range(NUM_STRATA)]
    assert bounds[0][0] == 0.85
    assert bounds[-1][1] == 1.0
    assert [high for _, high in bounds[:-1]] == [low for low, _ in bounds[1:]]
    for k, (low, high) in enumerate(bounds):
        assert stratum_of((low + high) / 2) == k
    assert (stratum_of(0.2), stratum_of(1.0)) == (-1, NUM_STRATA - 1)


def test_spaces_that_do_not_reach_the_budget_are_refused_with_one_that_all_reach() -> None:
    names = ("mobilenetv1", "igcv2")
    with pytest.raises(BudgetError) as refused:
        sampler_of(*names, budget="900G-flops").check(names)
    assert carries(refused.value.cause, "mobilenetv1 … igcv2")
    with pytest.raises(BudgetError) as refused:
        sampler_of(*names, budget="20G-flops").check(names)
    better = refused.value.remedy.split()[-1]
    assert better.endswith("-madds")
    sampler = sampler_of(*names, budget=better)
    sampler.check(names)
    proposed = sampler.propose([], 0, np.random.default_rng(0))
    cost = CostModel(load_space("mobilenetv1")).cost(proposed)
    assert admits(parse_budgets([better]), cost)
