"""Count and sample, uniformly, the distinct architectures that a budget admits.

Dynamic programming over the stages, on costs rounded to buckets. A stage is a step from the width
that it reads to the width that it gives; the number of ways to finish from a stage is tabulated by
the buckets still to be spent. Costs rounded down admit every architecture of the budget and a few
beyond it: sampling from that table and rejecting those few by their exact cost is exactly uniform.
Rounding down and up bounds the number of feasible architectures from above and below.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from nas.architecture import Architecture, StageValues
from nas.budget import Constraint, admits, si
from nas.cost import COST_NAMES, Cost, CostModel
from nas.errors import BudgetError
from nas.front import non_dominated
from nas.options import Floats, Ints, OptionTable, StageOptions
from nas.space import SearchSpace

_CELLS = {1: (4096,), 2: (128, 128), 3: (32, 32, 32)}
_TRIES = 1000


class FeasibleSpace:
    """The architectures of one space, at one deployment, within one budget."""

    def __init__(self, costs: CostModel, budget: Sequence[Constraint]) -> None:
        """Enumerate the options of every stage; tables follow when they are first needed."""
        self.space: SearchSpace = costs.space
        self.costs = costs
        self.budget = tuple(budget)
        self._table = OptionTable(costs)
        self._options = self._table.stages
        self._totals: dict[tuple[float, float], tuple[Ints, Floats]] = {}
        self._smallest: dict[str, Architecture] = {}

    @cached_property
    def total(self) -> int:
        """The number of distinct architectures of the space, whatever they cost; exact."""
        counts = dict.fromkeys(self._table.widths(len(self._options)), 1)
        for stage in reversed(self._options):
            counts = {
                width: sum(
                    len(variants) * counts[int(following)]
                    for variants, following in zip(
                        options.variants, options.next_widths, strict=True
                    )
                )
                for width, options in stage.items()
            }
        return counts[self.space.stem_width]

    def bounds(self) -> tuple[float, float]:
        """Return a lower and an upper bound of the number of feasible architectures."""
        tables = (self._tables(round_up=True), self._upper)
        low, high = (float(table[0][self.space.stem_width].sum()) for table in tables)
        return low, high

    def check(self) -> None:
        """Make sure that the budget admits an architecture.

        Raises:
            BudgetError: it admits none; the message names the smallest architecture's cost.
        """
        for constraint in self.budget:
            smallest = self.smallest(constraint.cost)
            cost = self.costs.cost(smallest)
            if not constraint.admits(cost):
                least = int(getattr(cost, constraint.cost))
                raise BudgetError(
                    f"no architecture of {self.space.name} fits {constraint}: the smallest costs "
                    f"{si(least)} {constraint.cost} ({least:,}; {smallest}).",
                    f"Raise the budget to {si(least * 1.05, 3)}-{constraint.cost} or more.",
                )
        if len(self.budget) > 1 and not self._jointly_feasible():
            both = " and ".join(map(str, self.budget))
            raise BudgetError(
                f"no architecture of {self.space.name} fits {both} together, though each alone can "
                "be met.",
                "Raise one of the budgets.",
            )

    def smallest(self, cost: str) -> Architecture:
        """Return an architecture with the least possible `cost`, exactly."""
        if cost not in self._smallest:
            self._smallest[cost] = self._find_smallest(cost)
        return self._smallest[cost]

    def _find_smallest(self, cost: str) -> Architecture:
        """Walk back from the head, keeping for each width the cheapest way to finish."""
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
        """Draw uniformly from the feasible architectures, or None where no draw was within limits.

        `low` and `high` draw from a band: those that use such a share of the first ceiling. Gives
        up after 1000 rejections, which only a band that admits almost nothing can cause.
        """
        cells, cumulated = self._start(low, high)
        if not len(cells) or cumulated[-1] <= 0:
            return None
        for _ in range(_TRIES):
            start = int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right"))
            architecture = self._walk(cells[min(start, len(cells) - 1)].copy(), rng)
            cost = self.costs.cost(architecture)
            if admits(self.budget, cost) and low <= self.used(cost) <= high:
                return architecture
        return None

    def used(self, cost: Cost) -> float:
        """Return the share of the first ceiling that `cost` uses; 1 where there is none."""
        if not self.budget:
            return 1.0
        return float(getattr(cost, self.budget[0].cost)) / self.budget[0].limit

    num_parts = 1

    def part(self, index: int) -> "FeasibleSpace":
        """Return this space, the only one."""
        return self

    def cost(self, architecture: Architecture) -> Cost:
        """Return the cost of a member at the deployment."""
        return self.costs.cost(architecture)

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a neighbour, within the budget or not."""
        return self.space.mutate(architecture, rng)

    def admits(self, architecture: Architecture) -> bool:
        """Tell whether `architecture` is a member of the space and within every ceiling."""
        return self.space.contains(architecture) and admits(
            self.budget, self.costs.cost(architecture)
        )

    def _walk(self, left: Ints, rng: np.random.Generator) -> Architecture:
        """Choose stage by stage, in proportion to the number of ways to spend what is left."""
        width = self.space.stem_width
        stages = []
        for index, stage in enumerate(self._options):
            options = stage[width]
            rest = left - self._buckets(self._limited(options.costs))
            inside = np.flatnonzero((rest >= 0).all(axis=1))
            ways = np.zeros(len(inside))
            table = self._upper[index + 1]
            following = options.next_widths[inside]
            for candidate in np.unique(following):
                chosen = following == candidate
                ways[chosen] = table[int(candidate)][tuple(rest[inside[chosen]].T)]
            cumulated = np.cumsum(ways * options.weights[inside])
            row = int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right"))
            pick = int(inside[min(row, len(inside) - 1)])
            variants = options.variants[pick]
            free = variants[int(rng.integers(len(variants)))]
            stages.append(self._table.stage_values({**options.values[pick], **free}))
            left, width = rest[pick], int(options.next_widths[pick])
        return Architecture(self.space.name, self.space.keys, tuple(stages))

    def _start(self, low: float, high: float) -> tuple[Ints, Floats]:
        """Return the cells in which a feasible architecture may end, and their cumulated counts."""
        key = (low, high)
        if key not in self._totals:
            table = self._upper[0][self.space.stem_width]
            cells = np.argwhere(table > 0)
            if self.budget:
                slack = len(self._options) + 1  # what rounding down may have taken off
                unit = self.budget[0].limit / self._scale[0]
                spent = cells[:, 0]
                cells = cells[(spent >= low * unit - slack) & (spent <= high * unit)]
            self._totals[key] = (cells, np.cumsum(table[tuple(cells.T)]))
        return self._totals[key]

    @cached_property
    def _scale(self) -> Ints:
        """The size of a bucket for each constraint; 1 cell of size 1 where there is no budget."""
        cells = _CELLS[max(1, len(self.budget))]
        scale = [-(-part.limit // count) for part, count in zip(self.budget, cells, strict=False)]
        return np.array(scale or [1], dtype=np.int64)

    def _buckets(self, costs: Ints, round_up: bool = False) -> Ints:
        buckets: Ints = -(-costs // self._scale) if round_up else costs // self._scale
        return buckets

    @cached_property
    def _upper(self) -> list[dict[int, Floats]]:
        return self._tables(round_up=False)

    def _tables(self, round_up: bool) -> list[dict[int, Floats]]:
        """Return, for each stage and input width, how many ways end in each cell."""
        last = len(self._options)
        limits = [part.limit for part in self.budget] or [0]
        shape = tuple(np.array(limits) // self._scale + 1)
        tables: list[dict[int, Floats]] = [{} for _ in range(last + 1)]
        for width in self._table.widths(last):
            table = tables[last][width] = np.zeros(shape)
            cell = self._buckets(self._limited(self._table.fixed(width)), round_up)
            if (cell < shape).all():
                table[tuple(cell)] = 1
        for index in range(last - 1, -1, -1):
            for width, options in self._options[index].items():
                cells = self._buckets(self._limited(options.costs), round_up)
                tables[index][width] = _convolve(options, cells, tables[index + 1], shape)
        return tables

    def _jointly_feasible(self) -> bool:
        """Tell exactly whether several ceilings can be met at once, by Pareto-minimal costs."""
        last = len(self._options)
        limits = np.array([part.limit for part in self.budget])
        minima = {
            width: self._limited(self._table.fixed(width))[None]
            for width in self._table.widths(last)
        }
        for stage in reversed(self._options):
            reached = {}
            for width, options in stage.items():
                sums = [
                    (
                        _minimal(self._limited(options.costs[options.next_widths == following]))[
                            :, None
                        ]
                        + minima[int(following)][None]
                    ).reshape(-1, len(limits))
                    for following in np.unique(options.next_widths)
                ]
                costs = np.concatenate(sums)
                reached[width] = _minimal(costs[(costs <= limits).all(axis=1)])
            minima = reached
        return bool(len(minima[self.space.stem_width]))

    def _limited(self, costs: Ints) -> Ints:
        """Return the columns of `costs` that the budget limits; one of zeros where it limits none.

        Rows or a single row, as they come.
        """
        if not self.budget:
            return np.zeros((*costs.shape[:-1], 1), dtype=np.int64)
        return costs[..., [COST_NAMES.index(part.cost) for part in self.budget]]


def _minimal(costs: Ints) -> Ints:
    """Return the distinct rows that no other row is below."""
    distinct = np.unique(costs, axis=0)
    return distinct[non_dominated(distinct.astype(float))]


def _convolve(
    options: StageOptions, cells: Ints, following: dict[int, Floats], shape: tuple[int, ...]
) -> Floats:
    """Add up, over the options of one stage, the ways of what follows, moved by their cells."""
    result = np.zeros(shape)
    fits = (cells < np.array(shape)).all(axis=1)
    for width in np.unique(options.next_widths[fits]):
        chosen = fits & (options.next_widths == width)
        moves, inverse = np.unique(cells[chosen], axis=0, return_inverse=True)
        weights = np.bincount(inverse.ravel(), weights=options.weights[chosen])
        source = following[int(width)]
        for move, weight in zip(moves, weights, strict=True):
            to = tuple(slice(int(step), None) for step in move)
            part = tuple(slice(0, size - int(step)) for step, size in zip(move, shape, strict=True))
            result[to] += weight * source[part]
    return result
