"""Thinning: the selection of a limited number of informative networks."""

import numpy as np
from numpy.typing import NDArray

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
