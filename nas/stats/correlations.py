"""Rank correlations and their intervals."""

import math

import numpy as np
from numpy.typing import NDArray

from nas.stats.interval import Interval

FEWEST = 10  # candidates; below, the interval of Fisher is not to be trusted


_Z = 1.959963984540054  # of 95 %, both sides


_MOST, _LEAST = 2000, 200  # resamples of the bootstrap


_DRAWS = 1_000_000  # in all of them, about: many rows need fewer resamples, and have time for fewer


_CHUNK = 200_000  # numbers in one piece of the bootstrap


Values = NDArray[np.float64]


def correlation(one: Values, other: Values) -> Interval | None:
    """Return Spearman's rho of two columns of shape (n,), with its interval.

    None for fewer than 10 rows, and where one column is constant. The interval is centred on rho
    pulled back by half a step from +-1, where Fisher's would have no width.
    """
    n = len(one)
    if n < FEWEST:
        return None
    rho = _pearson(ranks(one)[None], ranks(other)[None], np.ones((1, n)))[0]
    if math.isnan(rho):
        return None
    most = 1 - 6 / (n**3 - n)
    held = min(max(float(rho), -most), most)
    centre, reach = math.atanh(held), _Z * math.sqrt((1 + held**2 / 2) / (n - 3))
    low, high = math.tanh(centre - reach), math.tanh(centre + reach)
    return Interval(float(rho), min(low, float(rho)), max(high, float(rho)))


def correlation_difference(one: Values, other: Values, target: Values) -> Interval | None:
    """Return rho(one, target) - rho(other, target), with a paired bootstrap interval.

    Columns have shape (n,). Up to 500 rows are resampled 2000 times, more of them less often, from
    a fixed seed; the percentiles are those of the resamples in which no column is constant. None
    where `correlation` gives None.
    """
    whole = [correlation(column, target) for column in (one, other)]
    if whole[0] is None or whole[1] is None:
        return None
    n, random = len(target), np.random.default_rng(0)
    found = []
    resamples, step = max(_LEAST, min(_MOST, _DRAWS // n)), max(1, _CHUNK // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        counts = random.multinomial(n, np.full(n, 1 / n), size=rows).astype(float)
        a, b, t = (_resampled_ranks(column, counts) for column in (one, other, target))
        found.append(_pearson(a, t, counts) - _pearson(b, t, counts))
    low, high = np.nanpercentile(np.concatenate(found), [2.5, 97.5])
    return Interval(whole[0].value - whole[1].value, float(low), float(high))


def ranks(values: Values) -> Values:
    """Return the ranks from 1, equal values sharing their mean rank. Shape (n,)."""
    shared: Values = _resampled_ranks(values, np.ones((1, len(values))))[0]
    return shared


def _resampled_ranks(values: Values, counts: Values) -> Values:
    """Return the ranks of `values` where each occurs as often as `counts`, shape (resamples, n)."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.searchsorted(ordered, ordered, side="left")
    past = np.searchsorted(ordered, ordered, side="right")
    below = np.zeros((len(counts), len(values) + 1))
    np.cumsum(counts[:, order], axis=1, out=below[:, 1:])
    result = np.empty_like(counts)
    result[:, order] = (below[:, first] + below[:, past] + 1) / 2
    return result


def _pearson(one: Values, other: Values, counts: Values) -> Values:
    """Return the correlation of each row, weighted; NaN where a row is constant."""
    total = counts.sum(1, keepdims=True)
    a = one - (one * counts).sum(1, keepdims=True) / total
    b = other - (other * counts).sum(1, keepdims=True) / total
    spread = np.sqrt((a * a * counts).sum(1) * (b * b * counts).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.clip((a * b * counts).sum(1) / spread, -1, 1)
    result: Values = np.where(spread > 1e-9, found, np.nan)
    return result
