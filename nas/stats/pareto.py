"""Dominance, hypervolume and attainment; every objective is a loss (lower is better)."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]


def non_dominated(points: Points) -> NDArray[np.bool_]:
    """Return a mask (n,) of the rows of `points` (n, objectives) that no other row dominates.

    A row dominates another if it is not worse in any objective and better in at least one; equal
    rows are all kept.
    """
    keep = np.zeros(len(points), dtype=bool)
    if len(points) and points.shape[1] == 2:
        return _non_dominated_pairs(points)
    front: list[int] = []
    for index in np.lexsort(points.T[::-1]):  # only an earlier row can dominate a later one
        point = points[index]
        better = points[front]
        dominated = bool(len(front)) and bool(
            np.any(np.all(better <= point, axis=1) & np.any(better < point, axis=1))
        )
        if not dominated:
            front.append(int(index))
            keep[index] = True
    return keep


def _non_dominated_pairs(points: Points) -> NDArray[np.bool_]:
    """Return the mask for (n, 2) rows: in order of the first objective, a new lowest second one."""
    order = np.lexsort((points[:, 1], points[:, 0]))
    ordered = points[order]
    fresh = np.append(True, np.any(ordered[1:] != ordered[:-1], axis=1))
    seconds = ordered[fresh, 1]
    before = np.concatenate([[np.inf], np.minimum.accumulate(seconds)[:-1]])
    front: NDArray[np.bool_] = seconds < before
    front[0] = True  # also if its loss is infinite
    keep = np.empty(len(points), dtype=bool)
    keep[order] = front[np.cumsum(fresh) - 1]  # equal rows are all kept
    return keep


def non_dominated_ranks(points: Points) -> NDArray[np.int64]:
    """Return the rank of each row: 0 on the front, 1 on the front of the rest, and so on."""
    if points.shape[1] == 1:  # the loop below would be slow: each value is a front
        return np.unique(points[:, 0], return_inverse=True)[1].astype(np.int64)
    if len(points) and points.shape[1] == 2:
        return _ranks_of_pairs(points)
    ranks = np.full(len(points), -1, dtype=np.int64)
    rank = 0
    while (left := np.flatnonzero(ranks < 0)).size:
        ranks[left[non_dominated(points[left])]] = rank
        rank += 1
    return ranks


def _ranks_of_pairs(points: Points) -> NDArray[np.int64]:
    """Return the ranks of (n, 2) rows in n log n steps.

    Rows are visited by rising first objective. A rank contains a row that dominates the next row if
    its lowest second objective so far is lower; these lowest values rise with the rank, so that a
    bisection finds the first rank without such a row (M. T. Jensen 2003).
    """
    distinct, place = np.unique(points, axis=0, return_inverse=True)  # equal rows share a rank
    lowest: list[float] = []
    ranks = np.empty(len(distinct), dtype=np.int64)
    for index, second in enumerate(distinct[:, 1].tolist()):
        rank = bisect_right(lowest, second)
        ranks[index] = rank
        lowest[rank : rank + 1] = [second]
    return ranks[place.reshape(-1)]


def hypervolume(points: Points, reference: Points) -> float:
    """Return the volume that `points` (n, objectives) dominate, bounded by `reference`.

    Exact for any number of objectives, by slicing along the last one.
    """
    inside = points[np.all(points < reference, axis=1)]
    if not len(inside):
        return 0.0
    front = np.unique(inside[non_dominated(inside)], axis=0)
    if front.shape[1] == 1:
        return float(reference[0] - front[:, 0].min())
    if front.shape[1] == 2:
        heights = np.diff(np.concatenate(([reference[1]], front[:, 1])))
        return float(np.sum((reference[0] - front[:, 0]) * -heights))
    front = front[np.argsort(front[:, -1])]
    ends = np.append(front[1:, -1], reference[-1])
    return sum(
        float(end - row[-1]) * hypervolume(front[: i + 1, :-1], reference[:-1])
        for i, (row, end) in enumerate(zip(front, ends, strict=True))
        if end > row[-1]
    )


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
