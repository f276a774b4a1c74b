"""The pieces of networks to time, so that every unit of a space is timed.

A piece is a stage of up to two blocks, so that a unit is timed between its neighbours. A space has
tens of thousands of pieces, but few distinct units: a few pieces contain all units. For kinds that
plan whole networks, the pieces are whole networks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nas.cost import CostModel, Unit, latency_units
from nas.feasible import OptionTable, StageOptions, members
from nas.space import (
    Builder,
    Layer,
    NetworkKind,
    Value,
    lower_block,
    lower_head,
    lower_stem,
    lower_tap,
    tap_of,
    tapped_stage,
)

Piece = list[Layer]


def covering_pieces(costs: CostModel, rng: np.random.Generator) -> list[Piece]:
    """Return pieces that contain every unit of the space, in a random order.

    `costs` has the space and its input, but no latency table. Choices that do not affect the time
    are random.
    """
    if isinstance(costs.space.kind, NetworkKind):
        chosen = _whole_networks(costs, rng)
    else:
        table = OptionTable(replace(costs, table=_Collector()))
        chosen = [*_ends(costs, table), *_covering(list(_stages(costs, table, rng)), rng)]
    return [chosen[index] for index in rng.permutation(len(chosen))]


def side_by_side(pieces: Sequence[Piece]) -> tuple[list[Layer], list[Unit]]:
    """Return the layers of all pieces as separate networks, and their units.

    The names of piece i begin with `p<i>.`.
    """
    layers: list[Layer] = []
    found: list[Unit] = []
    for index, piece in enumerate(pieces):
        renamed = [_renamed(layer, f"p{index}.") for layer in piece]
        layers += renamed
        found += latency_units(renamed)
    return layers, found


def _renamed(layer: Layer, prefix: str) -> Layer:
    inputs: Any = tuple(prefix + name for name in layer.inputs)
    return replace(layer, name=prefix + layer.name, inputs=inputs)


class _Collector:
    """A substitute for a latency table that records the units it is asked for."""

    fixed = 0

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def latency(self, layers: Sequence[Layer]) -> int:
        """Record the units of `layers`."""
        self.keys |= {unit.key for unit in latency_units(layers)}
        return 0


def _whole_networks(costs: CostModel, rng: np.random.Generator) -> list[Piece]:
    """Return members that contain every unit of the space."""
    collector = _Collector()
    model = replace(costs, table=collector)
    every = members(costs.space)
    chosen = []
    for index in rng.permutation(len(every)):
        known = len(collector.keys)
        model.cost(every[int(index)])
        if len(collector.keys) > known:
            chosen.append(costs.layers(every[int(index)]))
    return chosen


def _ends(costs: CostModel, table: OptionTable) -> Iterator[Piece]:
    """Yield the stem, and the head for each width of the last stage."""
    net = Builder(costs.adaptation.input)
    lower_stem(costs.space, net, costs.adaptation)
    yield net.layers
    last = len(table.stages)
    for width in table.widths(last):
        net = Builder(table.shape(last, width))
        lower_head(costs.space, net, costs.outputs, costs.own_head)
        yield net.layers


def _stages(costs: CostModel, table: OptionTable, rng: np.random.Generator) -> Iterator[Piece]:
    """Yield every distinct stage of one or two blocks, with the layers that read a tap in it."""
    tapped = tapped_stage(costs.adaptation, costs.own_head)
    for index, stage in enumerate(table.stages):
        for width, options in stage.items():
            for choices in _shapes(options, rng):
                net = Builder(table.shape(index, width))
                for block in range(min(2, int(choices["depth"]))):
                    net.prefix = f"{block}."
                    stride = 1 if block else costs.adaptation.stages[index]
                    lower_block(costs.space, net, choices, stride, first=block == 0)
                    if (index, block) == (tapped, 0):
                        last = net.last
                        net.branch(tap_of(net.layers).name)
                        lower_tap(net, costs.outputs, costs.own_head)
                        net.branch(last)
                yield net.layers


def _shapes(options: StageOptions, rng: np.random.Generator) -> Iterator[Mapping[str, Value]]:
    """Yield the choices of each kind of block, with a depth of two or more if possible."""
    found: dict[tuple[tuple[str, Value], ...], int] = {}
    for row, values in enumerate(options.values):
        depth = int(values["depth"])
        same = tuple((key, value) for key, value in values.items() if key != "depth")
        if depth and (same not in found or depth > 1):
            found[same] = row
    for row in found.values():
        variants = options.variants[row]
        yield {**options.values[row], **variants[int(rng.integers(len(variants)))]}


def _covering(pieces: Sequence[Piece], rng: np.random.Generator) -> list[Piece]:
    """Return some of `pieces` that contain all units, by a greedy set cover."""
    keys = [{unit.key for unit in latency_units(piece)} for piece in pieces]
    order = rng.permutation(len(pieces)).tolist()
    have: set[str] = set()
    chosen = []
    for least in range(max(map(len, keys), default=0), 0, -1):
        rest = []
        for index in order:
            new = len(keys[index] - have)
            if new >= least:
                chosen.append(pieces[index])
                have |= keys[index]
            elif new:
                rest.append(index)
        order = rest
    return chosen
