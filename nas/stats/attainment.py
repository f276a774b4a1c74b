"""Attainment surfaces: the pairs of losses that a given number of several runs attain.

A run attains a pair of losses if one of its points is not worse in either. The pairs that at least
k runs attain are bounded by a staircase, the k-th empirical attainment surface. Source: V. Grunert
da Fonseca, C. Fonseca and A. Hall 2001.
"""

from collections.abc import Sequence

import numpy as np

from nas.stats.pareto import Points, non_dominated


def attainment_surface(runs: Sequence[Points], least: int) -> Points:
    """Return the corners of the surface that at least `least` of `runs` attain, (corners, 2).

    Each run has the losses of its points, (points, 2). The corners rise in the first loss and fall
    in the second; there are none if fewer than `least` runs have a point. The result is exact.
    """
    firsts = np.unique(np.concatenate([run[:, 0] for run in runs])) if runs else np.empty(0)
    if not len(firsts) or least > len(runs):
        return np.empty((0, 2))
    lowest = np.sort([_lowest(run, firsts) for run in runs], axis=0)[least - 1]
    corners: Points = np.column_stack([firsts, lowest])[np.isfinite(lowest)]
    surface: Points = corners[non_dominated(corners)]
    return surface


def _lowest(run: Points, firsts: Points) -> Points:
    """Return the lowest second loss of the points whose first loss is at most each of `firsts`."""
    ordered = run[np.argsort(run[:, 0])]
    lowest = np.append(np.inf, np.minimum.accumulate(ordered[:, 1]))
    found: Points = lowest[np.searchsorted(ordered[:, 0], firsts, side="right")]
    return found
