"""Count and sample, uniformly, the distinct architectures that a budget admits.

Dynamic programming over the stages, on costs rounded to buckets. A stage is a step from the width
that it reads to the width that it gives; the number of ways to finish from a stage is tabulated by
the buckets still to be spent. Costs rounded down admit every architecture of the budget and a few
beyond it: sampling from that table and rejecting those few by their exact cost is exactly uniform.
Rounding down and up bounds the number of feasible architectures from above and below.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from nas.architecture import Architecture, StageValues, Value
from nas.budget import Constraint, admits, si
from nas.cost import Cost, CostModel
from nas.errors import BudgetError
from nas.front import non_dominated
from nas.layers import Shape
from nas.space import SearchSpace

_CELLS = {1: (4096,), 2: (128, 128), 3: (32, 32, 32)}
_TRIES = 1000

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Options:
    """The distinct options of one stage after one input width, one row for each cost.

    `values` are canonical stage values without the choices that cost nothing; `variants[i]` lists
    what those may be. `costs` is (options, constraints), `weights` the number of variants.
    """

    values: list[dict[str, Value]]
    variants: list[list[dict[str, Value]]]
    next_widths: Ints
    costs: Ints
    weights: Floats


class FeasibleSpace:
    """The architectures of one space, at one deployment, within one budget."""

    def __init__(self, costs: CostModel, budget: Sequence[Constraint]) -> None:
        """Enumerate the options of every stage; tables follow when they are first needed."""
        self.space: SearchSpace = costs.space
        self.costs = costs
        self.budget = tuple(budget)
        self._shapes = _stage_shapes(costs)
        self._options = self._enumerate()
        self._totals: dict[tuple[float, float], tuple[Ints, Floats]] = {}
        self._smallest: dict[str, Architecture] = {}

    @cached_property
    def total(self) -> int:
        """The number of distinct architectures of the space, whatever they cost; exact."""
        counts = dict.fromkeys(self._widths(len(self._options)), 1)
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
        best: dict[int, tuple[int, tuple[StageValues, ...]]] = {}
        last = len(self._options)
        for width in self._widths(last):
            best[width] = (int(getattr(self.costs.head(self._shape(last, width)), cost)), ())
        for index in range(last - 1, -1, -1):
            best = {
                width: min(
                    (
                        (
                            int(getattr(self._exact(index, width, values)[0], cost))
                            + best[int(following)][0],
                            (values, *best[int(following)][1]),
                        )
                        for values, following in self._rows(options)
                    ),
                    key=lambda entry: entry[0],
                )
                for width, options in self._options[index].items()
            }
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
            rest = left - self._buckets(options.costs)
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
            stages.append(self._stage_values({**options.values[pick], **free}))
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
        for width in self._widths(last):
            table = tables[last][width] = np.zeros(shape)
            fixed = self.costs.stem[0] + self.costs.head(self._shape(last, width))
            cell = self._buckets(self._vector(fixed), round_up)
            if (cell < shape).all():
                table[tuple(cell)] = 1
        for index in range(last - 1, -1, -1):
            for width, options in self._options[index].items():
                cells = self._buckets(options.costs, round_up)
                tables[index][width] = _convolve(options, cells, tables[index + 1], shape)
        return tables

    def _jointly_feasible(self) -> bool:
        """Tell exactly whether several ceilings can be met at once, by Pareto-minimal costs."""
        last = len(self._options)
        limits = np.array([part.limit for part in self.budget])
        minima = {
            width: self._vector(self.costs.stem[0] + self.costs.head(self._shape(last, width)))[
                None
            ]
            for width in self._widths(last)
        }
        for stage in reversed(self._options):
            reached = {}
            for width, options in stage.items():
                sums = [
                    (
                        _minimal(options.costs[options.next_widths == following])[:, None]
                        + minima[int(following)][None]
                    ).reshape(-1, len(limits))
                    for following in np.unique(options.next_widths)
                ]
                costs = np.concatenate(sums)
                reached[width] = _minimal(costs[(costs <= limits).all(axis=1)])
            minima = reached
        return bool(len(minima[self.space.stem_width]))

    def _enumerate(self) -> list[dict[int, _Options]]:
        stages: list[dict[int, _Options]] = []
        widths = {self.space.stem_width}
        for index in range(len(self.space.stages)):
            stage = {width: self._stage_options(index, width) for width in sorted(widths)}
            widths = {int(w) for options in stage.values() for w in options.next_widths}
            stages.append(stage)
        return stages

    def _widths(self, index: int) -> list[int]:
        """Return the widths that stage `index` may read; those of the head after the last."""
        if index == 0:
            return [self.space.stem_width]
        before = self._options[index - 1].values()
        return sorted({int(width) for options in before for width in options.next_widths})

    def _stage_options(self, index: int, in_width: int) -> _Options:
        """Enumerate one stage after `in_width` channels; equal canonical forms count once."""
        stage = self.space.stages[index]
        values: list[dict[str, Value]] = []
        variants: list[list[dict[str, Value]]] = []
        costs: list[Ints] = []
        following: list[int] = []
        if 0 in stage.values("depth"):
            values.append({"depth": 0})
            variants.append([{}])
            costs.append(self._vector(Cost(0, 0, 0)))
            following.append(in_width)
        kinds = [(w, *kind) for w in stage.values("width") for kind in self._kinds(index, int(w))]
        for width, kept, free in kinds:
            first, repeat = self._block_costs(index, in_width, {**kept, **free[0], "width": width})
            for depth in stage.values("depth"):
                if depth == 0 or (cost := first if depth == 1 else repeat) is None:
                    continue
                values.append({"depth": depth, "width": width, **kept})
                variants.append(free)
                following.append(int(width))
                more = int(depth) - 1
                costs.append(cost if more == 0 else _extended(first, repeat, more))
        return _Options(
            values,
            variants,
            np.array(following, dtype=np.int64),
            np.array(costs, dtype=np.int64).reshape(len(values), -1),
            np.array([len(free) for free in variants], dtype=float),
        )

    @cache  # noqa: B019 - lives as long as the space of a study
    def _kinds(
        self, index: int, width: int
    ) -> list[tuple[dict[str, Value], list[dict[str, Value]]]]:
        """Return the distinct (costly choices, variants of the free ones) of blocks of `width`."""
        stage, rules = self.space.stages[index], self.space.kind.rules
        found: dict[tuple[tuple[str, Value], ...], dict[tuple[Value, ...], dict[str, Value]]] = {}
        for row in itertools.product(*(stage.values(key) for key in rules)):
            choices = {**dict(zip(rules, row, strict=True)), "width": width}
            canonical = self.space.kind.canonical(choices)
            costly = {key: canonical[key] for key, rule in rules.items() if rule.changes_cost}
            free = {key: canonical[key] for key in rules if key not in costly}
            found.setdefault(tuple(costly.items()), {})[tuple(free.values())] = free
        return [(dict(costly), list(free.values())) for costly, free in found.items()]

    def _block_costs(
        self, index: int, in_width: int, choices: dict[str, Value]
    ) -> tuple[Ints | None, Ints | None]:
        """Return the costs of this stage with one block and with two; None where not buildable."""
        costs: list[Ints | None] = []
        for depth in (1, 2):
            spelled = {**choices, "depth": depth}
            if self.space.buildable(spelled, in_width) is None:
                exact = self._exact(index, in_width, self._stage_values(spelled))
                costs.append(self._vector(exact[0]))
            else:
                costs.append(None)
        return costs[0], costs[1]

    def _exact(self, index: int, in_width: int, values: StageValues) -> tuple[Cost, Shape]:
        return self.costs.stage(index, self._shape(index, in_width), values)

    def _rows(self, options: _Options) -> list[tuple[StageValues, int]]:
        return [
            (self._stage_values({**values, **free[0]}), int(width))
            for values, free, width in zip(
                options.values, options.variants, options.next_widths, strict=True
            )
        ]

    def _stage_values(self, choices: dict[str, Value]) -> StageValues:
        return tuple(choices.get(key) for key in self.space.keys)

    def _vector(self, cost: Cost) -> Ints:
        counted = [int(getattr(cost, part.cost)) for part in self.budget] or [0]
        return np.array(counted, dtype=np.int64)

    def _shape(self, index: int, width: int) -> Shape:
        return Shape(width, *self._shapes[index])


def _extended(first: Ints | None, repeat: Ints | None, more: int) -> Ints:
    """Return the cost of one block and `more` repeats, from those of one and of two blocks."""
    assert first is not None
    assert repeat is not None
    extended: Ints = first + more * (repeat - first)
    return extended


def _stage_shapes(costs: CostModel) -> list[tuple[int, int]]:
    """Return the map size that each stage reads, and the head after the last."""
    height, width = costs.stem[1][1:]
    shapes = [(height, width)]
    for stride in costs.adaptation.stages:
        height, width = -(-height // stride), -(-width // stride)
        shapes.append((height, width))
    return shapes


def _minimal(costs: Ints) -> Ints:
    """Return the distinct rows that no other row is below."""
    distinct = np.unique(costs, axis=0)
    return distinct[non_dominated(distinct.astype(float))]


def _convolve(
    options: _Options, cells: Ints, following: dict[int, Floats], shape: tuple[int, ...]
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
