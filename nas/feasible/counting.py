"""Number of architectures within a budget: guaranteed bounds, and an estimate.

Tables of costs rounded down to cells have the number of ways to spend the budget (walks). For some
end cells all walks are certainly feasible, because rounding cannot change this; for others they may
be. The sums over the certain cells and over all cells are the bounds. Of the uncertain walks 20,000
are drawn; the share of feasible draws gives an estimate with Wilson's 95 % interval. If there are
few walks, an exact graph counts them.
"""

from dataclasses import dataclass

import numpy as np

from nas.feasible.drawing import Drawing
from nas.feasible.exact_paths import TooManyPathsError

_DRAWS = 20_000
LISTABLE = 1e11  # maximum number of walks for which an exact graph may be small enough
_ROUNDING = 1e-9  # bound of the relative rounding errors of sums of floats


@dataclass(frozen=True)
class Count:
    """A number of architectures between `low` and `high`; exact if both are equal.

    If not, there may be an `estimate` with its 95 % `interval`.
    """

    low: int
    high: int
    estimate: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def exact(self) -> bool:
        """Whether the number is exact."""
        return self.low == self.high


def count_members(drawing: Drawing, low: int, high: int) -> Count:
    """Count the members whose first cost is from `low` to `high`.

    The number is exact if the graph of the members is small. Otherwise the result has bounds and an
    estimate.
    """
    bounds = count_bounds(drawing, low, high)
    if bounds.exact:
        return bounds
    if bounds.high < LISTABLE:
        try:
            exact = drawing.paths(low, high).exact
        except TooManyPathsError:
            pass
        else:
            return Count(exact, exact)
    ends = drawing.counted_ends(low, high)
    open_ends = ends.only(~ends.certain)
    rng = np.random.default_rng(0)
    rows = drawing.walks(drawing.counting_tables, open_ends)(rng, _DRAWS)
    shares = wilson(drawing.inside(rows, low, high), _DRAWS)
    certain, uncertain = float(ends.ways[ends.certain].sum()), float(open_ends.ways.sum())
    estimate, least, most = (certain + uncertain * share for share in shares)
    return Count(bounds.low, bounds.high, estimate, (least, most))


def count_bounds(drawing: Drawing, low: int, high: int) -> Count:
    """Return bounds on the number of members whose first cost is from `low` to `high`."""
    ends = drawing.counted_ends(low, high)
    certain, possible = float(ends.ways[ends.certain].sum()), float(ends.ways.sum())
    return Count(_below(certain), _above(possible))


def _below(count: float) -> int:
    """Return an integer that the exact sum certainly reaches; exact below 2**53."""
    return int(count) if count < 2**53 else int(count * (1 - _ROUNDING))


def _above(count: float) -> int:
    return int(count) if count < 2**53 else int(count * (1 + _ROUNDING))


def wilson(hits: int, draws: int) -> tuple[float, float, float]:
    """Return the share of `hits` with its Wilson 95 % interval."""
    from scipy.stats import binomtest  # slow to load

    found = binomtest(hits, draws)
    interval = found.proportion_ci(method="wilson")
    return hits / draws, float(interval.low), float(interval.high)
