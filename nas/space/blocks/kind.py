"""The interface of block kinds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from nas.space.architecture import Value
from nas.space.layers import ActivationName, Builder


@dataclass(frozen=True)
class ChoiceRule:
    """The rule of a choice: its `meaning` and the values that it `allows`, `expected` as text.

    `changes_cost` says whether it changes the counted costs, `changes_latency` whether it changes
    the latency.
    """

    meaning: str
    allows: Callable[[Value], bool]
    expected: str
    changes_cost: bool = True
    changes_latency: bool = True

    def counts(self, latency: bool) -> bool:
        """Tell whether the choice changes a cost; with `latency`, the latency is a cost, too."""
        return self.changes_cost or (latency and self.changes_latency)


class BlockKind(Protocol):
    """A family of blocks with the same choices.

    `depth` (the number of blocks in a stage) and `width` (output channels) belong to every kind;
    the space defines them. A kind defines its further choices in `rules`.
    """

    @property
    def name(self) -> str:
        """The value of `block` in a space file."""
        ...

    @property
    def activation(self) -> ActivationName:
        """The activation of the family's stem and head."""
        ...

    @property
    def rules(self) -> Mapping[str, ChoiceRule]:
        """The choices of this kind in addition to depth and width, in order."""
        ...

    def canonical(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Return the canonical form of equivalent choices; it must not depend on the depth."""
        ...

    def problem(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> tuple[str, str] | None:
        """Return (choice, cause) if a block of these widths cannot be built, else None."""
        ...


@runtime_checkable
class StageKind(BlockKind, Protocol):
    """A kind whose blocks read only the previous block: a stage is lowered block by block."""

    def lower(
        self, net: Builder, choices: Mapping[str, Value], width: int, stride: int, first: bool
    ) -> None:
        """Append the layers of one block with `width` output channels to `net`.

        The `first` block of a stage has its stride and changes the width; the others do not.
        """
        ...


class PartLayers(Protocol):
    """The layers of one part of a network; hashable, and equal if the layers are equal."""

    def lower(self, net: Builder, sources: Sequence[str]) -> None:
        """Append the layers to `net`; they read the layers in `sources`."""
        ...


class NetworkPart(NamedTuple):
    """A part of a network: the prefix of its layers' names, and the parts that it reads.

    `reads` are positions in the list of parts, from 1; 0 is the image.
    """

    prefix: str
    reads: tuple[int, ...]
    layers: PartLayers


class PlannedStage(NamedTuple):
    """One stage of a network to plan: its choices, and its strides here and at deployment."""

    name: str
    choices: Mapping[str, Value | None]
    stride: int
    full_stride: int


class Skeleton(NamedTuple):
    """The parts of a network outside its stages: the stem at this input, and the classes."""

    stem_width: int
    stem_kernel: int
    stem_stride: int
    classes: int


@runtime_checkable
class NetworkKind(BlockKind, Protocol):
    """A kind whose blocks read more than the previous block, so that it plans whole networks.

    Costs of its networks are counted part by part, and `nas.feasible` lists its architectures.
    """

    def parts(self, skeleton: Skeleton, stages: Sequence[PlannedStage]) -> list[NetworkPart]:
        """Return all parts of the network from the stem to the classifier, in order."""
        ...


def is_count(value: Value) -> bool:
    """Tell whether `value` is an integer of 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_count_or_zero(value: Value) -> bool:
    """Tell whether `value` is an integer of 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_switch(value: Value) -> bool:
    """Tell whether `value` is true or false."""
    return isinstance(value, bool)


KERNELS = (3, 5, 7)
KERNEL = ChoiceRule(
    "side of the depthwise convolution's kernel",
    lambda value: is_count(value) and int(value) in KERNELS,
    f"one of {', '.join(map(str, KERNELS))}",
)


_MAX_EXPANSION = 64
EXPANSION = ChoiceRule(
    "hidden width / input width; 0: no first convolution",
    lambda value: is_count_or_zero(value) and int(value) <= _MAX_EXPANSION,
    f"an integer from 0 (no first convolution) to {_MAX_EXPANSION}",
)


def integer(choices: Mapping[str, Value], key: str) -> int:
    """Return a choice whose rule allows only integers."""
    value = choices[key]
    assert isinstance(value, int), (key, value)
    return value


_MAX_DEPTH = 64
_MAX_WIDTH = 65_536
COMMON: dict[str, ChoiceRule] = {
    "depth": ChoiceRule(
        "blocks in the stage",
        lambda value: is_count_or_zero(value) and int(value) <= _MAX_DEPTH,
        f"an integer from 0 to {_MAX_DEPTH}",
    ),
    "width": ChoiceRule(
        "output channels",
        lambda value: is_count(value) and int(value) <= _MAX_WIDTH,
        f"an integer from 1 to {_MAX_WIDTH}",
    ),
}
