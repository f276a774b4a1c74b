"""Lower an architecture to its list of layers, for one input size and number of classes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, cast, runtime_checkable

from nas.errors import ArchitectureError
from nas.space.architecture import Architecture, Value
from nas.space.blocks.kind import NetworkKind, NetworkPart, PlannedStage, Skeleton, StageKind
from nas.space.layers import Builder, Layer, Shape
from nas.space.search_space import SearchSpace
from nas.space.strides import Adaptation, Strides, adapt


@runtime_checkable
class Head(Protocol):
    """The layers after the last stage, for a task that needs others than a classifier."""

    @property
    def outputs(self) -> int:
        """The number of outputs of the last layer, its channels."""
        ...

    def lower(self, space: SearchSpace, net: Builder) -> None:
        """Append the layers to `net`, which has the stages of a network of `space`."""
        ...


def lower(
    space: SearchSpace,
    architecture: Architecture,
    input_shape: Shape | None = None,
    classes: int | Head | None = None,
    strides: Strides = (),
) -> list[Layer]:
    """Return the layers of `architecture`; at the space's deployment input by default.

    `classes` is the number of outputs of the classifier, or another head instead of it.
    Layer names are dotted: stem.conv, stage2.0.first, …, head.conv, classifier. Without `strides`,
    the strides follow the rule of `nas.space.strides`.
    """
    adaptation = adapt(space, input_shape or space.deployment, strides)
    net = Builder(adaptation.input)
    if isinstance(space.kind, NetworkKind):
        lower_parts(net, plan_network(space, architecture, adaptation, classes or space.classes))
        return net.layers
    lower_stem(space, net, adaptation)
    for index, stride in enumerate(adaptation.stages):
        choices = architecture.choices(index)
        if not choices["depth"]:
            continue
        for block, choices_stride in enumerate(_block_strides(choices, stride)):
            net.prefix = f"{space.stages[index].name}.{block}."
            lower_block(space, net, choices, choices_stride, first=block == 0)
    lower_head(space, net, classes or space.classes)
    return net.layers


def plan_network(
    space: SearchSpace, architecture: Architecture, adaptation: Adaptation, classes: int | Head
) -> list[NetworkPart]:
    """Return the parts of a network of a kind that plans whole networks.

    Raises:
        ArchitectureError: the head is not a classifier, which such a kind appends itself.
    """
    kind = space.kind
    if not isinstance(classes, int):
        raise ArchitectureError(
            f"the networks of {space.name} have their own head, not that of the task.",
            "Search another space for this task, such as igcv3.",
        )
    assert isinstance(kind, NetworkKind), kind.name
    skeleton = Skeleton(space.stem_width, space.stem_kernel, adaptation.stem, classes)
    stages = [
        PlannedStage(stage.name, architecture.choices(index), stride, stage.stride)
        for index, (stage, stride) in enumerate(zip(space.stages, adaptation.stages, strict=True))
    ]
    return kind.parts(skeleton, stages)


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
    live = {key: value for key, value in choices.items() if value is not None}
    width = live["width"]
    assert isinstance(width, int)
    kind = cast(StageKind, space.kind)  # checking the protocol takes as long as the block
    kind.lower(net, live, width, stride, first)


def lower_head(space: SearchSpace, net: Builder, classes: int | Head) -> None:
    """Append the head: 1x1 convolution, batch norm, activation, global pooling, classifier.

    The first three only if the space has a head width. Another head appends its own layers.
    """
    net.prefix = "head."
    if not isinstance(classes, int):
        classes.lower(space, net)
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
