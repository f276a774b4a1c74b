"""How many architectures several ceilings admit together: bounds, and an estimate between them."""

import math

import numpy as np

from nas.feasible.counting import Count
from nas.feasible.drawing import Drawing
from nas.feasible.paths import TooManyPathsError

_DRAWS = 20_000
_LISTABLE = 1e11  # walks; beyond, the exact graph is never small enough
_Z = 1.959964  # 95 % of a normal distribution lies within
_ROUNDING = 1e-9  # more than the sums of the tables can be off


def count_together(drawing: Drawing, low: int, high: int) -> Count:
    """Count the members of a band: exactly where the graph is small, else bounds and an estimate.

    Walks that end in certain cells are feasible, those in other cells may be: of these 20,000 are
    drawn, and the share that is feasible estimates (Wilson's interval) what they add.
    """
    bounds, uncertain = _bounds(drawing, low, high)
    if bounds.low == bounds.high:
        return bounds
    if bounds.high < _LISTABLE:
        try:
            exact = drawing.paths(low, high).exact
        except TooManyPathsError:
            pass
        else:
            return Count(exact, exact)
    ends = drawing.ends(low, high)
    open_ends = ends.only(~ends.certain)
    rng = np.random.default_rng(0)
    rows = drawing.walks(drawing.tables, open_ends)(rng, _DRAWS)
    share, least, most = wilson(drawing.inside(rows, low, high), _DRAWS)
    certain = float(ends.ways[ends.certain].sum())
    estimate, low_end, high_end = (certain + uncertain * part for part in (share, least, most))
    return Count(bounds.low, bounds.high, estimate, (low_end, high_end))


def bounds_together(drawing: Drawing, low: int, high: int) -> Count:
    """Return bounds of the number of members of a band, from the rounded tables alone."""
    return _bounds(drawing, low, high)[0]


def _bounds(drawing: Drawing, low: int, high: int) -> tuple[Count, float]:
    """Return the bounds, and how many walks lie between them."""
    ends = drawing.ends(low, high)
    certain = float(ends.ways[ends.certain].sum())
    uncertain = float(ends.ways[~ends.certain].sum())
    return Count(_below(certain), _above(certain + uncertain)), uncertain


def _below(count: float) -> int:
    """Return an integer that a sum of the tables certainly reaches; itself where it is exact."""
    return int(count) if count < 2**53 else int(count * (1 - _ROUNDING))


def _above(count: float) -> int:
    return int(count) if count < 2**53 else int(count * (1 + _ROUNDING))


def wilson(hits: int, draws: int) -> tuple[float, float, float]:
    """Return the share of `hits`, and Wilson's 95 % interval of it."""
    share, square = hits / draws, _Z**2 / draws
    middle = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / draws + square / (4 * draws)) / (1 + square)
    return share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
