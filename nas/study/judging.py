"""Judging: whether a trial continues at a rung, compared with earlier trials of its stratum."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.cost import Constraint
from nas.study.objectives import Objective
from nas.study.rungs import Decision, Ladder, stratum
from nas.study.trial import Measurement, Trial


@dataclass(frozen=True)
class Judging:
    """The rule of one study: its `ladder`, its `goals`, and the `ceiling` of the cost strata.

    Without a ceiling there is one stratum.
    """

    ladder: Ladder
    goals: tuple[Objective, ...]
    ceiling: Constraint | None = None

    def decide(self, candidates: Sequence[Trial], own: Trial, measurement: Measurement) -> Decision:
        """Decide on `own`, which has just been measured, among the `candidates` of its stratum."""
        if measurement.epoch >= self.ladder.max_epochs:
            return Decision.STOP
        if measurement.rung is None or not own.candidate:
            return Decision.CONTINUE
        alike = self._stratum(own)
        others = [
            self._losses(trial, reached)
            for trial in candidates
            if trial.number != own.number and self._stratum(trial) == alike
            for reached in trial.measurements
            if reached.rung == measurement.rung
        ]
        return self.ladder.decide(self._losses(own, measurement), others)

    def _losses(self, trial: Trial, measurement: Measurement) -> list[float]:
        return [
            goal.loss(
                getattr(trial.cost, goal.name) if goal.known else measurement.metrics[goal.name]
            )
            for goal in self.goals
        ]

    def _stratum(self, trial: Trial) -> int:
        if self.ceiling is None:
            return 0
        return stratum(getattr(trial.cost, self.ceiling.cost) / self.ceiling.limit)
