"""Which pieces of networks have to be timed, so that every unit of a space has been.

A piece is a stage of up to two blocks, so that a unit is timed between its neighbours. A space has
tens of thousands of them, but the same units again and again: a few pieces that show many new ones
each cover all. Kinds that plan whole networks have whole networks for pieces.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nas.cost import CostModel, Unit, latency_units
from nas.feasible import OptionTable, StageOptions, members
from nas.space import Builder, Layer, NetworkKind, Value, lower_block, lower_head, lower_stem

Piece = list[Layer]


def covering_pieces(costs: CostModel, rng: np.random.Generator) -> list[Piece]:
    """Return pieces that have every unit of the space among them, in a random order.

    `costs` has the space and its input, and no table. Choices that are not timed are drawn.
    """
    if isinstance(costs.space.kind, NetworkKind):
        chosen = _whole_networks(costs, rng)
    else:
        table = OptionTable(_with_latency(costs))
        chosen = [*_ends(costs, table), *_covering(list(_stages(costs, table, rng)), rng)]
    return [chosen[index] for index in rng.permutation(len(chosen))]


def beside(pieces: Sequence[Piece]) -> tuple[list[Layer], list[Unit]]:
    """Return the layers of all pieces beside each other, and their units.

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
    """Stands in for a table while there is none: notes the units that it is asked for."""

    fixed = 0

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def latency(self, layers: Sequence[Layer]) -> int:
        """Note the units of `layers`."""
        self.keys |= {unit.key for unit in latency_units(layers)}
        return 0


def _with_latency(costs: CostModel) -> CostModel:
    """Return a model of the same space that tells apart what takes different times."""
    return replace(costs, table=_Collector())


def _whole_networks(costs: CostModel, rng: np.random.Generator) -> list[Piece]:
    """Return members that have every unit of the space among them."""
    collector = _Collector()
    model = replace(costs, table=collector)
    everyone = members(costs.space)
    chosen = []
    for index in rng.permutation(len(everyone)):
        known = len(collector.keys)
        model.cost(everyone[int(index)])
        if len(collector.keys) > known:
            chosen.append(costs.layers(everyone[int(index)]))
    return chosen


def _ends(costs: CostModel, table: OptionTable) -> Iterator[Piece]:
    """Yield the stem, and the head after every width."""
    net = Builder(costs.adaptation.input)
    lower_stem(costs.space, net, costs.adaptation)
    yield net.layers
    last = len(table.stages)
    for width in table.widths(last):
        net = Builder(table.shape(last, width))
        lower_head(costs.space, net, costs.classes or 0)
        yield net.layers


def _stages(costs: CostModel, table: OptionTable, rng: np.random.Generator) -> Iterator[Piece]:
    """Yield every stage of one or two blocks that differs from the others."""
    for index, stage in enumerate(table.stages):
        for width, options in stage.items():
            for choices in _shapes(options, rng):
                net = Builder(table.shape(index, width))
                for block in range(min(2, int(choices["depth"]))):
                    net.prefix = f"{block}."
                    stride = 1 if block else costs.adaptation.stages[index]
                    lower_block(costs.space, net, choices, stride, first=block == 0)
                yield net.layers


def _shapes(options: StageOptions, rng: np.random.Generator) -> Iterator[Mapping[str, Value]]:
    """Yield the choices of each kind of block, where it can be at a depth of two or more."""
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
    """Return some of `pieces` that have all units of all; first those with many new ones."""
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
