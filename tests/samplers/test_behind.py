"""Optuna's samplers within a budget, in a space small enough for the slowest."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nas.cost.budget import admits, parse_budgets
from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace
from nas.samplers import make_sampler
from nas.samplers.optuna_samplers import START
from nas.space.file import load_space
from nas.study.objectives import objective
from nas.study.trial import Trial, TrialState
from tests.classified import classified

NAMES = ("tpe", "gp", "nsga2", "nsga3")
BUDGET = parse_budgets(["300M-flops"])
COSTS = CostModel(load_space("mobilenetv1"))
FEASIBLE = FeasibleSpace(COSTS, BUDGET)
GOALS = {
    "one": (objective("top1_error"),),
    "two": (objective("top1_error"), objective("madds")),
}


def search(name: str, goals: Any, count: int, feasible: Any = FEASIBLE) -> list[Trial]:
    sampler = make_sampler(name, feasible, goals)
    history: list[Trial] = []
    for number in range(count):
        proposed = sampler.propose(history, number, np.random.default_rng([0, number]))
        cost = COSTS.cost(proposed)
        error = 0.9 * (cost.madds / 1e7) ** -0.3
        last = classified(9, 2, error, 3 * error, 1.0, 10.0)
        history.append(Trial(number, proposed, cost, TrialState.COMPLETE, number,
                             measurements=(last,)))  # fmt: skip
    return history


SLOW = [("gp", "one"), ("gp", "two")]  # seconds for a proposal; tests/pinned has gp with one


@pytest.mark.parametrize(
    ("name", "goals"),
    [
        pytest.param(name, GOALS[goals], id=f"{name}-{goals}",
                     marks=[pytest.mark.slow] if (name, goals) in SLOW else [])
        for name in NAMES
        for goals in GOALS
    ],
)  # fmt: skip
def test_members_within_the_budget_the_same_for_the_same_history(name: str, goals: Any) -> None:
    one, two = (search(name, goals, START + 2) for _ in range(2))
    assert [t.architecture for t in one] == [t.architecture for t in two]
    for trial in one:
        assert COSTS.space.check(trial.architecture) == trial.architecture
        assert admits(BUDGET, trial.cost)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "gp" else n for n in NAMES]
)
def test_pending_and_failed_trials_are_not_told(name: str) -> None:
    history = search(name, GOALS["two"], START + 1)
    history[-1] = replace(history[-1], state=TrialState.WAITING, measurements=())
    history[-2] = replace(history[-2], state=TrialState.FAILED, measurements=())
    sampler = make_sampler(name, FEASIBLE, GOALS["two"])
    assert sampler.propose(history, len(history), np.random.default_rng(0)) is not None
    assert set(sampler.expected_losses(history)) == {t.number for t in history[:-2]}


def test_a_genetic_algorithm_knows_its_generations_again() -> None:
    """With a full population behind it, a proposal crosses parents instead of drawing at random."""
    unlimited = FeasibleSpace(COSTS, ())  # nothing to repair
    history = search("random", GOALS["one"], 60, unlimited)
    sampler = make_sampler("nsga2", unlimited, GOALS["one"])
    proposed = [sampler.propose(history, 60, np.random.default_rng([1, n])) for n in range(25)]
    drawn = [unlimited.sample(np.random.default_rng([1, n])) for n in range(25)]
    madds = [np.mean([COSTS.cost(a).madds for a in several]) for several in (proposed, drawn)]
    assert madds[0] > madds[1]  # here more multiply-adds are fewer errors


@pytest.mark.parametrize("name", ["nsga2", pytest.param("nsga3", marks=pytest.mark.slow)])
def test_a_sampler_that_saw_every_trial_come_proposes_like_one_that_sees_them_at_once(
    name: str,
) -> None:
    """Beyond two populations, where Optuna has selected parents from parents."""
    unlimited = FeasibleSpace(COSTS, ())
    history = search("random", GOALS["two"], 112, unlimited)
    old = make_sampler(name, unlimited, GOALS["two"])
    for number in range(98, 112):
        draws = [np.random.default_rng([2, number]) for _ in range(2)]
        new = make_sampler(name, unlimited, GOALS["two"])
        proposed = [
            sampler.propose(history[:number], number, draw)
            for sampler, draw in zip((old, new), draws, strict=True)
        ]
        assert proposed[0] == proposed[1]
