"""The predictor in a study of Optuna's own."""

import math
import pickle
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from nas.errors import NasError
from nas.samplers.for_optuna import PredictorSampler

SPACE = {
    "width": IntDistribution(8, 64, step=8),
    "depth": IntDistribution(1, 12),
    "relu": CategoricalDistribution(["none", "first", "all"]),
    "rate": FloatDistribution(1e-3, 1.0, log=True),
}
LIMIT = 250_000


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def madds(params: Any) -> Any:
    return 64 * params["width"] ** 2 * params["depth"] // 8


def error(params: Any) -> Any:
    wrong = {"none": 0.0, "first": 0.1, "all": 0.2}[params["relu"]]
    return 0.1 + wrong + 3e3 / madds(params) + 0.05 * abs(np.log10(params["rate"]) + 2)


def budgeted(seed: int = 0, **more: Any) -> PredictorSampler:
    return PredictorSampler(
        SPACE, lambda p: {"madds": madds(p)}, lambda p: madds(p) <= LIMIT, seed=seed, **more
    )


def run(sampler: Any, count: int, goals: int = 1, directions: Any = None) -> Any:
    study = optuna.create_study(directions=directions or ["minimize"] * goals, sampler=sampler)
    for _ in range(count):
        trial = study.ask()
        params = {
            "width": trial.suggest_int("width", 8, 64, step=8),
            "depth": trial.suggest_int("depth", 1, 12),
            "relu": trial.suggest_categorical("relu", ["none", "first", "all"]),
            "rate": trial.suggest_float("rate", 1e-3, 1.0, log=True),
        }
        losses = [error(params), madds(params)][:goals]
        study.tell(trial, [-v if directions else v for v in losses])
    return study


def test_nothing_over_the_budget_is_ever_proposed() -> None:
    for trial in run(budgeted(), 16).trials:
        assert madds(trial.params) <= LIMIT


def test_it_finds_a_better_network_than_random_search() -> None:
    best = run(budgeted(0), 24).best_value
    drawn = run(budgeted(0, n_startup_trials=99), 24).best_value
    assert best < drawn


def test_maximising_is_minimising_the_negative() -> None:
    best = run(budgeted(), 20, directions=["maximize"]).best_value
    assert best > -np.median([error(t.params) for t in run(budgeted(), 10).trials])


def test_several_objectives_one_of_them_known() -> None:
    study = run(budgeted(known={1: "madds"}), 16, goals=2)
    assert len(study.trials) == 16
    assert len(study.best_trials) > 1


def test_several_uncertain_objectives() -> None:
    assert len(run(budgeted(), 14, goals=2).trials) == 14


def test_a_seed_repeats_a_study() -> None:
    one, two = (
        [t.params for t in run(budgeted(5, known={1: "madds"}), 16, goals=2).trials]
        for _ in range(2)
    )
    assert one == two


def test_trials_asked_for_together_differ() -> None:
    study = run(budgeted(), 14)
    asked = [study.ask(SPACE) for _ in range(3)]
    assert len({tuple(trial.params.items()) for trial in asked}) == 3


def test_a_gate_that_admits_nothing_is_refused_with_what_to_do() -> None:
    sampler = PredictorSampler(SPACE, admits=lambda p: False, seed=0)
    with pytest.raises(NasError, match="refused"):
        run(sampler, 1)


# values that are no numbers of a network's own, and samplers that are saved


def bowl(trial: optuna.Trial) -> Any:
    return trial.suggest_float("x", -5, 5) ** 2 + trial.suggest_int("n", 1, 8)


BOWL = {"x": FloatDistribution(-5, 5), "n": IntDistribution(1, 8)}


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e308, -1e308])
def test_infinite_values_end_no_study(direction: Any, bad: Any) -> None:
    study = optuna.create_study(direction=direction, sampler=PredictorSampler(BOWL, seed=0))
    study.optimize(lambda trial: bad if (v := bowl(trial)) > 10 else v, n_trials=16)
    assert len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE])) == 16


def test_what_is_infinitely_bad_is_avoided() -> None:
    study = optuna.create_study(sampler=PredictorSampler(BOWL, seed=0))
    study.optimize(lambda trial: math.inf if (v := bowl(trial)) > 10 else v, n_trials=30)
    late = [math.isinf(trial.value) for trial in study.trials[15:]]
    assert sum(late) <= len(late) // 3


def test_only_infinite_values_and_trials_that_fail_or_are_pruned_end_no_study() -> None:
    def objective(trial: optuna.Trial) -> Any:
        value = bowl(trial)
        if trial.number % 4 == 1:
            return math.nan  # which Optuna records as a failed trial
        if trial.number % 4 == 2:
            raise optuna.TrialPruned
        if trial.number % 4 == 3:
            raise ZeroDivisionError
        return math.inf if value else value

    study = optuna.create_study(sampler=PredictorSampler(BOWL, n_startup_trials=3, seed=0))
    study.optimize(objective, n_trials=24, catch=(ZeroDivisionError,))
    assert len(study.trials) == 24


@settings(max_examples=4, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False), min_size=6, max_size=6))
def test_any_values_of_two_objectives_and_a_cost_are_learnt_from(values: list[float]) -> None:
    sampler = PredictorSampler(
        BOWL, lambda params: {"c": values[params["n"] % 6]}, n_startup_trials=2, seed=0
    )
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    for index, value in enumerate(values):
        trial = study.ask()
        bowl(trial)
        study.tell(trial, [value, values[-index]])
    proposed = study.ask()
    assert math.isfinite(bowl(proposed))


def test_a_sampler_is_pickled_with_what_it_knows() -> None:
    study = optuna.create_study(sampler=PredictorSampler(BOWL, seed=0))
    study.optimize(bowl, n_trials=14)
    saved = pickle.loads(pickle.dumps(study.sampler))
    again = optuna.create_study(sampler=saved)
    again.add_trials(study.trials)
    assert study.ask(BOWL).params == again.ask(BOWL).params
