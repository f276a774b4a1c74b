"""Spearman's rank correlation with its interval."""

import math
import warnings
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nas.stats.means import CONFIDENCE, Interval

FEWEST = 10  # candidates; with fewer, Fisher's interval is unreliable
_MOST, _LEAST = 2000, 200  # resamples of the bootstrap
_DRAWS = 1_000_000  # approximate number of values in all resamples
_ROWS = 5_000  # maximum number of rows of a resample

Values = NDArray[np.float64]


def correlation(one: Values, other: Values, fewest: int = FEWEST) -> Interval | None:
    """Return Spearman's rho of two columns of shape (n,), with its interval.

    None for fewer than `fewest` rows, or if one column is constant. The interval is that of Bonett
    and Wright (2000). A rho of +-1, for which it would have no width, is first moved towards 0 by
    the smallest step that n rows allow.
    """
    from scipy.stats import spearmanr  # takes time to load; few callers need it

    n = len(one)
    if n < fewest or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    rho = float(spearmanr(one, other).statistic)
    most = 1 - 6 / (n**3 - n)
    clipped = min(max(rho, -most), most)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    centre, reach = math.atanh(clipped), z * math.sqrt((1 + clipped**2 / 2) / (n - 3))
    low, high = math.tanh(centre - reach), math.tanh(centre + reach)
    return Interval(rho, min(low, rho), max(high, rho))


def correlation_difference(one: Values, other: Values, target: Values) -> Interval | None:
    """Return rho(one, target) - rho(other, target), with a paired bootstrap interval.

    Columns have shape (n,). Up to 500 rows are resampled 2000 times, more rows less often, from a
    fixed seed; the percentiles are over the resamples without a constant column. Resamples have at
    most m = 5000 rows; for more rows the interval is scaled by sqrt(m / n) (the m out of n
    bootstrap of Bickel, Götze and van Zwet, Statistica Sinica 1997). None if `correlation` returns
    None.
    """
    whole = [correlation(column, target) for column in (one, other)]
    if whole[0] is None or whole[1] is None:
        return None
    n, random = len(target), np.random.default_rng(0)
    m = min(n, _ROWS)
    rows = random.integers(n, size=(max(_LEAST, min(_MOST, _DRAWS // m)), m))
    drawn = _rhos(one[rows], target[rows]) - _rhos(other[rows], target[rows])
    value, scale = whole[0].value - whole[1].value, math.sqrt(m / n)
    low, high = (value + scale * (end - value) for end in np.nanpercentile(drawn, [2.5, 97.5]))
    return Interval(value, float(low), float(high))


def _rhos(one: Values, other: Values) -> Values:
    """Return Spearman's rho of each row, shape (resamples,); NaN if a row is constant."""
    from scipy.stats import pearsonr, rankdata

    with warnings.catch_warnings(action="ignore"):  # about constant rows
        rhos: Values = pearsonr(rankdata(one, axis=1), rankdata(other, axis=1), axis=1).statistic
    return rhos
