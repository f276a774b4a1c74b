"""Hint: what a proven training-free score says of a network beyond its features.

Most of what such a score foretells, the costs and the choices foretell as well. So the score is
foretold from them, by a surrogate of its own, and only what it differs by is looked at: whether the
networks whose score was higher than foretold had lower errors than foretold, each foretold from
the others. The slope of that line is used where it is negative with the confidence of the audit,
and pulled towards zero by as much as it is uncertain. A score that repeats the multiply-adds
differs by nothing and has no say.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from nas.audit import proven, ranks, scores
from nas.budget import Constraint
from nas.samplers.predictor.features import Floats
from nas.trial import Trial

FEWEST = 12  # networks with a score, to say what it adds
_BEYOND = 1.0  # deviations by which a reading may lie outside those known
_CONFIDENCE = 0.975  # one-sided, as that of the audit
_PARAMETERS = 2
_FADE = 4
_LEAST = 0.01  # of the variance of the readings; what differs by less repeats the features


@dataclass(frozen=True)
class Ruler:
    """Reads the scores of a network as one number, about standard normal over those trained.

    `weights` are those of the audit; `marks` hold, for each score, its known values, rising, and
    the normal quantiles of their ranks.
    """

    weights: Mapping[str, float]
    marks: Mapping[str, tuple[Floats, Floats]]

    @classmethod
    def of(cls, trials: Sequence[Trial], budget: Sequence[Constraint]) -> "Ruler | None":
        """Return the ruler for the scores that `trials` prove within `budget`, None without any."""
        weights = proven(trials, budget)
        found = [scores(trial) for trial in trials]
        marks = {}
        for name in weights:
            values = np.array(
                [row[name] for row in found if math.isfinite(row.get(name, math.nan))]
            )
            shares = (ranks(values) - 0.5) / len(values)
            known, first = np.unique(values, return_index=True)
            marks[name] = known, ndtri(shares[first])
        return cls(weights, marks) if weights else None

    def read(self, found: Mapping[str, float]) -> float:
        """Return the weighted mean over the scores that a network has; nan where it has none."""
        has = {
            name: found[name] for name in self.weights if math.isfinite(found.get(name, math.nan))
        }
        total = sum(self.weights[name] for name in has)
        if not total:
            return math.nan
        return sum(self.weights[name] * self._quantile(name, has[name]) for name in has) / total

    def _quantile(self, name: str, value: float) -> float:
        """Return the normal quantile of a value, a little beyond the known ones at most."""
        known, quantiles = self.marks[name]
        inside = float(np.interp(value, known, quantiles))
        spread = float(known[-1] - known[0])
        if spread <= 0:
            return inside
        slope = float(quantiles[-1] - quantiles[0]) / spread
        beyond = slope * (value - min(max(value, float(known[0])), float(known[-1])))
        return inside + min(max(beyond, -_BEYOND), _BEYOND)


@dataclass(frozen=True)
class Hint:
    """What readings add: `effects` on the loss per unit beyond what is foretold, by goal.

    `kernel` are the parameters of the surrogate of the readings, `kernels` by goal those of the
    losses without the effects.
    """

    effects: Mapping[int, float]
    kernel: Floats
    kernels: Mapping[int, Floats]


def effect(residuals: Floats, surprises: Floats, variances: Floats) -> float:
    """Return the slope of `residuals` on `surprises`, 0 unless it is surely negative; all (n,).

    Weighted by 1 / `variances`; its error is the heteroscedastic one (HC3). A slope of t standard
    errors, of which t0 are needed, is multiplied by 1 - (t0 / t)^4, so that nothing jumps when it
    comes into use.
    """
    count = len(residuals)
    if count < FEWEST:
        return 0.0
    weights = 1.0 / variances
    x = surprises - np.average(surprises, weights=weights)
    y = residuals - np.average(residuals, weights=weights)
    information = float(weights @ x**2)
    if information < _LEAST * float(weights.sum()):
        return 0.0
    slope = float(weights @ (x * y)) / information
    leverage = weights / weights.sum() + weights * x**2 / information
    left = weights * x * (y - slope * x) / (1.0 - leverage)
    error = math.sqrt(float(left @ left)) / information
    needed = float(stdtrit(count - _PARAMETERS, _CONFIDENCE)) * error
    return slope * (1 - (needed / slope) ** _FADE) if slope < -needed else 0.0
