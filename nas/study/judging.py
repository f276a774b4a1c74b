"""Judging: the decision at a rung whether a trial continues, compared with its stratum.

With `by` = "error", trials are compared by their losses at the rung. With "inferred", they are
compared by the final losses that `nas.study.inference` infers from their curves up to the rung;
with fewer than six complete trials, by the losses at the rung. A complete trial is also compared by
its curve up to the rung.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.cost import Constraint
from nas.study.inference import FEWEST_FOR_CURVES, Inference, infer
from nas.study.objectives import Objective
from nas.study.rungs import Decision, Ladder, stratum
from nas.study.trial import Measurement, Trial

BY_ERROR, INFERRED = "error", "inferred"
JUDGES = (BY_ERROR, INFERRED)


@dataclass(frozen=True)
class Judging:
    """The rule of one study: its `ladder`, its `goals`, and the `ceiling` of the cost strata.

    Without a ceiling there is one stratum. `by` is one of `JUDGES`.
    """

    ladder: Ladder
    goals: tuple[Objective, ...]
    ceiling: Constraint | None = None
    by: str = BY_ERROR

    def decide(self, trials: Sequence[Trial], own: Trial, measurement: Measurement) -> Decision:
        """Decide on `own`, which has just been measured, among the `trials` so far.

        It is compared with the candidates of its stratum. The inference is fitted to all complete
        trials.
        """
        if measurement.epoch >= self.ladder.max_epochs:
            return Decision.STOP
        if measurement.rung is None or not own.candidate:
            return Decision.CONTINUE
        own_stratum, fits = self._stratum(own), self._fits(trials, measurement.epoch)
        others = [
            self._losses(trial, reached, fits)
            for trial in trials
            if trial.candidate
            and trial.number != own.number
            and self._stratum(trial) == own_stratum
            for reached in trial.measurements
            if reached.rung == measurement.rung
        ]
        return self.ladder.decide(self._losses(own, measurement, fits), others)

    def _fits(self, trials: Sequence[Trial], epoch: int) -> dict[str, Inference]:
        """Return the inferences by goal; none with fewer than six complete trials."""
        if self.by != INFERRED:
            return {}
        found = {
            goal.name: infer(trials, goal, epoch, FEWEST_FOR_CURVES)
            for goal in self.goals
            if not goal.known
        }
        return {name: fit for name, fit in found.items() if fit is not None}

    def _losses(
        self, trial: Trial, measurement: Measurement, fits: dict[str, Inference]
    ) -> list[float]:
        found = []
        for goal in self.goals:
            fit = fits.get(goal.name)
            loss = None if fit is None else fit.loss(trial)
            if loss is None:
                known = goal.known
                value = getattr(trial.cost, goal.name) if known else measurement.metrics[goal.name]
                loss = goal.loss(value)
            found.append(loss)
        return found

    def _stratum(self, trial: Trial) -> int:
        if self.ceiling is None:
            return 0
        return stratum(getattr(trial.cost, self.ceiling.cost) / self.ceiling.limit)
