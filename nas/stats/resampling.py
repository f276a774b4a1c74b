"""Resampling: intervals and tests for samples of errors, without assuming a distribution.

Every function draws from the generator that it receives, so that equal inputs give equal results.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nas.stats.means import CONFIDENCE, Interval, t_reach

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Statistic: TypeAlias = Callable[[Floats], Floats]  # over the last axis

RESAMPLES = 4000
PERMUTATIONS = 9999
_CHUNK = 1000  # permutations per batch, to limit the memory
_EQUAL = 1e-12  # larger than the rounding error of sums


def mean(values: Floats) -> Floats:
    """Return the mean over the last axis."""
    return np.asarray(values.mean(axis=-1))


def quantile(share: float) -> Statistic:
    """Return a function that computes the quantile `share` over the last axis."""

    def of(values: Floats) -> Floats:
        return np.asarray(np.quantile(values, share, axis=-1))

    return of


def bootstrap(values: Floats, statistic: Statistic, rng: np.random.Generator) -> Interval:
    """Return a statistic of a sample (n,) with its bootstrap interval.

    Its ends are percentiles of the resampled statistic, expanded to the width of Student's t at
    this n (Hesterberg 2015), because plain percentiles are too narrow for small samples. The
    interval of a single value is infinite.
    """
    return _expanded(float(statistic(values)), statistic(_resampled(values, rng)), len(values))


def bootstrap_difference(
    one: Floats, other: Floats, statistic: Statistic, rng: np.random.Generator
) -> Interval:
    """Return statistic(one) - statistic(other) of independent samples, as `bootstrap` does."""
    drawn = statistic(_resampled(one, rng)) - statistic(_resampled(other, rng))
    value = float(statistic(one)) - float(statistic(other))
    return _expanded(value, drawn, min(len(one), len(other)))


def share_below(values: Floats, threshold: float) -> Interval:
    """Return the share of a sample at or below `threshold`, with Wilson's score interval.

    The bootstrap interval of a share of 0 or 1 would have no width. Source: E. B. Wilson 1927.
    """
    from scipy.stats import binomtest  # takes time to load; few callers need it

    n, below = len(values), int(np.count_nonzero(values <= threshold))
    found = binomtest(below, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(below / n, float(found.low), float(found.high))


def edf(values: Floats, at: Floats) -> Floats:
    """Return the share of `values` at or below each of `at`: the empirical distribution."""
    found: Floats = np.searchsorted(np.sort(values), at, side="right") / len(values)
    return found


def edf_reach(values: Floats, rng: np.random.Generator) -> float:
    """Return the half width, as a share, of the 95 % band of an empirical distribution.

    The band covers the whole curve, not each point separately. The half width is the 95 % quantile
    of the largest distance between a resampled curve and the curve of the sample (Bickel and
    Freedman 1981), plus half a step of 1/n.
    """
    steps = np.unique(values)
    own = edf(values, steps)
    drawn = np.sort(_resampled(values, rng), axis=-1)
    farthest = np.zeros(len(drawn))
    for step, height in zip(steps, own, strict=True):
        farthest = np.maximum(farthest, np.abs((drawn <= step).mean(axis=-1) - height))
    return float(np.quantile(farthest, CONFIDENCE, method="higher")) + 0.5 / len(values)


@dataclass(frozen=True)
class Shuffled:
    """The two p values of a permutation test: for the means and for the distributions.

    `distance` is the Kolmogorov-Smirnov statistic: the largest difference of the distributions.
    """

    p_mean: float
    distance: float
    p_distance: float


def permute(
    values: Floats, first: Bools, strata: Sequence[int], rng: np.random.Generator
) -> Shuffled:
    """Test whether two samples differ, by permuting their labels within strata.

    `values` (n,) has both samples, `first` (n,) marks the first one. The test is exact for any
    distributions that are equal within each stratum. The p values are two-sided and include the
    observed labels, so that none is 0.
    """
    order = np.argsort(values, kind="stable")
    values, first, layer = values[order], first[order], np.asarray(strata)[order]
    ends = np.append(values[1:] > values[:-1], True)
    gap, distance = _contrast(values, first[None], ends)
    counts = np.ones(2)
    for start in range(0, PERMUTATIONS, _CHUNK):
        labels = _relabelled(first, layer, min(_CHUNK, PERMUTATIONS - start), rng)
        gaps, distances = _contrast(values, labels, ends)
        counts += [
            np.sum(np.abs(gaps) >= abs(gap[0]) - _EQUAL),
            np.sum(distances >= distance[0] - _EQUAL),
        ]
    p_mean, p_distance = counts / (PERMUTATIONS + 1)
    return Shuffled(float(p_mean), float(distance[0]), float(p_distance))


def flip(differences: Floats, rng: np.random.Generator) -> float:
    """Return the two-sided p of a mean difference of pairs (n,), by flipping their signs.

    All 2^n sign flips are used if these are at most PERMUTATIONS, otherwise random ones.
    """
    observed, n = abs(float(differences.mean())), len(differences)
    if 2**n <= PERMUTATIONS:
        signs = 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1
        return float(np.mean(np.abs((signs * differences).mean(axis=1)) >= observed - _EQUAL))
    count = 1
    for start in range(0, PERMUTATIONS, _CHUNK):
        size = (min(_CHUNK, PERMUTATIONS - start), n)
        signs = rng.integers(2, size=size) * 2 - 1
        count += int(np.sum(np.abs((signs * differences).mean(axis=1)) >= observed - _EQUAL))
    return count / (PERMUTATIONS + 1)


def least_p(first: Bools, strata: Sequence[int]) -> float:
    """Return the smallest possible p of `permute` for these labels and strata."""
    layer, ways = np.asarray(strata), 1
    for stratum in np.unique(layer):
        inside = first[layer == stratum]
        ways *= math.comb(len(inside), int(inside.sum()))
    return min(1.0, max(2 / ways, 1 / (PERMUTATIONS + 1)))


def least_p_of_pairs(number: int) -> float:
    """Return the smallest possible p of `flip` for `number` pairs."""
    return min(1.0, max(2.0 ** (1 - number), 1 / (PERMUTATIONS + 1)))


def holm(values: Sequence[float]) -> list[float]:
    """Return p values adjusted for multiple tests, in the same order. Source: S. Holm 1979."""
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


def _resampled(values: Floats, rng: np.random.Generator) -> Floats:
    """Return RESAMPLES samples of the same size, drawn with replacement."""
    return values[rng.integers(len(values), size=(RESAMPLES, len(values)))]


def _expanded(value: float, drawn: Floats, n: int) -> Interval:
    if n < 2:
        return Interval(value, -math.inf, math.inf)
    tail = _tail(n)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


@cache
def _tail(n: int) -> float:
    """Return the share of resamples outside each end of an interval."""
    reach = math.sqrt(n / (n - 1)) * t_reach(n - 1)
    return NormalDist().cdf(-reach)


def _relabelled(
    first: Bools, layer: NDArray[np.int64], count: int, rng: np.random.Generator
) -> Bools:
    """Return `count` rows of labels, each a permutation of `first` within every layer."""
    labels = np.zeros((count, len(first)), dtype=bool)
    for stratum in np.unique(layer):
        inside = np.flatnonzero(layer == stratum)
        ranks = rng.random((count, len(inside))).argsort(axis=1).argsort(axis=1)
        labels[:, inside] = ranks < int(first[inside].sum())
    return labels


def _contrast(values: Floats, labels: Bools, ends: Bools) -> tuple[Floats, Floats]:
    """Return the difference of means and the largest distance of distributions, for each row.

    `values` are sorted; distributions are compared at `ends`, the last of equal values.
    """
    ones = labels[0].sum()
    weights = np.where(labels, 1 / ones, -1 / (len(values) - ones))
    gaps: Floats = weights @ values
    distances: Floats = np.abs(np.cumsum(weights, axis=1)[:, ends]).max(axis=1)
    return gaps, distances
