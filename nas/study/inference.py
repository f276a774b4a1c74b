"""Inference: an estimate of the loss of a trial at full fidelity from its learning curve.

A regression over the complete trials maps the measurements up to an epoch to the final loss, on a
logarithmic scale. With fewer than six complete trials it uses only the goal: a line whose slope is
shrunk towards 1. With more it is a ridge regression (Hoerl and Kennard 1970) on the goal, the other
metrics, the training loss, their means over the last three epochs, and the cost of the network. The
slopes are shrunk towards 1 for the goal and 0 for the rest; the strength of the shrinkage minimises
the leave-one-out error. At a high learning rate the training loss ranks networks better than the
error, which fluctuates; at a low rate the error is better. The fit weights both by the data.

Trials become complete by decisions at the rungs, which depend on the same variables as the
regression, so that this selection does not bias it. A fit depends only on the complete trials;
equal records give equal fits.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.cost import COST_NAMES
from nas.metrics import metric
from nas.stats import Interval, clip_outliers, log_losses, loss_of_log, t_reach
from nas.study.objectives import Objective
from nas.study.trial import Measurement, Trial, TrialState

FEWEST_FOR_CURVES = 6  # complete trials from which all columns are used, not only the goal
_FEWEST = 3
_LINE_SHRINKAGE = 4.0  # weight of the prior slope 1, in pairs of values
_SHRINKAGES = (0.25, 1.0, 4.0, 16.0, 64.0)  # weights of the prior slopes, in trials
_RECENT = 3  # epochs of the means
_TINY = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class InferredLoss:
    """A final loss on the scale of `log_losses`: its mean and the variance of its error."""

    mean: float
    variance: float


@dataclass(frozen=True)
class Inference:
    """The final loss of `goal`, inferred from the measurements up to `epoch`.

    It was fitted to `complete` trials. `others` are the names of the metrics other than the goal;
    `positive` is true if all losses are 0 or more. Columns are standardised by `centre` and `scale`
    (columns); those with `logs` are logarithms. `inverse` (columns, columns) is the inverse of the
    normal matrix, `variance` the variance of the error of an estimate for a complete trial.
    """

    goal: Objective
    epoch: int
    complete: int
    others: tuple[str, ...]
    positive: bool
    logs: NDArray[np.bool_]
    centre: Floats
    scale: Floats
    offset: float
    slopes: Floats
    inverse: Floats
    variance: float

    def of(self, trial: Trial) -> InferredLoss | None:
        """Return the final loss of `trial` on the log scale; None if not measured at the epoch."""
        scaled = self._scaled(trial)
        return None if scaled is None else InferredLoss(self._mean(scaled), self.variance)

    def loss(self, trial: Trial) -> float | None:
        """Return the final loss of `trial` in the unit of the goal."""
        found = self.of(trial)
        return None if found is None else loss_of_log(found.mean, self.positive)

    def interval(self, trial: Trial) -> Interval | None:
        """Return the final loss of `trial` in the unit of the goal, with its 95 % interval.

        The interval is wider if the curve differs from those of the complete trials. These are the
        better trials, so that the estimate for most stopped trials is an extrapolation.
        """
        scaled = self._scaled(trial)
        if scaled is None:
            return None
        variance = self.variance * (1 + 1 / self.complete + float(scaled @ self.inverse @ scaled))
        reach = t_reach(max(1, self.complete - 2)) * variance**0.5
        near, middle, far = (
            loss_of_log(self._mean(scaled) + shift, self.positive) for shift in (-reach, 0.0, reach)
        )
        return Interval(middle, near, far)

    def _mean(self, scaled: Floats) -> float:
        return self.offset + float(scaled @ self.slopes)

    def _scaled(self, trial: Trial) -> Floats | None:
        """Return the standardised columns of `trial`; unusable values are 0, the mean."""
        row = _row(trial, self.epoch, self.goal, self.others)
        if row is None:
            return None
        values = np.array(row[: len(self.centre)])
        usable = np.isfinite(values) & ~(self.logs & (values < 0))
        values[self.logs & usable] = log_losses(values[self.logs & usable])
        return np.where(usable, (values - self.centre) / self.scale, 0.0)


def infer(
    trials: Sequence[Trial], goal: Objective, epoch: int, fewest: int = _FEWEST
) -> Inference | None:
    """Return the regression at `epoch`, fitted to the COMPLETE trials among `trials`.

    None if fewer than `fewest` of them were measured at this epoch.
    """
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.last]
    others = _other_metrics(complete, goal)
    rows = [_row(trial, epoch, goal, others) for trial in complete]
    kept = [place for place, row in enumerate(rows) if row is not None]
    if len(kept) < fewest:
        return None
    losses = np.array(
        [goal.loss(trial.last.metrics[goal.name]) for trial in complete if trial.last]
    )
    final = clip_outliers(log_losses(losses))[kept]
    columns = np.array([rows[place] for place in kept], dtype=float)
    if len(kept) < FEWEST_FOR_CURVES:
        columns, others = columns[:, :1], ()
    return _fitted(goal, epoch, others, bool(losses.min() >= 0), columns, final)


def _fitted(
    goal: Objective,
    epoch: int,
    others: tuple[str, ...],
    positive: bool,
    columns: Floats,
    final: Floats,
) -> Inference:
    """Fit the regression of `final` (trials) on `columns` (trials, columns), the goal first."""
    finite = np.isfinite(columns).all(axis=0)
    columns = np.where(finite, columns, 0.0)
    logs = finite & (columns.min(axis=0) >= 0)
    columns[:, logs] = log_losses(columns[:, logs])
    centre, deviation = columns.mean(axis=0), columns.std(axis=0)
    scale = np.where(finite & (deviation > _TINY), deviation, inf)  # a constant has no effect
    prior = np.zeros(columns.shape[1])
    scale[0] = max(float(deviation[0]), _TINY**0.5)
    prior[0] = scale[0]
    scaled = (columns - centre) / scale
    count = len(final)
    residual = final - final.mean() - scaled @ prior
    if columns.shape[1] == 1:
        fit = _Ridge.of(scaled, residual, _LINE_SHRINKAGE)
        variance = float(fit.residuals @ fit.residuals) / max(1, count - 2)
    else:
        fits = [_Ridge.of(scaled, residual, shrinkage) for shrinkage in _SHRINKAGES]
        fit = min(fits, key=lambda each: each.leave_one_out_error)
        variance = fit.leave_one_out_error
    return Inference(
        goal=goal,
        epoch=epoch,
        complete=count,
        others=others,
        positive=positive,
        logs=logs,
        centre=centre,
        scale=scale,
        offset=float(final.mean()),
        slopes=prior + fit.slopes,
        inverse=fit.inverse,
        variance=variance,
    )


@dataclass(frozen=True)
class _Ridge:
    """A ridge regression: its `slopes` (columns), and residuals and leverages (trials).

    `inverse` (columns, columns) is the inverse of the normal matrix.
    """

    slopes: Floats
    residuals: Floats
    leverage: Floats
    inverse: Floats

    @classmethod
    def of(cls, columns: Floats, values: Floats, shrinkage: float) -> "_Ridge":
        """Fit `values` to centred `columns` (trials, columns)."""
        normal = columns.T @ columns + shrinkage * np.eye(columns.shape[1])
        slopes = np.asarray(np.linalg.solve(normal, columns.T @ values), dtype=float)
        leverage = 1 / len(columns) + np.sum(columns * np.linalg.solve(normal, columns.T).T, axis=1)
        inverse = np.asarray(np.linalg.inv(normal), dtype=float)
        return cls(slopes, values - columns @ slopes, leverage, inverse)

    @property
    def leave_one_out_error(self) -> float:
        """The mean squared leave-one-out error."""
        errors = self.residuals / np.maximum(1 - self.leverage, _TINY)
        return float(errors @ errors) / len(errors)


def _other_metrics(complete: Sequence[Trial], goal: Objective) -> tuple[str, ...]:
    names = {name for trial in complete if trial.last for name in trial.last.metrics}
    return tuple(sorted(names - {goal.name}))


def _row(trial: Trial, epoch: int, goal: Objective, others: Sequence[str]) -> list[float] | None:
    """Return the columns of one trial at `epoch`, the goal first; None if not measured then."""
    measured = trial.measurements
    end = bisect_right(measured, epoch, key=lambda one: one.epoch)
    recent = measured[max(0, end - _RECENT) : end]
    if not recent or recent[-1].epoch != epoch or goal.name not in recent[-1].metrics:
        return None
    signals = [_signals(one, goal, others) for one in recent]
    means = [sum(each) / len(signals) for each in zip(*signals, strict=True)]
    return [*signals[-1], *means, _cost(trial)]


def _signals(measured: Measurement, goal: Objective, others: Sequence[str]) -> list[float]:
    metrics = measured.metrics
    own = goal.loss(metrics.get(goal.name, np.nan))
    return [own, *(metrics.get(name, np.nan) for name in others), measured.train_loss]


def _cost(trial: Trial) -> float:
    """Return the first cost that is known, in its own unit; NaN if none is."""
    costs = (float(getattr(trial.cost, name)) for name in COST_NAMES)
    return next((cost for cost in costs if cost > 0), np.nan)


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
