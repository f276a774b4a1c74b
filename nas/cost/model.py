"""Cost: exact integer counts of a network, known before training.

madds    multiply-adds of convolution and linear layers, batch 1
params   trainable parameters: weights, biases, batch-norm scale and shift
acts     output elements of convolution and linear layers, batch 1
latency  nanoseconds by a table of measured units (`nas.cost.latency_table`), batch 1; 0 without one

One function counts a layer. Totals are sums over blocks, which are cached, so that many
architectures can be costed without lowering each of them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import assert_never

from nas.cost.latency_table import Latencies
from nas.space import (
    Activation,
    Adaptation,
    Add,
    Architecture,
    BatchNorm,
    Builder,
    Concat,
    Conv,
    GlobalPool,
    Head,
    Input,
    Layer,
    Linear,
    NetworkKind,
    Pad,
    PartLayers,
    Pool,
    SearchSpace,
    Shape,
    Shuffle,
    StageValues,
    Strides,
    adapt,
    lower,
    lower_block,
    lower_head,
    lower_stem,
    lower_tap,
    plan_network,
    tap_of,
    tapped_stage,
)

COST_NAMES = ("madds", "params", "acts", "latency")


@dataclass(frozen=True, order=True, slots=True)
class Cost:
    """Exact integer counts of one network at one input size."""

    madds: int
    params: int
    acts: int
    latency: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        """Return the cost of both parts together."""
        return Cost(
            self.madds + other.madds,
            self.params + other.params,
            self.acts + other.acts,
            self.latency + other.latency,
        )

    def times(self, count: int) -> "Cost":
        """Return the cost of `count` equal parts."""
        return Cost(
            self.madds * count, self.params * count, self.acts * count, self.latency * count
        )


ZERO = Cost(0, 0, 0)


def layer_cost(layer: Layer) -> Cost:
    """Return the cost of one layer."""
    match layer:
        case Conv(shape=shape):
            weights = shape.channels * (layer.in_channels // layer.groups) * layer.kernel**2
            params = weights + shape.channels * layer.bias
            return Cost(weights * shape.height * shape.width, params, math.prod(shape))
        case Linear(shape=shape):
            weights = layer.in_features * shape.channels
            return Cost(weights, weights + shape.channels, shape.channels)
        case BatchNorm(shape=shape):
            return Cost(0, 2 * shape.channels, 0)
        case Input() | Activation() | Shuffle() | Add() | Concat() | Pool() | Pad() | GlobalPool():
            return ZERO
        case _:
            assert_never(layer)


def total_cost(layers: Iterable[Layer]) -> Cost:
    """Return the sum over `layers`."""
    madds = params = acts = 0
    for layer in layers:
        cost = layer_cost(layer)
        madds += cost.madds
        params += cost.params
        acts += cost.acts
    return Cost(madds, params, acts)


def part_costs(layers: Iterable[Layer]) -> dict[str, tuple[Cost, Shape]]:
    """Return the cost and the output of each part of a network, in order.

    Parts are the stem, the stages, the head and the classifier: layers whose names are equal up to
    the first dot. The input is not a part.
    """
    parts: dict[str, tuple[Cost, Shape]] = {}
    for layer in layers:
        name = layer.name.partition(".")[0]
        if not isinstance(layer, Input):
            before = parts[name][0] if name in parts else ZERO
            parts[name] = before + layer_cost(layer), layer.shape
    return parts


def _part_total(layers: Sequence[Layer], table: Latencies | None) -> Cost:
    """Return the cost of a part of a network, with its latency by `table`."""
    total = total_cost(layers)
    return total if table is None else replace(total, latency=table.latency(layers))


@dataclass
class CostModel:
    """Counts the costs of architectures of one space at one input and number of classes.

    The result equals `total_cost(lower(...))`. It is a sum over cached blocks: the first call with
    a block lowers it, later calls look it up. For a `NetworkKind`, `stage` and `head` are not
    available. With a `table` the latency is also counted; its fixed time belongs to the stem.
    `strides` are the strides at the input; by default those of the rule (`nas.space.strides`).
    `own_head` is the head of a task other than classification.
    """

    space: SearchSpace
    input_shape: Shape | None = None
    classes: int | None = None
    table: Latencies | None = None
    strides: Strides = ()
    own_head: Head | None = None
    adaptation: Adaptation = field(init=False)
    _stages: dict[tuple[int, Shape, StageValues], tuple[Cost, Shape]] = field(
        init=False, default_factory=dict, repr=False
    )
    _blocks: dict[tuple[object, ...], tuple[Cost, Shape]] = field(
        init=False, default_factory=dict, repr=False
    )
    _heads: dict[Shape, Cost] = field(init=False, default_factory=dict, repr=False)
    _parts: dict[tuple[PartLayers, tuple[Shape, ...]], tuple[Cost, Shape]] = field(
        init=False, default_factory=dict, repr=False
    )

    def __post_init__(self) -> None:
        """Lower the stem, which all architectures share."""
        self.input_shape = self.input_shape or self.space.deployment
        self.classes = self.classes or self.space.classes
        self.adaptation = adapt(self.space, self.input_shape, self.strides)
        net = Builder(self.input_shape)
        lower_stem(self.space, net, self.adaptation)
        fixed = Cost(0, 0, 0, self.table.fixed if self.table else 0)
        self.fixed = fixed
        self._planned = isinstance(self.space.kind, NetworkKind)
        self._tapped = tapped_stage(self.adaptation, self.own_head)
        total = total_cost(net.layers) if self._planned else self._total(net.layers)
        self.stem = (total + fixed, net.shape)

    def cost(self, architecture: Architecture) -> Cost:
        """Return the cost of `architecture`."""
        if self._planned:
            return self._planned_cost(architecture)
        total, shape = self.stem
        madds, params, acts, latency = total.madds, total.params, total.acts, total.latency
        stages = self._stages
        for index, values in enumerate(architecture.stages):
            if not values[0]:
                continue
            part = stages.get((index, shape, values))
            if part is None:
                part = stages[index, shape, values] = self._stage(index, shape, values)
            cost, shape = part
            madds += cost.madds
            params += cost.params
            acts += cost.acts
            latency += cost.latency
        head = self.head(shape)
        return Cost(
            madds + head.madds, params + head.params, acts + head.acts, latency + head.latency
        )

    def layers(self, architecture: Architecture) -> list[Layer]:
        """Return the layers of `architecture` that the cost counts."""
        strides = self.adaptation.strides
        return lower(
            self.space, architecture, self.input_shape, self.outputs, strides, self.own_head
        )

    @property
    def outputs(self) -> int:
        """The number of outputs, the classes of a classifier."""
        assert self.classes is not None
        return self.classes

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the counted costs; latency only with a table."""
        return COST_NAMES if self.table else COST_NAMES[:3]

    def stage(self, index: int, shape: Shape, values: StageValues) -> tuple[Cost, Shape]:
        """Return the cost and the output shape of one stage that reads a map of `shape`."""
        if not values[0]:
            return ZERO, shape
        part = self._stages.get((index, shape, values))
        return part or self._stage(index, shape, values)

    def head(self, shape: Shape) -> Cost:
        """Return the cost of the head on a map of `shape`, without the layers that read a tap."""
        if shape not in self._heads:
            net = Builder(shape)
            lower_head(self.space, net, self.outputs, self.own_head)
            self._heads[shape] = self._total(net.layers)
        return self._heads[shape]

    def _planned_cost(self, architecture: Architecture) -> Cost:
        """Return the sum over the parts of a network; each distinct part is lowered once."""
        shapes = [self.adaptation.input]
        madds = params = acts = 0
        latency = self.fixed.latency
        outputs, head = self.outputs, self.own_head
        for part in plan_network(self.space, architecture, self.adaptation, outputs, head):
            key = part.layers, tuple(shapes[position] for position in part.reads)
            if key not in self._parts:
                self._parts[key] = self._part(*key)
            cost, shape = self._parts[key]
            madds += cost.madds
            params += cost.params
            acts += cost.acts
            latency += cost.latency
            shapes.append(shape)
        return Cost(madds, params, acts, latency)

    def _total(self, layers: Sequence[Layer]) -> Cost:
        return _part_total(layers, self.table)

    def _part(self, layers: PartLayers, shapes: tuple[Shape, ...]) -> tuple[Cost, Shape]:
        """Return the cost and the output shape of one part that reads maps of `shapes`."""
        names = [f"source{position}" for position in range(len(shapes))]
        net = Builder(shapes[0], names[0])
        for name, shape in zip(names[1:], shapes[1:], strict=True):
            net.feed(name, shape)
        layers.lower(net, names)
        return self._total(net.layers), net.shape

    def _stage(self, index: int, shape: Shape, values: StageValues) -> tuple[Cost, Shape]:
        depth = values[0]
        assert isinstance(depth, int)
        total, shape = self._block(shape, values, self.adaptation.stages[index], True, index)
        if depth > 1:
            repeat, shape = self._block(shape, values, 1, False)
            total += repeat.times(depth - 1)
        return total, shape

    @cached_property
    def _counted(self) -> list[int]:
        """The positions of the choices that affect the cost of a block."""
        rules, timed = self.space.kind.rules, self.table is not None
        return [
            position
            for position, key in enumerate(self.space.keys)
            if key != "depth" and (key not in rules or rules[key].counts(timed))
        ]

    def _block(
        self, shape: Shape, values: StageValues, stride: int, first: bool, index: int = -1
    ) -> tuple[Cost, Shape]:
        """Return the cost and the output shape of a block.

        `index` is that of the stage for its first block, otherwise -1. The layers of the head that
        read a tap of this block are part of its cost.
        """
        counted = tuple([values[position] for position in self._counted])
        tapped = index == self._tapped
        key = (shape, counted, stride, first, tapped)
        if key not in self._blocks:
            net = Builder(shape)
            choices = dict(zip(self.space.keys, values, strict=True))
            lower_block(self.space, net, choices, stride, first)
            total = self._total(net.layers)
            if tapped:
                tap = Builder(tap_of(net.layers).shape)
                lower_tap(tap, self.outputs, self.own_head)
                total += self._total(tap.layers)
            self._blocks[key] = (total, net.shape)
        return self._blocks[key]
