"""Uniform draws from one band of a budget, by the method with the fewest rejections.

Rounded tables are sufficient for most bands: nearly every walk through them is feasible. For a thin
band, or for ceilings that few architectures meet together, they admit too many infeasible walks.
Then finer tables are tried, and finally the exact graph, which has no rejections. The method
depends only on the band, so that equal generators give equal draws.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nas.cost import Constraint
from nas.feasible.exact_paths import Paths, TooManyPathsError
from nas.feasible.rounded_tables import CELLS, Ends, RoundedTables
from nas.feasible.slack import Reduced
from nas.feasible.stage_options import Ints, OptionTable

_FINE = 8192
_COUNTED = 1 << 14  # cells for one ceiling: bounds within about 0.1 %
_GOOD, _FAIR = 1 / 4, 1 / 32  # sufficient shares of feasible walks
_PILOT = 512
_MOST_WALKS = 1 << 20
_AT_ONCE = 1 << 13

Walk = Callable[[np.random.Generator, int], Ints]


@dataclass(frozen=True)
class Method:
    """A method to draw: walks of which about the share `share` is feasible."""

    walk: Walk
    share: float


class Drawing:
    """Draws members of a space within a budget, from any band of its first ceiling."""

    def __init__(self, table: OptionTable, budget: Sequence[Constraint], reduced: Reduced) -> None:
        """Store the options; tables are built on first use."""
        self._table, self._budget, self._reduced = table, tuple(budget), reduced
        self._methods: dict[tuple[int, int], Method | None] = {}

    def draw(self, rng: np.random.Generator, count: int, low: int, high: int) -> Ints:
        """Return rows (at most count, stages) of members whose first cost is from `low` to `high`.

        There are fewer than `count` only if the band is empty, or a million walks found no more.
        """
        none = np.empty((0, len(self._table.stages)), dtype=np.int64)
        method = self._method(low, high)
        if method is None:
            return none
        found, missing, walked = [none], count, 0
        while missing and walked < _MOST_WALKS + count:
            walks = min(_AT_ONCE, max(1, round(missing / method.share)))
            rows = method.walk(rng, walks)
            rows = rows[self._inside(rows, low, high)][:missing]
            found.append(rows)
            missing -= len(rows)
            walked += walks
        return np.concatenate(found)

    @cached_property
    def tables(self) -> RoundedTables:
        """The tables over all ceilings."""
        return RoundedTables(self._reduced, CELLS[self._reduced.num])

    @cached_property
    def counting_tables(self) -> RoundedTables:
        """The tables for counting: finer than `tables` for a single ceiling."""
        return RoundedTables(self._reduced, _COUNTED) if self._reduced.num == 1 else self.tables

    def counted_ends(self, low: int, high: int) -> Ends:
        """Return the starts in `counting_tables` of networks whose first cost is in the band."""
        return self.counting_tables.ends(*self._spent(low, high))

    def ends(self, low: int, high: int) -> Ends:
        """Return the starts in `tables` of networks whose first cost is from `low` to `high`."""
        return self.tables.ends(*self._spent(low, high))

    def walks(self, tables: RoundedTables, ends: Ends) -> Walk:
        """Return a function that draws walks through `tables`, uniform over those from `ends`."""
        cumulated = np.cumsum(ends.ways)

        def walk(rng: np.random.Generator, count: int) -> Ints:
            turns = np.searchsorted(cumulated, rng.random(count) * cumulated[-1], side="right")
            return tables.walk(rng, ends.cells[np.minimum(turns, len(ends.cells) - 1)])

        return walk

    def paths(self, low: int, high: int) -> Paths:
        """Return the exact graph of a band.

        Raises:
            TooManyPathsError: the graph would not fit in memory.
        """
        return Paths(self.tables, *self._spent(low, high))

    def inside(self, rows: Ints, low: int, high: int) -> int:
        """Return how many of `rows` are feasible and in the band."""
        return int(self._inside(rows, low, high).sum())

    def _inside(self, rows: Ints, low: int, high: int) -> NDArray[np.bool_]:
        spent = self._reduced.spent(self._table.total_costs(rows))
        least, most = self._spent(low, high)
        fits = (spent <= self._reduced.slack).all(axis=1)
        inside: NDArray[np.bool_] = fits & (spent[:, 0] >= least) & (spent[:, 0] <= most)
        return inside

    def _spent(self, low: int, high: int) -> tuple[int, int]:
        """Return a band of the first cost as a band of the cost above the cheapest network.

        Its ends are moved inwards to possible costs, so that a band between two of them is empty.
        """
        if not self._budget:
            return 0, 0
        floor, unit = int(self._reduced.floor[0]), int(self._reduced.unit[0])
        most = min(high - floor, int(self._reduced.slack[0]))
        return -((floor - low) // unit) * unit, most // unit * unit

    def _method(self, low: int, high: int) -> Method | None:
        if (low, high) not in self._methods:
            self._methods[low, high] = self._choose(low, high)
        return self._methods[low, high]

    def _choose(self, low: int, high: int) -> Method | None:
        """Return the first sufficient method for a band, or None if the band is empty."""
        if self._reduced.empty:
            return None
        least, most = self._spent(low, high)
        ends = self.ends(low, high)
        if least > most or not len(ends.cells):
            return None
        certain = float(ends.ways[ends.certain].sum() / ends.ways.sum())
        if certain >= _GOOD:
            return Method(self.walks(self.tables, ends), certain)
        methods = [self._tried(self.tables, low, high)]
        band = (low, high) != (0, self._budget[0].limit)
        if methods[0].share < _GOOD and (band or len(self._budget) == 1):
            if not len(self._fine.ends(least, most).cells):
                return None  # the finer rounding shows that no network is in the band
            methods.append(self._tried(self._fine, low, high))
        best = max(methods, key=lambda method: method.share)
        if best.share >= _FAIR:
            return best
        try:
            paths = self.paths(low, high)
        except TooManyPathsError:
            return best
        return Method(paths.walk, 1.0) if paths.exact else None

    def _tried(self, tables: RoundedTables, low: int, high: int) -> Method:
        """Return walks through `tables`, with the share of feasible ones in a pilot sample."""
        walk = self.walks(tables, tables.ends(*self._spent(low, high)))
        pilot = walk(np.random.default_rng(0), _PILOT)
        return Method(walk, max(self.inside(pilot, low, high), 0.5) / _PILOT)

    @cached_property
    def _fine(self) -> RoundedTables:
        """Tables over the first ceiling only, with many cells, for thin bands."""
        first = self._reduced
        if len(self._budget) > 1:
            first = Reduced(self._table, self._budget[:1])
        return RoundedTables(first, _FINE)
