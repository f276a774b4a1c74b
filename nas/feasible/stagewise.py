"""Count the distinct architectures within a budget, and draw uniformly from them.

The costs of a network are sums over its stages, so that architectures can be counted (`counting`)
and drawn (`drawing`) without listing them.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

import numpy as np

from nas.cost import COST_NAMES, Constraint, Cost, CostModel, admits
from nas.errors import BudgetError
from nas.feasible.counting import Count, count_bounds, count_members
from nas.feasible.drawing import Drawing
from nas.feasible.encoding import SpaceCoding
from nas.feasible.rounded_tables import RoundedTables
from nas.feasible.slack import Reduced
from nas.feasible.stage_options import Ints, OptionTable
from nas.space import Architecture, SearchSpace, StageValues
from nas.stats import non_dominated

_PICTURE_CELLS = 1 << 13
_REMEMBERED = 1 << 13  # cached costs of networks; about 5 MB


class FeasibleSpace:
    """The architectures of one space, at one deployment, within one budget."""

    def __init__(self, costs: CostModel, budget: Sequence[Constraint]) -> None:
        """Enumerate the options of every stage; tables are built on first use."""
        self.space: SearchSpace = costs.space
        self.costs = costs
        self.budget = tuple(budget)
        self._table = OptionTable(costs)
        self._options = self._table.stages
        self._smallest: dict[str, Architecture] = {}
        self._unlimited: dict[str, RoundedTables] = {}

    @cached_property
    def _cost(self) -> Callable[[Architecture], Cost]:
        """The cost function with a cache, because several callers need the cost of a network."""
        return lru_cache(_REMEMBERED)(self.costs.cost)

    @cached_property
    def total(self) -> int:
        """The exact number of distinct architectures of the space, feasible or not."""
        return Reduced(self._table, ()).total

    def bounds(self) -> tuple[int, int]:
        """Return bounds on the number of feasible architectures, within a second.

        With one ceiling the bounds differ by at most 0.1 %, unless the ceiling admits very few
        architectures; with several ceilings they are farther apart.
        """
        count = self._counted(*self._band(0.0, 1.0), count_bounds)
        return count.low, count.high

    def count(self, low: float = 0.0, high: float = 1.0) -> Count:
        """Count the feasible architectures: bounds and an estimate; exact if there are few.

        `low` and `high` limit the count to a band of shares of the first ceiling.
        """
        return self._counted(*self._band(low, high), count_members)

    def _counted(self, low: int, high: int, count: Callable[[Drawing, int, int], Count]) -> Count:
        if self._reduced.empty or low > high:
            return Count(0, 0)
        if not self.budget:
            return Count(self.total, self.total)
        return count(self._drawing, low, high)

    def spread(self, cost: str, edges: Sequence[float]) -> list[float]:
        """Return the numbers of architectures, feasible or not, with a `cost` between the edges.

        The numbers are approximate, for figures: costs are rounded to about 1/8000 of their range;
        below a single ceiling, to the cells of `count`.
        """
        below = [self._all_up_to(cost, math.floor(edge)) for edge in edges]
        return [max(0.0, high - low) for low, high in itertools.pairwise(below)]

    def _all_up_to(self, cost: str, most: int) -> float:
        """Return approximately how many architectures of the space cost up to `most`."""
        tables, first = self._wide(cost), self.budget[0] if len(self.budget) == 1 else None
        if first and cost == first.cost and most <= first.limit and not self._reduced.empty:
            tables = self._drawing.counting_tables
        return tables.about(most - int(tables.reduced.floor[0]))

    def largest(self, cost: str) -> int:
        """Return the greatest `cost` of any architecture of the space, exactly."""
        reduced = self._wide(cost).reduced
        return int(reduced.floor[0] + reduced.slack[0])

    def _wide(self, cost: str) -> RoundedTables:
        """Return the tables of one cost without a ceiling."""
        if cost not in self._unlimited:
            reduced = Reduced(self._table, (Constraint(cost, 2**59),))
            self._unlimited[cost] = RoundedTables(reduced, _PICTURE_CELLS)
        return self._unlimited[cost]

    @cached_property
    def _reduced(self) -> Reduced:
        return Reduced(self._table, self.budget)

    @cached_property
    def _drawing(self) -> Drawing:
        return Drawing(self._table, self.budget, self._reduced)

    def _band(self, low: float, high: float) -> tuple[int, int]:
        """Return the least and the greatest first cost whose share is from `low` to `high`."""
        if not self.budget:
            return (0, 0) if low <= 1 <= high else (1, 0)
        limit = self.budget[0].limit
        return _first(low, limit), min(_last(high, limit), limit)

    def check(self) -> None:
        """Check that the budget admits an architecture.

        Raises:
            BudgetError: it admits none; the message states the cost of the smallest architecture.
        """
        for constraint in self.budget:
            smallest = self.smallest(constraint.cost)
            cost = self.costs.cost(smallest)
            if not constraint.admits(cost):
                least = int(getattr(cost, constraint.cost))
                raise BudgetError(
                    f"no architecture of {self.space.name} fits {constraint}: the smallest costs "
                    f"{constraint.shown(least)} ({least:,}{constraint.unit}; {smallest}).",
                    f"Raise the budget to {constraint.at(least * 1.05)} or more.",
                )
        if len(self.budget) > 1 and not self._jointly_feasible():
            both = " and ".join(map(str, self.budget))
            raise BudgetError(
                f"no architecture of {self.space.name} fits {both} together, although each "
                "budget alone can be met.",
                "Raise one of the budgets.",
            )

    def smallest(self, cost: str) -> Architecture:
        """Return an architecture with the least possible `cost`, exactly."""
        if cost not in self._smallest:
            self._smallest[cost] = self._find_smallest(cost)
        return self._smallest[cost]

    def _find_smallest(self, cost: str) -> Architecture:
        """Walk back from the head; keep the cheapest completion for each width."""
        column, last = COST_NAMES.index(cost), len(self._options)
        best: dict[int, tuple[int, tuple[StageValues, ...]]] = {
            width: (int(self._table.fixed(width)[column]), ()) for width in self._table.widths(last)
        }
        for stage in reversed(self._options):
            cheapest = {}
            for width, options in stage.items():
                ends = np.array([best[int(following)][0] for following in options.next_widths])
                row = int(np.argmin(options.costs[:, column] + ends))
                values = self._table.stage_values(
                    {**options.values[row], **options.variants[row][0]}
                )
                after = best[int(options.next_widths[row])]
                cheapest[width] = (int(options.costs[row, column]) + after[0], (values, *after[1]))
            best = cheapest
        return Architecture(self.space.name, self.space.keys, best[self.space.stem_width][1])

    def sample(
        self, rng: np.random.Generator, low: float = 0.0, high: float = 1.0
    ) -> Architecture | None:
        """Draw uniformly from the feasible architectures; None if there is none.

        `low` and `high` limit the draw to a band of shares of the first ceiling.
        """
        drawn = self.sample_many(rng, 1, low, high)
        return drawn[0] if drawn else None

    def sample_many(
        self, rng: np.random.Generator, count: int, low: float = 0.0, high: float = 1.0
    ) -> list[Architecture]:
        """Draw `count` independent architectures as `sample` does; none if there are none.

        There are fewer than `count` only if a million tries find no more.
        """
        band = self._band(low, high)
        if band[0] > band[1]:
            return []
        return self._table.members(self._drawing.draw(rng, count, *band), rng)

    def used(self, cost: Cost) -> float:
        """Return the share of the first ceiling that `cost` uses; 1 without a ceiling."""
        if not self.budget:
            return 1.0
        return float(getattr(cost, self.budget[0].cost)) / self.budget[0].limit

    @cached_property
    def coding(self) -> SpaceCoding:
        """The architectures of the space as numbers."""
        return SpaceCoding(self.costs, self._cost)

    num_parts = 1

    def part(self, index: int) -> "FeasibleSpace":
        """Return this space; it has one part."""
        return self

    def cost(self, architecture: Architecture) -> Cost:
        """Return the cost of a member at the deployment."""
        return self._cost(architecture)

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a neighbour, which need not be within the budget."""
        return self.space.mutate(architecture, rng)

    def admits(self, architecture: Architecture) -> bool:
        """Tell whether `architecture` is a member of the space and within every ceiling."""
        return self.space.contains(architecture) and admits(self.budget, self._cost(architecture))

    def _jointly_feasible(self) -> bool:
        """Tell exactly whether an architecture meets all ceilings, by Pareto-minimal costs."""
        last, limited = len(self._options), self._reduced.limited
        limits = np.array([part.limit for part in self.budget])
        minima = {
            width: limited(self._table.fixed(width))[None] for width in self._table.widths(last)
        }
        for stage in reversed(self._options):
            reached = {}
            for width, options in stage.items():
                sums = [
                    (
                        _minimal(limited(options.costs[options.next_widths == following]))[:, None]
                        + minima[int(following)][None]
                    ).reshape(-1, len(limits))
                    for following in np.unique(options.next_widths)
                ]
                costs = np.concatenate(sums)
                reached[width] = _minimal(costs[(costs <= limits).all(axis=1)])
            minima = reached
        return bool(len(minima[self.space.stem_width]))


def _minimal(costs: Ints) -> Ints:
    """Return the distinct rows that no other row dominates."""
    distinct = np.unique(costs, axis=0)
    return distinct[non_dominated(distinct.astype(float))]


def _first(share: float, limit: int) -> int:
    """Return the least cost with `cost / limit >= share`."""
    cost = max(0, math.ceil(share * limit))
    while cost > 0 and (cost - 1) / limit >= share:
        cost -= 1
    while cost / limit < share:
        cost += 1
    return cost


def _last(share: float, limit: int) -> int:
    """Return the greatest cost with `cost / limit <= share`, or -1."""
    return _first(math.nextafter(share, math.inf), limit) - 1
