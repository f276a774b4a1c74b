"""Every sampler proposes members within the budget; `nas.testing.check_sampler` has the rest."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from nas.cost.budget import Constraint, admits, parse_budgets
from nas.cost.model import CostModel
from nas.errors import NasError
from nas.feasible import FeasibleSpace
from nas.samplers import SAMPLERS, learns_from_others, make_sampler
from nas.space.architecture import Architecture
from nas.space.file import load_space
from nas.stats.pareto import hypervolume
from nas.study import Ladder, borrow
from nas.study.objectives import objective
from nas.study.trial import Trial, TrialState
from tests.classified import classified

COSTS = CostModel(load_space("igcv3"))
FRONT = (objective("top1_error"), objective("madds"))
BUDGETS = {
    "one": parse_budgets(["300M-flops"]),
    "two": parse_budgets(["300M-flops", "3.5M-params"]),
    "tight": parse_budgets(["24M-flops"]),
}


def finished(number: int, architecture: Architecture, state: Any = TrialState.COMPLETE) -> Trial:
    """Return a trial whose error falls with its cost, with a wave that no cost explains."""
    cost = COSTS.cost(architecture)
    error = (
        0.9
        * (cost.madds / 1e7) ** -0.3
        * (1.2 + np.sin(sum(architecture.column("g1").count(g) * g for g in (1, 2, 4, 8))) / 5)
    )
    last = classified(9, 2, float(error), float(error) * 3, 1.0, 10.0)
    measured = () if state is TrialState.FAILED else (last,)
    return Trial(number, architecture, cost, state, seed=number, measurements=measured)


@cache
def feasible_space(budget: tuple[Constraint, ...]) -> FeasibleSpace:
    return FeasibleSpace(COSTS, budget)


def search(
    name: str, budget: tuple[Constraint, ...], count: int, goals: Any = FRONT, seed: int = 0
) -> list[Trial]:
    """Run a sampler for `count` proposals, some of which fail or are stopped."""
    sampler = make_sampler(name, feasible_space(budget), goals)
    history: list[Trial] = []
    for number in range(count):
        proposed = sampler.propose(history, number, np.random.default_rng([seed, number]))
        assert proposed is not None
        state = [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.STOPPED, TrialState.COMPLETE,
                 TrialState.FAILED][number % 5]  # fmt: skip
        history.append(finished(number, proposed, state))
    return history


# Optuna's Gaussian process takes seconds for a proposal in a space of forty choices; it is held to
# the same in a small one (tests/samplers/test_behind.py).
@pytest.fixture(params=sorted(set(SAMPLERS.names()) - {"gp"}))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS.keys())
def test_proposals_are_canonical_members_within_the_budget(
    name: str, budget: tuple[Constraint, ...]
) -> None:
    for trial in search(name, budget, 25):
        assert COSTS.space.check(trial.architecture) == trial.architecture
        assert admits(budget, trial.cost)


def test_another_seed_gives_another_search(name: str) -> None:
    one, two = (search(name, BUDGETS["one"], 5, seed=seed) for seed in (1, 2))
    assert [t.arch_id for t in one] != [t.arch_id for t in two]


def test_one_objective_works_too(name: str) -> None:
    history = search(name, BUDGETS["one"], 15, goals=(objective("top1_error"),))
    assert len({trial.arch_id for trial in history}) == 15


def test_the_start_covers_the_costs_where_a_cost_is_a_goal() -> None:
    used = [t.cost.madds / 300e6 for t in search("evolution", BUDGETS["one"], 10)]
    assert sum(share >= 0.85 for share in used) == 5
    assert min(used) < 0.25


def test_evolution_finds_a_better_front_than_random_search() -> None:
    """The child of a good network is good; mean hypervolume of three seeds."""

    def dominated(name: str) -> float:
        runs = (search(name, BUDGETS["one"], 60, seed=seed) for seed in range(3))
        fronts = ([[t.value("top1_error"), t.cost.madds] for t in run if t.last] for run in runs)
        corner = np.array([1.0, 300e6])
        return float(np.mean([hypervolume(np.array(points), corner) for points in fronts]))

    assert dominated("evolution") > dominated("random")


def test_a_budget_that_one_architecture_meets_is_exhausted_not_looped() -> None:
    least = COSTS.cost(feasible_space(BUDGETS["one"]).smallest("madds")).madds
    feasible = FeasibleSpace(COSTS, (Constraint("madds", least),))
    for name in SAMPLERS.names():
        drawn = make_sampler(name, feasible, FRONT).propose([], 0, np.random.default_rng(0))
        assert drawn is not None
        assert COSTS.cost(drawn).madds == least


def test_unknown_sampler_is_refused() -> None:
    with pytest.raises(NasError, match="oracle"):
        make_sampler("oracle", feasible_space(()), FRONT)


# --- Trainings of earlier studies ----------------------------------------------------------------

HIGHER = parse_budgets(["400M-flops"])


@cache
def lent(number: int, budget: tuple[Constraint, ...] = HIGHER) -> tuple[Trial, ...]:
    """Return trainings of networks within `budget`, as a study under another one borrows them."""
    drawn = feasible_space(budget).sample_many(np.random.default_rng(5), number)
    trials = [finished(n, a) for n, a in enumerate(drawn)]
    found = [("earlier", trial) for trial in trials]
    return tuple(borrow(found, Ladder((1, 3, 9), 3), FRONT, feasible_space(BUDGETS["one"]))[0])


def proposed(name: str, borrowed: Sequence[Trial], count: int) -> list[Architecture]:
    """Return the proposals of one search under the budget `one` that sees `borrowed`."""
    sampler = make_sampler(name, feasible_space(BUDGETS["one"]), FRONT)
    history: list[Trial] = []
    for number in range(count):
        rng = np.random.default_rng([0, number])
        architecture = sampler.propose([*borrowed, *history], number, rng)
        assert architecture is not None
        history.append(finished(number, architecture))
    expected = sampler.expected_losses([*borrowed, *history])
    assert set(expected) == set(range(count))
    return [trial.architecture for trial in history]


def test_samplers_learn_from_others_unless_they_ignore_measurements(name: str) -> None:
    ignoring = {"random", "matched"} | {each for each in SAMPLERS.names() if ":" in each}
    assert learns_from_others(name) == (name not in ignoring)


@pytest.mark.parametrize("name", ["predictor", "evolution", "tpe", "nsga2", "nsga3"])
def test_what_was_borrowed_changes_no_more_than_what_comes_after_four_starts(name: str) -> None:
    within = lent(40, BUDGETS["one"])
    fresh, learnt = proposed(name, (), 8), proposed(name, within, 8)
    assert fresh[:4] == learnt[:4]
    assert fresh[4:] != learnt[4:]
    assert proposed(name, within, 8) == learnt
    assert all(admits(BUDGETS["one"], COSTS.cost(architecture)) for architecture in learnt)


def test_few_borrowed_trainings_replace_as_many_starts() -> None:
    fresh, learnt = proposed("predictor", (), 9), proposed("predictor", lent(2), 9)
    assert fresh[:6] == learnt[:6]
    assert fresh[6] != learnt[6]


def test_a_network_of_an_earlier_study_is_proposed_if_nothing_better_is_known() -> None:
    """The best of 60 trainings within the budget is among the first proposals after the starts."""
    borrowed = lent(60, BUDGETS["one"])
    best = min(borrowed, key=lambda trial: trial.value("top1_error") or 1.0)
    found = proposed("predictor", borrowed, 10)
    errors = [finished(0, architecture).value("top1_error") or 1.0 for architecture in found]
    assert min(errors[4:]) <= (best.value("top1_error") or 0.0)


def test_trainings_over_the_budget_alone_end_no_search() -> None:
    only_over = [
        trial for trial in lent(200) if not admits(BUDGETS["one"], COSTS.cost(trial.architecture))
    ]
    assert only_over
    assert len(proposed("evolution", only_over, 12)) == len(proposed("predictor", only_over, 12))
