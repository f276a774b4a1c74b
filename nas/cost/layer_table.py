"""The layers of a network with their costs and their order, as records and as texts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from nas.cost.model import layer_cost
from nas.space import (
    Activation,
    Add,
    BatchNorm,
    Concat,
    Conv,
    GlobalPool,
    Input,
    Layer,
    Linear,
    Pad,
    Pool,
    Shuffle,
)

LAYER_COSTS = ("params", "madds", "acts")
LAYER_COLUMNS = {
    "layer": "layer", "kind": "kind", "output": "output",
    "params": "params", "madds": "madds", "madds_share": "%", "acts": "acts",
}  # fmt: skip


def layer_records(layers: Iterable[Layer]) -> list[dict[str, Any]]:
    """Return one record per layer: name, kind with its groups, output shape, and costs."""
    return [
        {
            "layer": layer.name,
            "kind": _kind(layer),
            "output": str(layer.shape),
            **{name: getattr(layer_cost(layer), name) for name in LAYER_COSTS},
        }
        for layer in layers
    ]


def layer_texts(records: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the records of all layers of a network as texts, with the keys of LAYER_COLUMNS.

    `madds_share` is the share of the multiply-adds of the network in percent.
    """
    total = sum(record["madds"] for record in records) or 1
    return [
        {
            **record,
            **{name: f"{record[name]:,}" for name in LAYER_COSTS},
            "madds_share": f"{100 * record['madds'] / total:.1f}" if record["madds"] else "",
        }
        for record in records
    ]


def _kind(layer: Layer) -> str:
    match layer:
        case Conv():
            return _convolution(layer)
        case Activation():
            return layer.function
        case Shuffle():
            return f"shuffle g{layer.groups}"
        case BatchNorm():
            return "batch norm"
        case GlobalPool():
            return "global pool"
        case Input() | Add() | Concat() | Pool() | Pad():
            return type(layer).__name__.lower()
        case Linear():
            return "linear"
        case _:
            assert_never(layer)


def _convolution(layer: Conv) -> str:
    depthwise = layer.groups == layer.in_channels > 1
    parts = [f"conv {layer.kernel}x{layer.kernel}", "depthwise" if depthwise else ""]
    parts += [f"g{layer.groups}" if layer.groups > 1 and not depthwise else ""]
    parts += [f"/{layer.stride}" if layer.stride > 1 else ""]
    return " ".join(part for part in parts if part)


class Operation(StrEnum):
    """An operation that mixes or reorders channels; a depthwise one mixes pixels of a channel."""

    CONV = "conv"
    DEPTHWISE = "depthwise"
    SHUFFLE = "shuffle"


@dataclass
class Wiring:
    """The operations of the last block of a part, each with its groups, and the number of blocks.

    For a part without blocks, `blocks` is 0, and `operations` are those of all its layers.
    """

    operations: list[tuple[Operation, int]]
    blocks: int = 0

    @property
    def grouped(self) -> bool:
        """Whether a convolution has groups, or channels are shuffled."""
        return any(
            groups > 1 and each is not Operation.DEPTHWISE for each, groups in self.operations
        )

    def groups(self, operation: Operation) -> list[int]:
        """Return the different numbers of groups of an operation, in the order of the data."""
        return list(dict.fromkeys(groups for each, groups in self.operations if each is operation))


def part_wirings(layers: Iterable[Layer]) -> dict[str, Wiring]:
    """Return the wiring of each part of a network; parts are those of `part_costs`."""
    found: dict[str, Wiring] = {}
    blocks: dict[str, str] = {}
    for layer in layers:
        part, _, rest = layer.name.partition(".")
        own = found.setdefault(part, Wiring([]))
        block = rest.partition(".")[0]
        if block.isdigit() and blocks.get(part) != block:
            blocks[part] = block
            own.operations, own.blocks = [], own.blocks + 1
        if isinstance(layer, Conv | Shuffle):
            own.operations.append((_operation(layer), layer.groups))
    return found


def _operation(layer: Conv | Shuffle) -> Operation:
    if isinstance(layer, Shuffle):
        return Operation.SHUFFLE
    return Operation.DEPTHWISE if layer.groups == layer.in_channels > 1 else Operation.CONV
