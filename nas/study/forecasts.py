"""Forecasts: estimates of the reported metric of a trial after all epochs, with an interval.

A forecast is inferred from the learning curve (`nas.study.inference`), also if trials are compared
by their error at the rungs. It is shown and reported, but it is not a measurement: no result uses
it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.metrics import metric
from nas.stats import Interval
from nas.study.inference import Inference, infer
from nas.study.objectives import Objective
from nas.study.trial import Trial, TrialState

INFERRED_REPORT = "inferred"  # kind of the report with the forecast of a stopped trial


@dataclass(frozen=True)
class Forecast:
    """The value of `metric` after all epochs, inferred at `epoch` from `complete` trials.

    `value` has a 95 % interval, within the bounds of the metric.
    """

    metric: Objective
    epoch: int
    complete: int
    value: Interval

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> "Forecast":
        """Return the forecast of a stored report."""
        value = Interval(report["value"], report["low"], report["high"])
        return cls(metric(report["metric"]), report["epoch"], report["complete"], value)

    def words(self, epochs: int) -> str:
        """Return the value after all `epochs` with its interval, as text."""
        value, low, high = (
            self.metric.show(each) for each in (self.value.value, self.value.low, self.value.high)
        )
        return f"{value} after {epochs} epochs ({low} to {high})"

    def report(self) -> dict[str, Any]:
        """Return the contents of the report of kind `INFERRED_REPORT`."""
        return {
            "metric": self.metric.name,
            "value": self.value.value,
            "low": self.value.low,
            "high": self.value.high,
            "epoch": self.epoch,
            "complete": self.complete,
        }


class Forecasts:
    """The forecasts of one metric of a study; refitted when a further trial is complete."""

    def __init__(self, goal: Objective) -> None:
        """Forecast `goal`."""
        self._goal = goal
        self._complete = 0
        self._fits: dict[int, Inference | None] = {}  # by epoch

    def of(self, trials: Sequence[Trial], own: Trial) -> Forecast | None:
        """Return the forecast of `own`, fitted to the complete trials among `trials`.

        `trials` are the trials of one study without further seeds. None if `own` was not measured,
        or if too few trials are complete.
        """
        if own.last is None:
            return None
        complete = sum(trial.state is TrialState.COMPLETE for trial in trials)
        if complete != self._complete:
            self._complete = complete
            self._fits.clear()
        epoch = own.last.epoch
        if epoch not in self._fits:
            self._fits[epoch] = infer(trials, self._goal, epoch)
        fit = self._fits[epoch]
        loss = None if fit is None else fit.interval(own)
        return None if fit is None or loss is None else self._forecast(fit, loss)

    def _forecast(self, fit: Inference, loss: Interval) -> Forecast:
        goal = self._goal
        near, value, far = sorted(
            min(max(goal.loss(each), goal.lowest), goal.highest)
            for each in (loss.low, loss.value, loss.high)
        )
        return Forecast(goal, fit.epoch, fit.complete, Interval(value, near, far))
