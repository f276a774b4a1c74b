"""Acquisition functions: the expected gain of a candidate under the surrogate.

Costs are known, errors are uncertain; both are losses.
"""

import numpy as np
from scipy.special import ndtr, ndtri

from nas.samplers.predictor.features import Floats

_DRAWS = 32
_QUANTILES: Floats = ndtri((np.arange(24) + 0.5) / 24)


def expected_improvement(level: Floats | float, mean: Floats, deviation: Floats) -> Floats:
    """Return the expected improvement below `level` (Mockus 1978), (n,)."""
    u = (level - mean) / deviation
    density = np.exp(-0.5 * u * u) / np.sqrt(2 * np.pi)
    gain: Floats = np.asarray((level - mean) * ndtr(u) + deviation * density)
    return gain


def knowledge_gradient(
    mean: Floats, deviation: Floats, shared: Floats, contenders: Floats, noise: float
) -> Floats:
    """Return the expected decrease of the lowest estimated loss, (n,) (Frazier 2009).

    Candidates have `mean` and `deviation` (n,), and `shared` (n, k) covariances with k trained
    contenders, whose estimated losses are `contenders` (k,); `noise` is a standard deviation. A
    measurement may make a candidate the best, or show which similar contender is the best. Expected
    improvement covers only the first case, and is not informative if the best few differ by less
    than the noise.
    """
    spread = np.sqrt(deviation**2 + noise**2)
    # Candidates are on the last axis, so that the minimum of many is computed at once.
    slopes = np.concatenate([shared.T, (deviation**2)[None]]) / spread
    levels = np.concatenate([np.broadcast_to(contenders, shared.shape).T, mean[None]])
    after = np.empty_like(levels)
    lowest = np.empty((len(_QUANTILES), len(mean)))
    for row, z in enumerate(_QUANTILES):
        np.add(levels, np.multiply(slopes, z, out=after), out=after)
        after.min(axis=0, out=lowest[row])
    gain: Floats = np.maximum(levels.min(axis=0) - lowest.mean(axis=0), 0.0)
    return gain


def expected_front_improvement(
    cost: Floats, mean: Floats, deviation: Floats, front: Floats, reference: Floats
) -> Floats:
    """Return the expected growth of the hypervolume of two losses; the first one is known.

    `cost`, `mean`, `deviation` (n,) describe the candidates, `front` (k, 2) the estimated losses of
    trained networks, `reference` (2,) the bounds. The result is exact: between the costs of two
    points of the front the level to improve on is constant, so that the expectation is a sum of
    expected improvements.
    """
    front = front[np.argsort(front[:, 0], kind="stable")]
    levels = np.minimum.accumulate(np.minimum(front[:, 1], reference[1]))
    starts = np.concatenate([[-np.inf], front[:, 0]])
    ends = np.concatenate([front[:, 0], [reference[0]]])
    levels = np.concatenate([[reference[1]], levels])
    merged = np.concatenate([[True], np.diff(levels) < 0])  # only the steps of the staircase
    starts, levels = starts[merged], levels[merged]
    ends = np.concatenate([starts[1:], [reference[0]]])
    total = np.zeros(len(cost))
    for start, end, level in zip(starts, ends, levels, strict=True):
        width = np.minimum(end, reference[0]) - np.maximum(start, cost)
        inside = width > 0
        total[inside] += width[inside] * expected_improvement(
            level, mean[inside], deviation[inside]
        )
    return total


def expected_scalar_improvement(
    mean: Floats, deviation: Floats, trained: Floats, rng: np.random.Generator
) -> Floats:
    """Return the expected improvement along one random direction, for any number of losses.

    `mean` and `deviation` are (n, m), with zero deviation for known losses; `trained` (k, m) are
    estimated losses of trained networks. Losses are scaled to the range of `trained` and combined
    by an augmented Chebyshev distance with random weights (Knowles 2006, ParEGO).
    """
    low, high = trained.min(axis=0), trained.max(axis=0)
    extent = np.where(high > low, high - low, 1.0)
    weights = rng.dirichlet(np.ones(mean.shape[1]))
    best = _chebyshev((trained - low) / extent, weights).min()
    # All candidates get the same draws, so that their order does not depend on the draws' noise.
    draws = rng.standard_normal((_DRAWS, 1, mean.shape[1]))
    sampled = _chebyshev((mean + draws * deviation - low) / extent, weights)
    gain: Floats = np.maximum(best - sampled, 0.0).mean(axis=0)
    return gain


def _chebyshev(losses: Floats, weights: Floats) -> Floats:
    weighted = losses * weights
    combined: Floats = weighted.max(axis=-1) + 0.05 * weighted.sum(axis=-1)
    return combined
