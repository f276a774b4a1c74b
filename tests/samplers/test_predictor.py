"""The parts of the predictor against Monte Carlo, finite differences, brute force."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.samplers import make_sampler
from nas.samplers.predictor import gaussian_process as surrogate
from nas.samplers.predictor.acquisition import (
    expected_front_improvement,
    expected_improvement,
    expected_scalar_improvement,
    knowledge_gradient,
)
from nas.samplers.predictor.features import Column, Features, squared_distances
from nas.samplers.predictor.gaussian_process import PRIOR, Rows, Surrogate
from nas.samplers.predictor.history import observe, read_history
from nas.samplers.predictor.model import MOST, GoalObservations, Model, ModelPoints
from nas.stats.pareto import hypervolume
from nas.study.objectives import objective
from nas.study.trial import Trial, TrialState
from tests.classified import classified, with_metrics
from tests.contracts.test_samplers import BUDGETS, FRONT, feasible_space, finished, search

ERROR = objective("top1_error")


def rows_of(rng: np.random.Generator, count: int) -> Rows:
    return Rows(rng.random((count, 3)), rng.random((count, 2)))


def wave(rows: Any) -> Any:
    return np.sin(3 * rows.choices[:, 0]) + rows.profile[:, 0] ** 2


def test_the_gradient_of_the_fit_is_that_of_its_loss() -> None:
    rng = np.random.default_rng(0)
    rows = rows_of(rng, 12)
    given_ = (surrogate.distances_of(rows, rows), rng.standard_normal(12), 0.1 * rng.random(12))
    theta = PRIOR + 0.3 * rng.standard_normal(6)
    _, slope = surrogate.fit_loss(theta, *given_)
    for index, step in enumerate(1e-5 * np.eye(6)):
        ahead, behind = (surrogate.fit_loss(theta + s * step, *given_)[0] for s in (1, -1))
        assert slope[index] == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-6)


def test_the_surrogate_learns_a_smooth_function_and_knows_where_it_does_not() -> None:
    rng = np.random.default_rng(1)
    rows, new = rows_of(rng, 80), rows_of(rng, 200)
    values = wave(rows)
    theta = surrogate.fit(rows, values, np.zeros(80))
    mean, deviation = Surrogate(rows, values, np.zeros(80), theta).predict(new)
    assert np.corrcoef(mean, wave(new))[0, 1] > 0.99
    far = Rows(new.choices + 50, new.profile + 50)
    assert Surrogate(rows, values, np.zeros(80), theta).predict(far)[1].min() > deviation.max()


def test_a_value_with_much_noise_of_its_own_counts_little() -> None:
    rng = np.random.default_rng(2)
    rows = rows_of(rng, 30)
    values, noise = wave(rows), np.zeros(30)
    values[7] += 5.0
    noise[7] = 100.0
    means = Surrogate(rows, values, noise, PRIOR).predict(rows)[0]
    assert abs(means[7] - wave(rows)[7]) < 0.5


def test_the_covariance_of_a_row_with_itself_is_its_variance_but_for_its_own_part() -> None:
    rng = np.random.default_rng(3)
    rows = rows_of(rng, 20)
    learnt = Surrogate(rows, wave(rows), np.zeros(20), PRIOR)
    own = learnt.predict(rows)[1] ** 2 - np.diag(learnt.covariance(rows, np.arange(20)))
    assert own == pytest.approx(learnt.noise**2 / 3)  # a quarter of what is not explained


def test_a_network_that_did_better_than_its_relatives_is_estimated_somewhat_better() -> None:
    rng = np.random.default_rng(8)
    rows = rows_of(rng, 40)
    values = wave(rows) + 0.2 * rng.standard_normal(40)
    theta = surrogate.fit(rows, values, np.zeros(40))
    learnt = Surrogate(rows, values, np.zeros(40), theta)
    explained = learnt.predict(rows)[0]
    assert learnt.posterior_means() == pytest.approx(0.75 * explained + 0.25 * values)


@settings(max_examples=20, deadline=None)
@given(level=st.floats(-2, 2), mean=st.floats(-2, 2), deviation=st.floats(0.05, 2))
def test_expected_improvement_is_the_mean_of_the_improvements(
    level: float, mean: float, deviation: float
) -> None:
    draws = mean + deviation * np.random.default_rng(0).standard_normal(200_000)
    gain = expected_improvement(level, np.array([mean]), np.array([deviation]))[0]
    assert gain == pytest.approx(np.maximum(level - draws, 0).mean(), abs=0.02)


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 6))
def test_expected_front_improvement_is_the_mean_growth_of_the_hypervolume(
    seed: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    front, reference = rng.random((count, 2)), np.array([1.0, 1.0])
    cost, mean, deviation = rng.random(1), rng.random(1), 0.1 + 0.3 * rng.random(1)
    before = hypervolume(front, reference)
    grown = [
        hypervolume(np.vstack([front, [cost[0], draw]]), reference) - before
        for draw in mean + deviation * rng.standard_normal(2000)
    ]
    gain = expected_front_improvement(cost, mean, deviation, front, reference)
    assert gain[0] == pytest.approx(np.mean(grown), abs=5 * float(np.std(grown)) / 42 + 1e-3)


def test_knowledge_gradient_is_the_mean_fall_of_the_lowest_belief() -> None:
    rng = np.random.default_rng(4)
    contenders, shared = np.array([0.0, 0.05]), np.array([[0.02, -0.02]])
    mean, deviation, noise = np.array([0.3]), np.array([0.2]), 0.1
    spread = np.sqrt(deviation[0] ** 2 + noise**2)
    z = rng.standard_normal((400_000, 1))
    after = np.hstack([contenders + shared / spread * z, mean + deviation**2 / spread * z]).min(
        axis=1
    )
    gain = knowledge_gradient(mean, deviation, shared, contenders, noise)
    assert gain[0] == pytest.approx(-after.mean(), rel=0.05)


def test_what_tells_the_best_apart_is_worth_measuring_although_it_cannot_be_the_best() -> None:
    contenders = np.array([0.0, 0.0])
    apart, alike = np.array([[0.05, -0.05]]), np.array([[0.05, 0.05]])
    mean, deviation = np.array([3.0]), np.array([0.3])
    told = knowledge_gradient(mean, deviation, apart, contenders, 0.1)[0]
    assert told > 10 * knowledge_gradient(mean, deviation, alike, contenders, 0.1)[0] + 1e-4


def test_scalar_improvement_prefers_what_is_better_in_every_goal() -> None:
    trained = np.random.default_rng(5).random((10, 3))
    mean = np.array([[0.9, 0.9, 0.9], [0.05, 0.05, 0.05]])
    gain = expected_scalar_improvement(
        mean, np.full((2, 3), 0.05), trained, np.random.default_rng(0)
    )
    assert gain[1] > gain[0]


def test_features_know_order_category_and_the_network_as_a_whole() -> None:
    features = Features([Column(3, True, "depth"), Column(3, True, "depth"), Column(2, False, "a")])
    codes = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 1], [0, -1, 0]], float)
    rows = features.choices(codes)
    distances = squared_distances(rows, rows)
    assert distances[0, 2] > distances[0, 1] > 0  # in order
    assert distances[2, 3] < distances[2, 0] + distances[0, 3]  # the same depth as a whole
    assert distances[0, 4] > 0
    assert distances[0, 5] > 0  # dead is no value of its own


def stopped_at(trial: Trial, rung: Any, error: Any) -> Any:
    return replace(
        trial, state=TrialState.STOPPED, measurements=(classified(2, rung, error, 1.0, 1.0, 1.0),)
    )


def with_rungs(trial: Trial, early: Any) -> Any:
    last = trial.measurements[-1]
    first = classified(2, 0, early, 1.0, 1.0, 1.0)
    return replace(trial, measurements=(first, replace(last, rung=2)))


def test_a_stopped_trial_counts_as_what_it_would_have_reached_with_doubt() -> None:
    history = [with_rungs(t, 2 * t.value("top1_error")) for t in search("random", BUDGETS["one"], 8)
               if t.state is TrialState.COMPLETE]  # fmt: skip
    late = stopped_at(history[0], 0, 2 * history[0].value("top1_error"))
    seen = observe([*history, late], ERROR)
    assert seen.index[-1] == len(history)
    assert seen.values[-1] == pytest.approx(np.log(history[0].value("top1_error")), abs=0.05)
    assert 0 <= seen.noise[-1] < 0.01
    assert not seen.noise[:-1].any()


def test_a_stopped_trial_says_nothing_where_no_other_went_on() -> None:
    history = [t for t in search("random", BUDGETS["one"], 8) if t.state is TrialState.COMPLETE]
    seen = observe([*history, stopped_at(history[0], 0, 0.5)], ERROR)
    assert len(seen.index) == len(history)


@pytest.mark.filterwarnings("error")
def test_a_sampler_has_nothing_to_learn_from_where_no_trial_went_to_the_end() -> None:
    first = search("random", BUDGETS["one"], 3)[0]
    assert len(observe([stopped_at(first, 0, 0.5)], ERROR).index) == 0
    failed = replace(first, state=TrialState.FAILED, fail_reason="nan", measurements=())
    sampler = make_sampler("predictor", feasible_space(BUDGETS["one"]), FRONT)
    for history in ([failed], [stopped_at(first, 0, 0.5)]):
        assert sampler.propose(history, 1, np.random.default_rng(0)) is not None


def test_a_diverged_trial_counts_as_bad_and_a_crashed_one_not_at_all() -> None:
    history = search("random", BUDGETS["one"], 10)
    complete = [t for t in history if t.state is TrialState.COMPLETE]
    bad = replace(complete[0], state=TrialState.FAILED, fail_reason="nan", measurements=())
    crash = replace(bad, fail_reason="crash")
    seen = observe([*complete, bad, crash], ERROR)
    assert list(seen.index) == list(range(len(complete) + 1))
    assert seen.values[-1] == seen.values.max()


def test_pending_trials_keep_the_next_proposals_away_from_them() -> None:
    """Four workers that ask at once: all different, and not all in the same place."""
    history = search("random", BUDGETS["one"], 20)
    sampler = make_sampler("predictor", feasible_space(BUDGETS["one"]), FRONT)
    asked: list[Trial] = []
    for number in range(20, 24):
        proposed = sampler.propose(history + asked, number, np.random.default_rng([1, number]))
        asked.append(replace(finished(number, proposed), state=TrialState.WAITING, measurements=()))
    assert len({trial.arch_id for trial in asked}) == 4
    alone = [
        sampler.propose(history, number, np.random.default_rng([1, 20])).arch_id
        for number in (20, 21)
    ]
    assert alone[0] == alone[1]  # without the others it would ask for the same again


def test_a_history_is_read_in_its_order_with_what_is_pending() -> None:
    full = search("random", BUDGETS["one"], 25)
    waiting = [replace(t, state=TrialState.WAITING, measurements=()) for t in full]
    mixed = [w if n % 4 == 1 else t for n, (t, w) in enumerate(zip(full, waiting, strict=True))]
    feasible = feasible_space(BUDGETS["one"])
    for history in (full, mixed, mixed[:9], []):
        seen = read_history(history, feasible, ERROR)
        assert seen.asked == sum(trial.candidate for trial in history)
        assert seen.taken == {trial.arch_id for trial in history if trial.candidate}
        assert seen.pending == [trial for trial in history if not trial.state.finished]
        said = [t for t in history if t.state in (TrialState.COMPLETE, TrialState.STOPPED)]
        assert [t for t in seen.finished if t.state is not TrialState.FAILED] == said
        assert len(seen.losses) == len(seen.used) == len(seen.finished)
    assert read_history(mixed, feasible, ERROR).settled == 1


def test_expected_losses_of_the_complete_candidates_are_closer_to_the_truth_than_noise() -> None:
    rng = np.random.default_rng(6)
    truth = [t for t in search("random", BUDGETS["one"], 60) if t.state is TrialState.COMPLETE]
    noisy = [
        replace(t, measurements=(with_metrics(t.last, top1_error=t.value("top1_error") * noise),))
        for t, noise in zip(truth, np.exp(0.1 * rng.standard_normal(len(truth))), strict=True)
    ]
    sampler = make_sampler("predictor", feasible_space(BUDGETS["one"]), FRONT)
    estimated = sampler.expected_losses(noisy)
    assert set(estimated) == {t.number for t in truth}
    errors = np.array([t.value("top1_error") for t in truth])
    measured = np.array([t.value("top1_error") for t in noisy])
    ours = np.array([estimated[t.number] for t in truth])
    assert np.abs(np.log(ours / errors)).mean() < np.abs(np.log(measured / errors)).mean()


@pytest.mark.parametrize("names", [("top1_error", "madds", "params"), ("madds", "loss"), ("acts",)])
def test_any_number_of_goals_in_any_order(names: tuple[str, ...]) -> None:
    goals = tuple(objective(name) for name in names)
    history = search("predictor", BUDGETS["one"], 16, goals=goals)
    assert len({trial.arch_id for trial in history}) == 16


def test_many_trials_are_thinned_to_the_best_of_every_cost_and_others() -> None:
    rng = np.random.default_rng(7)
    count = 5 * MOST
    codes = rng.integers(0, 4, (count, 6)).astype(float)
    profile = codes.sum(axis=1, keepdims=True) + rng.random((count, 1))
    values = -0.1 * codes.sum(axis=1) + 0.05 * (codes[:, 0] == 2)
    known = np.stack([np.full(count, np.nan), profile[:, 0]], axis=1)
    choices = Features([Column(4, True, "c")] * 6).choices(codes)
    posterior = Model([True, False]).learn(
        ModelPoints(choices, profile, known),
        {0: GoalObservations(np.arange(count), values, np.zeros(count))},
        np.array([], dtype=np.int64),
    )
    assert np.corrcoef(posterior.means[:, 0], values)[0, 1] > 0.98
    assert np.isfinite(posterior.means).all()


def test_a_sampler_made_anew_after_many_trials_goes_on_as_the_old_one_would() -> None:
    feasible = feasible_space(BUDGETS["one"])
    drawn = feasible.sample_many(np.random.default_rng(0), MOST + 60)
    history = [finished(number, a) for number, a in enumerate(dict.fromkeys(drawn))]
    old = make_sampler("predictor", feasible, FRONT)
    for count in (MOST - 1, MOST + 20):
        fresh = make_sampler("predictor", feasible, FRONT)
        one, two = (
            sampler.propose(history[:count], count, np.random.default_rng([0, count]))
            for sampler in (old, fresh)
        )
        assert one == two


def test_the_predictor_finds_a_better_front_than_random_search() -> None:
    def dominated(name: str) -> float:
        run = search(name, BUDGETS["one"], 40, seed=0)
        points = [[t.value("top1_error"), t.cost.madds] for t in run if t.last]
        return hypervolume(np.array(points), np.array([1.0, 300e6]))

    assert dominated("predictor") > dominated("random")
