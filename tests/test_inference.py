"""Inference: final losses from curves, equal to the earlier rule while few trials are complete."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from nas.cost.model import Cost
from nas.metrics import Direction, metric
from nas.study.inference import FEWEST_FOR_CURVES, Inference, infer
from nas.study.objectives import objective
from nas.study.trial import Measurement, Trial, TrialState
from tests.studies import complete_trial

ERROR = objective("top1_error")
EPOCH, LAST = 3, 9


def curve(number: int, early: Any, final: float, train: Any, madds: int = 100) -> Trial:
    """Return a complete trial with these errors and training losses up to epoch 3."""
    errors, losses = np.broadcast_to(early, EPOCH), np.broadcast_to(train, EPOCH)
    measured = [
        Measurement(epoch, None, {"top1_error": float(error), "loss": 2 * float(error)},
                    float(loss), 0.0)
        for epoch, error, loss in zip(range(1, EPOCH + 1), errors, losses, strict=True)
    ]  # fmt: skip
    measured[-1] = replace(measured[-1], rung=0)
    measured.append(Measurement(LAST, 2, {"top1_error": final, "loss": 1.0}, 0.1, 0.0))
    whole = complete_trial(number, final, measurements=tuple(measured))
    return replace(whole, cost=Cost(madds, 1, 1))


def stopped(trial: Trial) -> Trial:
    return replace(trial, state=TrialState.STOPPED, measurements=trial.measurements[:-1])


def made_up(count: int, seed: int = 0, noise: float = 0.4) -> list[Trial]:
    """Return trials whose early error fluctuates, but whose training loss tells the final error."""
    rng = np.random.default_rng(seed)
    final = rng.uniform(0.05, 0.4, count)
    return [
        curve(n, error * 2 * np.exp(noise * rng.standard_normal(EPOCH)), error,
              5 * error * np.exp(0.02 * rng.standard_normal(EPOCH)))
        for n, error in enumerate(final.tolist())
    ]  # fmt: skip


def fitted(trials: list[Trial], **more: Any) -> Inference:
    found = infer(trials, ERROR, EPOCH, **more)
    assert found is not None
    return found


shares = st.floats(0.01, 0.9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(shares, shares), min_size=3, max_size=FEWEST_FOR_CURVES - 1), shares)
def test_few_complete_trials_give_the_line_of_the_goal_alone(pairs: Any, reached: float) -> None:
    trials = [curve(n, early, late, 1.0 + n) for n, (early, late) in enumerate(pairs)]
    early = np.log(np.array([pair[0] for pair in pairs]) + 1e-4)
    late = np.log(np.array([pair[1] for pair in pairs]) + 1e-4)
    middle = np.median(late)
    spread = 1.4826 * np.median(np.abs(late - middle))
    late = np.minimum(late, middle + 4 * spread) if spread > 0 else late
    centred = early - early.mean()
    weight = 4 * max(early.var(), 1e-9)
    slope = (centred @ late + weight) / (centred @ centred + weight)
    residual = late - late.mean() - slope * centred
    found = fitted(trials).of(stopped(curve(99, reached, 0.5, 7.0)))
    expected = late.mean() + slope * (np.log(reached + 1e-4) - early.mean())
    assert found.mean == pytest.approx(expected, abs=1e-6)
    assert found.variance == pytest.approx(residual @ residual / max(1, len(pairs) - 2), abs=1e-6)


def test_less_than_three_complete_trials_tell_nothing() -> None:
    trials = made_up(3)
    assert infer(trials, ERROR, EPOCH) is not None
    assert infer(trials[:2], ERROR, EPOCH) is None
    assert infer([*trials[:2], *map(stopped, trials)], ERROR, EPOCH) is None
    assert infer(trials, ERROR, EPOCH, FEWEST_FOR_CURVES) is None
    assert infer(trials, ERROR, 5) is None  # no epoch of any
    assert fitted(trials).of(complete_trial(9, 0.1)) is None


@pytest.mark.parametrize("seed", range(3))
def test_six_complete_trials_read_the_training_loss(seed: int) -> None:
    told, others = made_up(20, seed, 0.6), made_up(60, seed + 100, 0.6)
    final = [trial.last.metrics["top1_error"] for trial in others]
    at_the_rung = [trial.measurements[EPOCH - 1].metrics["top1_error"] for trial in others]
    for count, least in ((FEWEST_FOR_CURVES, 0.7), (len(told), 0.9)):
        fit = fitted(told[:count])
        known = spearmanr([fit.loss(stopped(trial)) for trial in others], final)[0]
        assert known > max(least, spearmanr(at_the_rung, final)[0])


def test_a_signal_that_says_nothing_leaves_the_slope_of_the_goal_near_one() -> None:
    rng = np.random.default_rng(3)
    trials = [curve(n, 2 * e, e, 1.0, 100) for n, e in enumerate(rng.uniform(0.1, 0.3, 10))]
    fit = fitted(trials)
    low, high = (fit.of(curve(99, 2 * e, e, 1.0)).mean for e in (0.1, 0.3))
    assert high - low == pytest.approx(np.log(3), abs=0.02)
    assert fit.loss(curve(99, 0.4, 0.2, 1.0)) == pytest.approx(0.2, rel=0.02)


def test_only_complete_trials_change_a_fit() -> None:
    trials = made_up(10)
    running = [replace(stopped(t), state=TrialState.RUNNING) for t in made_up(5, 7)]
    failed = [replace(stopped(t), state=TrialState.FAILED) for t in made_up(5, 8)]
    probe = stopped(made_up(1, 9)[0])
    alone = fitted(trials).of(probe)
    mixed = fitted([*trials[:4], *running, *trials[4:], *failed, probe]).of(probe)
    assert mixed == alone


def test_intervals_of_stopped_trials_have_their_final_values() -> None:
    inside, widths = [], []
    for seed in range(40):
        trials = sorted(
            made_up(45, seed), key=lambda t: t.measurements[EPOCH - 1].value(ERROR.name)
        )
        fit = fitted(trials[:15])  # as at a rung: the better third is complete
        for trial in trials[15:]:
            found = fit.interval(stopped(trial))
            assert found.low <= found.value <= found.high
            inside.append(found.low <= trial.last.metrics["top1_error"] <= found.high)
            widths.append(found.high - found.low)
    assert np.mean(inside) > 0.9
    assert np.median(widths) < 0.12  # final errors are from 0.05 to 0.4


def test_a_curve_unlike_those_of_the_complete_trials_has_a_wider_interval() -> None:
    fit = fitted(made_up(20))
    alike, unlike = (fit.interval(curve(99, e, 0.5, 5 * e / 2)) for e in (0.4, 0.95))
    assert np.log(unlike.high / unlike.low) > 1.02 * np.log(alike.high / alike.low)


def test_a_table_without_training_losses_uses_the_rest() -> None:
    trials = [
        replace(t, measurements=tuple(replace(m, train_loss=float("nan")) for m in t.measurements))
        for t in made_up(10)
    ]
    assert np.isfinite(fitted(trials).of(stopped(trials[0])).mean)
    whole, lacking = made_up(10), stopped(trials[3])
    assert np.isfinite(fitted(whole).of(lacking).mean)


def test_a_maximised_goal_is_inferred_as_its_negative() -> None:
    near = replace(metric("top1_error"), name="near", direction=Direction.MAXIMISE)
    trials = [
        replace(trial, measurements=tuple(
            replace(m, metrics={"near": 1 - m.metrics["top1_error"]}) for m in trial.measurements
        ))
        for trial in made_up(12)
    ]  # fmt: skip
    for some in (trials[:4], trials):
        fit = infer(some, near, EPOCH)
        losses = [fit.loss(stopped(trial)) for trial in trials]
        assert np.isfinite(losses).all()
        assert -1 < np.median(losses) < -0.3
        found = fit.interval(stopped(trials[0]))
        assert found.low < found.value < found.high


def test_the_cost_explains_what_large_networks_still_gain() -> None:
    rng = np.random.default_rng(4)
    trials = []
    for number in range(24):
        madds, quality = int(rng.integers(100, 1000)), rng.uniform(0.8, 1.2)
        trials.append(curve(number, 0.5 * quality, 30 * quality / madds, 2.0, madds))
    fit = fitted(trials)
    small, large = (fit.loss(curve(99, 0.5, 0.1, 2.0, madds)) for madds in (150, 900))
    assert small > 2 * large
