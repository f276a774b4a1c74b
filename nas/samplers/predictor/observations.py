"""Observations: the values of trials from which the surrogate learns, with their noise.

A trial measured to the last rung is an observation. A trial stopped earlier is a censored
measurement: its value at full fidelity is inferred from its curve (`nas.study.inference`), and the
variance of this inference is added to its noise.
"""

from collections.abc import Sequence

import numpy as np

from nas.samplers.predictor.model import GoalObservations
from nas.stats import clip_outliers, log_losses
from nas.study import Inference, Measurement, Objective, Reason, Trial, TrialState, infer


def observe(trials: Sequence[Trial], goal: Objective) -> GoalObservations:
    """Return the observations of an uncertain `goal` at full fidelity in finished `trials`.

    A trial that diverged counts as the worst value; other failures are ignored.
    """
    complete = [index for index, trial in enumerate(trials) if trial.final is not None]
    if not complete:
        return GoalObservations(np.array([], dtype=np.int64), np.array([]), np.array([]))
    final = [goal.loss(_metric(trials[index].final, goal)) for index in complete]
    values = clip_outliers(log_losses(np.array(final)))
    index, found, noise = list(complete), list(values), [0.0] * len(complete)
    inferred: dict[int, Inference | None] = {}
    spread = float(np.var(values)) + 1e-6
    for position, trial in enumerate(trials):
        if trial.state is TrialState.STOPPED and (at := _last_rung(trial)) is not None:
            if at.epoch not in inferred:
                inferred[at.epoch] = infer(trials, goal, at.epoch)
            fit = inferred[at.epoch]
            if fit is not None and (estimate := fit.of(trial)) is not None:
                index.append(position)
                found.append(estimate.mean)
                noise.append(estimate.variance)
        elif trial.state is TrialState.FAILED and trial.fail_reason == Reason.NAN:
            index.append(position)
            found.append(float(values.max()))
            noise.append(spread)
    observed = clip_outliers(np.array(found))
    return GoalObservations(np.array(index, dtype=np.int64), observed, np.array(noise))


def _metric(measured: Measurement | None, goal: Objective) -> float:
    assert measured is not None
    return measured.metrics[goal.name]


def _last_rung(trial: Trial) -> Measurement | None:
    return next((m for m in reversed(trial.measurements) if m.rung is not None), None)
