"""Observations: the values that the surrogate learns from trials, with their noise.

A trial measured to the last rung is an observation. A trial stopped earlier is a censored
measurement: its value at full fidelity is estimated from its last rung by a regression over the
complete trials, and the residual variance of this regression is added to its noise. Trials are
stopped by the regressor itself, so that the complete trials do not bias the regression.
"""

from collections.abc import Sequence

import numpy as np

from nas.samplers.predictor.features import Floats
from nas.samplers.predictor.model import GoalObservations
from nas.study import Measurement, Objective, Trial, TrialState

_FLOOR = 1e-4  # added before the logarithm: one error in 10,000 images
_OUTLIER = 4.0  # in standard deviations, upwards only, for diverged trainings
_SHRINKAGE = 4.0  # weight of the prior slope 1 between rungs, in pairs of values
_FEWEST_PAIRS = 3


def transform(losses: Floats) -> Floats:
    """Return losses in the unit of the surrogate: logarithms if all are positive."""
    if losses.size and losses.min() >= 0:
        logs: Floats = np.log(losses + _FLOOR)
        return logs
    return losses


def inverse(value: float, positive: bool) -> float:
    """Return the loss that `transform` maps to `value`."""
    return max(0.0, float(np.exp(value)) - _FLOOR) if positive else value


def clip(values: Floats) -> Floats:
    """Return values with upper outliers clipped, so that a single one has little influence."""
    middle = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - middle))
    clipped: Floats = np.minimum(values, middle + _OUTLIER * spread) if spread > 0 else values
    return clipped


def observe(trials: Sequence[Trial], goal: Objective) -> GoalObservations:
    """Return the observations of an uncertain `goal` at full fidelity in finished `trials`.

    Trials that failed by divergence count as the worst value; other failures are ignored.
    """
    final = [_final(trial, goal) for trial in trials]
    complete = [index for index, value in enumerate(final) if value is not None]
    if not complete:
        return GoalObservations(np.array([], dtype=np.int64), np.array([]), np.array([]))
    values = clip(transform(np.array([final[index] for index in complete], dtype=float)))
    index, found, noise = list(complete), list(values), [0.0] * len(complete)
    rungs: dict[int, tuple[float, float, float] | None] = {}
    spread = float(np.var(values)) + 1e-6
    for position, trial in enumerate(trials):
        if trial.state is TrialState.STOPPED and (at := _last_rung(trial)) is not None:
            rung = int(at.rung or 0)
            if rung not in rungs:
                rungs[rung] = _between(trials, complete, values, rung, goal)
            inferred = rungs[rung]
            if inferred is not None:
                offset, slope, scatter = inferred
                reached = float(transform(np.array([_loss(at, goal)]))[0])
                index.append(position)
                found.append(offset + slope * reached)
                noise.append(scatter)
        elif trial.state is TrialState.FAILED and trial.fail_reason == "nan":
            index.append(position)
            found.append(float(values.max()))
            noise.append(spread)
    return GoalObservations(np.array(index, dtype=np.int64), clip(np.array(found)), np.array(noise))


def _between(
    trials: Sequence[Trial], complete: Sequence[int], final: Floats, rung: int, goal: Objective
) -> tuple[float, float, float] | None:
    """Return offset, slope and residual variance from `rung` to full fidelity; None if unknown."""
    pairs = [
        (_loss(measured, goal), value)
        for index, value in zip(complete, final, strict=True)
        for measured in trials[index].measurements
        if measured.rung == rung
    ]
    if len(pairs) < _FEWEST_PAIRS:
        return None
    early, late = transform(np.array([pair[0] for pair in pairs])), np.array([p[1] for p in pairs])
    centred = early - early.mean()
    weight = _SHRINKAGE * max(float(early.var()), 1e-9)
    slope = (float(centred @ late) + weight) / (float(centred @ centred) + weight)
    offset = float(late.mean() - slope * early.mean())
    residual = late - offset - slope * early
    return offset, slope, float(residual @ residual) / max(1, len(pairs) - 2)


def _final(trial: Trial, goal: Objective) -> float | None:
    return None if trial.final is None else _loss(trial.final, goal)


def _last_rung(trial: Trial) -> Measurement | None:
    return next((m for m in reversed(trial.measurements) if m.rung is not None), None)


def _loss(measurement: Measurement, goal: Objective) -> float:
    return goal.loss(measurement.metrics[goal.name])
