"""Judging: whether a trial continues at a rung, compared with earlier trials of its stratum."""

from collections.abc import Sequence

from nas.study.objectives import Objective
from nas.study.rungs import Decision, stratum
from nas.study.spec import StudySpec
from nas.study.trial import Measurement, Trial


def judge(
    spec: StudySpec, candidates: Sequence[Trial], own: Trial, measurement: Measurement
) -> Decision:
    """Decide on `own`, which has just been measured, among the `candidates` of its stratum."""
    if measurement.epoch >= spec.ladder.max_epochs:
        return Decision.STOP
    if measurement.rung is None or not own.candidate:
        return Decision.CONTINUE
    goals, alike = spec.goals, _stratum(spec, own)
    others = [
        _losses(goals, trial, reached)
        for trial in candidates
        if trial.number != own.number and _stratum(spec, trial) == alike
        for reached in trial.measurements
        if reached.rung == measurement.rung
    ]
    return spec.ladder.decide(_losses(goals, own, measurement), others)


def _losses(goals: Sequence[Objective], trial: Trial, measurement: Measurement) -> list[float]:
    return [
        goal.loss(getattr(trial.cost, goal.name) if goal.known else measurement.metrics[goal.name])
        for goal in goals
    ]


def _stratum(spec: StudySpec, trial: Trial) -> int:
    if not spec.budget:
        return 0
    ceiling = spec.budget[0]
    return stratum(getattr(trial.cost, ceiling.cost) / ceiling.limit)
