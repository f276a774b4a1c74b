"""Losses on a logarithmic scale, on which models of them are fitted; a selection of them."""

import numpy as np
from numpy.typing import NDArray

_FLOOR = 1e-4  # added before the logarithm: one error in 10,000 images
_OUTLIER = 4.0  # standard deviations above the median; diverged trainings exceed it


def log_losses(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of losses; the losses themselves if one is negative."""
    if losses.size and losses.min() >= 0:
        logs: NDArray[np.float64] = np.log(losses + _FLOOR)
        return logs
    return losses


def loss_of_log(value: float, positive: bool) -> float:
    """Return the loss that `log_losses` maps to `value`; `positive` if no loss was negative."""
    return max(0.0, float(np.exp(value)) - _FLOOR) if positive else value


def clip_outliers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with upper outliers clipped, so that a single one has little influence."""
    middle = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - middle))
    clipped: NDArray[np.float64] = (
        np.minimum(values, middle + _OUTLIER * spread) if spread > 0 else values
    )
    return clipped


_STRATA = 12


def thinned(values: NDArray[np.float64], cost: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return at most `most` positions: the best of each cost stratum, and an even choice of others.

    `values` (n,) are losses, `cost` (n,) their costs. The positions are sorted.
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    stratum = np.argsort(np.argsort(cost, kind="stable"), kind="stable") * _STRATA // count
    order = np.lexsort((values, stratum))
    place = np.empty(count, dtype=np.int64)
    starts = np.searchsorted(stratum[order], np.arange(_STRATA))
    place[order] = np.arange(count) - starts[stratum[order]]
    best = np.argsort(place, kind="stable")[: 2 * most // 3]
    others = np.setdiff1d(np.arange(count), best)
    evenly = others[np.linspace(0, len(others) - 1, most - len(best)).astype(np.int64)]
    return np.sort(np.concatenate([best, evenly]))
