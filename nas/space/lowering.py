"""Lower an architecture to its list of layers, for one input size and number of classes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from nas.space.architecture import Architecture, Value
from nas.space.blocks.kind import NetworkKind, NetworkPart, PlannedStage, Skeleton, StageKind
from nas.space.head import Head, TappingHead, tap_of, tapped_stage
from nas.space.layers import Builder, Layer, Shape
from nas.space.search_space import SearchSpace
from nas.space.strides import Adaptation, Strides, adapt


def lower(
    space: SearchSpace,
    architecture: Architecture,
    input_shape: Shape | None = None,
    classes: int | None = None,
    strides: Strides = (),
    head: Head | None = None,
) -> list[Layer]:
    """Return the layers of `architecture`; at the space's deployment input by default.

    `classes` is the number of outputs; without a `head` the network ends in a classifier.
    Layer names are dotted: stem.conv, stage2.0.first, …, head.conv, classifier. Without `strides`,
    the strides follow the rule of `nas.space.strides`.
    """
    adaptation = adapt(space, input_shape or space.deployment, strides)
    net = Builder(adaptation.input)
    if isinstance(space.kind, NetworkKind):
        parts = plan_network(space, architecture, adaptation, classes or space.classes, head)
        lower_parts(net, parts)
        return net.layers
    lower_stem(space, net, adaptation)
    tapped, tap = tapped_stage(adaptation, head), ""
    for index, stride in enumerate(adaptation.stages):
        choices = architecture.choices(index)
        if not choices["depth"]:
            continue
        for block, choices_stride in enumerate(_block_strides(choices, stride)):
            net.prefix = f"{space.stages[index].name}.{block}."
            before = len(net.layers) - 1
            lower_block(space, net, choices, choices_stride, first=block == 0)
            if (index, block) == (tapped, 0):
                tap = tap_of(net.layers[before:]).name
    last, outputs = net.last, classes or space.classes
    if tap:
        net.branch(tap)
        lower_tap(net, outputs, head)
        net.branch(last)
    lower_head(space, net, outputs, head)
    return net.layers


def lower_tap(net: Builder, outputs: int, head: Head | None) -> None:
    """Append the layers of a head that read the tapped map, the last layer of `net`."""
    assert isinstance(head, TappingHead), head
    net.prefix = ""
    head.lower_tap(net, outputs)


def plan_network(
    space: SearchSpace,
    architecture: Architecture,
    adaptation: Adaptation,
    classes: int,
    head: Head | None = None,
) -> list[NetworkPart]:
    """Return the parts of a network of a `NetworkKind`.

    A `head` replaces the last part, which is the classifier. It taps the map that the first part of
    the last stage with a stride reads.
    """
    kind = cast(NetworkKind, space.kind)  # isinstance would take a quarter of the time
    skeleton = Skeleton(space.stem_width, space.stem_kernel, adaptation.stem, classes)
    stages = [
        PlannedStage(stage.name, architecture.choices(index), stride, stage.stride)
        for index, (stage, stride) in enumerate(zip(space.stages, adaptation.stages, strict=True))
    ]
    parts = kind.parts(skeleton, stages)
    if head is None:
        return parts
    *parts, _ = parts
    last, tapped = len(parts), tapped_stage(adaptation, head)
    if tapped is not None:
        prefix = f"{space.stages[tapped].name}."
        first = next(part for part in parts if part.prefix.startswith(prefix))
        parts.append(NetworkPart("", first.reads[:1], _TapLayers(head, classes)))
    return [*parts, NetworkPart("head.", (last,), _HeadLayers(head, classes, space))]


@dataclass(frozen=True)
class _TapLayers:
    """The layers of a head that read a tap."""

    head: Head
    outputs: int

    def lower(self, net: Builder, sources: Sequence[str]) -> None:
        """Append the layers."""
        net.branch(sources[0])
        lower_tap(net, self.outputs, self.head)


@dataclass(frozen=True)
class _HeadLayers:
    """The layers of a head that read the last map."""

    head: Head
    outputs: int
    space: SearchSpace = field(compare=False)

    def lower(self, net: Builder, sources: Sequence[str]) -> None:
        """Append the layers."""
        net.branch(sources[0])
        lower_head(self.space, net, self.outputs, self.head)


def lower_parts(net: Builder, parts: Sequence[NetworkPart]) -> None:
    """Append the layers of all `parts`; the first part reads the image."""
    outputs = [net.last]
    for part in parts:
        net.prefix = part.prefix
        part.layers.lower(net, [outputs[position] for position in part.reads])
        outputs.append(net.last)


def lower_stem(space: SearchSpace, net: Builder, adaptation: Adaptation) -> None:
    """Append the stem: convolution, batch norm, activation, and max pooling if there is one."""
    net.prefix = "stem."
    net.conv("conv", space.stem_width, kernel=space.stem_kernel, stride=adaptation.stem)
    net.batch_norm("bn")
    net.activation("relu", space.kind.activation)
    if adaptation.pool == 2:
        net.pool("pool", "max", kernel=3, stride=2)


def lower_block(
    space: SearchSpace,
    net: Builder,
    choices: Mapping[str, Value | None],
    stride: int,
    first: bool,
) -> None:
    """Append one block of a stage."""
    values = {key: value for key, value in choices.items() if value is not None}
    width = values["width"]
    assert isinstance(width, int)
    kind = cast(StageKind, space.kind)  # isinstance would take as long as lowering the block
    kind.lower(net, values, width, stride, first)


def lower_head(space: SearchSpace, net: Builder, classes: int, head: Head | None = None) -> None:
    """Append the head: 1x1 convolution, batch norm, activation, global pooling, classifier.

    The first three are present only if the space has a head width. Another `head` appends its own
    layers.
    """
    net.prefix = "head."
    if head is not None:
        head.lower(space, net, classes)
        return
    if space.head_width:
        net.conv("conv", space.head_width)
        net.batch_norm("bn")
        net.activation("relu", space.kind.activation)
    net.global_pool("pool")
    net.prefix = ""
    net.linear("classifier", classes)


def _block_strides(choices: Mapping[str, Value | None], stride: int) -> Iterator[int]:
    depth = choices["depth"]
    assert isinstance(depth, int)
    for block in range(depth):
        yield stride if block == 0 else 1


@dataclass(frozen=True)
class NamedNetwork:
    """One architecture, and the space with its stem and head; `name` is valid as a file name.

    `strides` are stated by the user; empty to use the rule (`nas.space.strides`).
    """

    name: str
    space: SearchSpace
    architecture: Architecture
    input: Shape
    classes: int
    strides: Strides = ()
    head: Head | None = None

    @property
    def place(self) -> tuple[Shape, int, Strides]:
        """The input, the classes and the stated strides at which it is counted."""
        return self.input, self.classes, self.strides

    @property
    def adaptation(self) -> Adaptation:
        """The strides of the network."""
        return adapt(self.space, self.input, self.strides)

    def layers(self) -> list[Layer]:
        """Return the layers of the network."""
        return lower(
            self.space, self.architecture, self.input, self.classes, self.strides, self.head
        )
