"""Wiring: the convolutions and shuffles of the parts of a network, in the order of the data."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from nas.space import Conv, Layer, Shuffle


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
