"""The distinct options of every stage of a space, with their exact costs.

A stage maps its input width to its output width. Equal canonical forms count once. Forms that
differ only in choices that do not change the cost are variants of one option.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nas.cost import COST_NAMES, Cost, CostModel
from nas.space import Architecture, SearchSpace, Shape, StageValues, Value

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_Costs = tuple[int, ...]  # in the order of COST_NAMES
_Kind = tuple[dict[str, Value], list[dict[str, Value]]]


@dataclass(frozen=True)
class StageOptions:
    """The distinct options of one stage after one input width.

    `values` are canonical stage values without the choices that do not change the cost;
    `variants[i]` lists the values of those choices. `costs` is (options, 4) in the order of
    COST_NAMES, `weights` (options,) the numbers of variants.
    """

    values: list[dict[str, Value]]
    variants: list[list[dict[str, Value]]]
    next_widths: Ints
    costs: Ints
    weights: Floats

    @cached_property
    def widths(self) -> list[int]:
        """The next widths as Python integers, which are faster to access one by one."""
        return [int(width) for width in self.next_widths]


class OptionTable:
    """The options of all stages of one space at one deployment, by stage and input width."""

    def __init__(self, costs: CostModel) -> None:
        """Enumerate every stage after every width that it may read."""
        self.space: SearchSpace = costs.space
        self._costs = costs
        self._shapes = _stage_shapes(costs)
        self._kinds: dict[tuple[int, int], list[_Kind]] = {}
        self.stages = self._enumerate()

    def fixed(self, width: int) -> Ints:
        """Return the cost of the stem plus the head on a map of `width` channels."""
        return vector(self._costs.stem[0] + self._costs.head(self.shape(len(self.stages), width)))

    def widths(self, index: int) -> list[int]:
        """Return the input widths of stage `index`, or of the head after the last stage."""
        if index == 0:
            return [self.space.stem_width]
        before = self.stages[index - 1].values()
        return sorted({int(width) for options in before for width in options.next_widths})

    def stage_values(self, choices: Mapping[str, Value]) -> StageValues:
        """Return one stage's choices in the order of the space's keys."""
        return tuple(choices.get(key) for key in self.space.keys)

    def total_costs(self, rows: Ints) -> Ints:
        """Return the cost (n, 4) of networks with the options `rows` (n, stages)."""
        widths = np.full(len(rows), self.space.stem_width)
        costs = np.zeros((len(rows), len(COST_NAMES)), dtype=np.int64)
        for stage, row in zip(self.stages, rows.T, strict=True):
            following = widths.copy()
            for width in np.unique(widths):
                here = np.flatnonzero(widths == width)
                options = stage[int(width)]
                costs[here] += options.costs[row[here]]
                following[here] = options.next_widths[row[here]]
            widths = following
        for width in np.unique(widths):
            costs[widths == width] += self.fixed(int(width))
        return costs

    def members(self, rows: Ints, rng: np.random.Generator) -> list[Architecture]:
        """Return architectures with the options `rows` (n, stages) and random variants of them."""
        turns = rng.random(rows.shape)
        keys, name = self.space.keys, self.space.name
        members = []
        for row, turn in zip(rows.tolist(), turns.tolist(), strict=True):
            width, stages = self.space.stem_width, []
            for stage, option, share in zip(self.stages, row, turn, strict=True):
                options = stage[width]
                free = options.variants[option]
                values = {**options.values[option], **free[int(share * len(free))]}
                stages.append(tuple(map(values.get, keys)))
                width = options.widths[option]
            members.append(Architecture(name, keys, tuple(stages)))
        return members

    def _enumerate(self) -> list[dict[int, StageOptions]]:
        stages: list[dict[int, StageOptions]] = []
        widths = {self.space.stem_width}
        for index in range(len(self.space.stages)):
            stage = {width: self._stage_options(index, width) for width in sorted(widths)}
            widths = {int(w) for options in stage.values() for w in options.next_widths}
            stages.append(stage)
        return stages

    def _stage_options(self, index: int, in_width: int) -> StageOptions:
        """Enumerate one stage after `in_width` channels; equal canonical forms count once."""
        stage = self.space.stages[index]
        values: list[dict[str, Value]] = []
        variants: list[list[dict[str, Value]]] = []
        costs: list[_Costs] = []
        following: list[int] = []
        if 0 in stage.values("depth"):
            values.append({"depth": 0})
            variants.append([{}])
            costs.append((0,) * len(COST_NAMES))
            following.append(in_width)
        depths = [int(depth) for depth in stage.values("depth") if depth]
        kinds = [
            (w, *kind) for w in stage.values("width") for kind in self._distinct(index, int(w))
        ]
        for width, kept, free in kinds:
            first, repeat = self._block_costs(index, in_width, {**kept, **free[0], "width": width})
            for depth, cost in _by_depth(first, repeat, depths):
                values.append({"depth": depth, "width": width, **kept})
                variants.append(free)
                following.append(int(width))
                costs.append(cost)
        return StageOptions(
            values,
            variants,
            np.array(following, dtype=np.int64),
            np.array(costs, dtype=np.int64).reshape(len(values), -1),
            np.array([len(free) for free in variants], dtype=float),
        )

    def _distinct(self, index: int, width: int) -> list[_Kind]:
        """Return pairs for blocks of `width`: choices that change the cost, and their variants."""
        if (index, width) not in self._kinds:
            self._kinds[index, width] = self._find_distinct(index, width)
        return self._kinds[index, width]

    def _find_distinct(self, index: int, width: int) -> list[_Kind]:
        stage, rules = self.space.stages[index], self.space.kind.rules
        latency = self._costs.table is not None
        found: dict[tuple[tuple[str, Value], ...], dict[tuple[Value, ...], dict[str, Value]]] = {}
        for row in itertools.product(*(stage.values(key) for key in rules)):
            choices = {**dict(zip(rules, row, strict=True)), "width": width}
            canonical = self.space.kind.canonical(choices)
            costly = {key: canonical[key] for key, rule in rules.items() if rule.counts(latency)}
            free = {key: canonical[key] for key in rules if key not in costly}
            found.setdefault(tuple(costly.items()), {})[tuple(free.values())] = free
        return [(dict(costly), list(free.values())) for costly, free in found.items()]

    def _block_costs(
        self, index: int, in_width: int, choices: dict[str, Value]
    ) -> tuple[_Costs | None, _Costs | None]:
        """Return the costs of this stage with one and with two blocks; None if not buildable."""
        costs: list[_Costs | None] = []
        for depth in (1, 2):
            spelled = {**choices, "depth": depth}
            if self.space.problem(spelled, in_width) is None:
                shape = self.shape(index, in_width)
                cost = self._costs.stage(index, shape, self.stage_values(spelled))[0]
                costs.append((cost.madds, cost.params, cost.acts, cost.latency))
            else:
                costs.append(None)
        return costs[0], costs[1]

    def shape(self, index: int, width: int) -> Shape:
        """Return the input shape of stage `index`, or of the head, at `width` channels."""
        return Shape(width, *self._shapes[index])


def vector(cost: Cost) -> Ints:
    """Return a cost as an array in the order of COST_NAMES."""
    return np.array([cost.madds, cost.params, cost.acts, cost.latency], dtype=np.int64)


def _by_depth(
    first: _Costs | None, repeat: _Costs | None, depths: Sequence[int]
) -> Iterator[tuple[int, _Costs]]:
    """Yield the buildable depths with their costs, from the costs of one and of two blocks."""
    if repeat is None:
        if first is not None and 1 in depths:
            yield 1, first
        return
    assert first is not None
    a, b, c, d = first
    e, f, g, h = (two - one for one, two in zip(first, repeat, strict=True))
    for depth in depths:
        more = depth - 1
        yield depth, (a + more * e, b + more * f, c + more * g, d + more * h)


def _stage_shapes(costs: CostModel) -> list[tuple[int, int]]:
    """Return the map size that each stage reads, and that the head reads."""
    height, width = costs.stem[1][1:]
    shapes = [(height, width)]
    for stride in costs.adaptation.stages:
        height, width = -(-height // stride), -(-width // stride)
        shapes.append((height, width))
    return shapes
