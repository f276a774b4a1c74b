"""Head: the interface of the layers after the last stage, and the tap of a head that has one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from nas.errors import ArchitectureError
from nas.space.layers import Builder, Conv, Layer, Pool, Shape

if TYPE_CHECKING:  # a space contains networks with heads
    from nas.space.search_space import SearchSpace
    from nas.space.strides import Adaptation


@runtime_checkable
class Head(Protocol):
    """The layers after the last stage, for a task that needs other layers than a classifier.

    Two heads with equal layers are equal and have equal hashes.
    """

    @property
    def outputs(self) -> int:
        """The number of outputs at the deployment, unless the user states one."""
        ...

    @property
    def side(self) -> int | None:
        """Height and width of the deployment input in pixels; None for those of the space."""
        ...

    def lower(self, space: "SearchSpace", net: Builder, outputs: int) -> None:
        """Append the layers to `net`, which has the stages of a network of `space`.

        `outputs` is the number of classes of the task, the outputs that a classifier would have.
        """
        ...


@runtime_checkable
class TappingHead(Head, Protocol):
    """A head that also reads a second map, with twice the resolution of the last one.

    It taps the first block of the last stage that has a stride; see `tap_of`.
    """

    def lower_tap(self, net: Builder, outputs: int) -> None:
        """Append the layers that read the tapped map, the last layer of `net`."""
        ...


def outputs_text(head: Head | None, outputs: int) -> str:
    """Return a number of outputs as text, such as `3 classes`.

    The outputs of a classifier are classes. Those of another head are named by its attribute
    `unit`, by default "output".
    """
    unit: str = "class" if head is None else getattr(head, "unit", "output")
    ending = "" if outputs == 1 else "es" if unit.endswith("s") else "s"
    return f"{outputs} {unit}{ending}"


def usual_input(space: "SearchSpace", head: Head | None) -> Shape:
    """Return the input at the deployment, unless the user states one."""
    side = head.side if head else None
    return space.deployment._replace(height=side, width=side) if side else space.deployment


def tapped_stage(adaptation: "Adaptation", head: Head | None) -> int | None:
    """Return the index of the stage that `head` taps: the last one with a stride.

    None if the head has no tap.

    Raises:
        ArchitectureError: no stage has a stride.
    """
    if not isinstance(head, TappingHead):
        return None
    strided = [index for index, stride in enumerate(adaptation.stages) if stride > 1]
    if not strided:
        raise ArchitectureError(
            f"no stage has a stride at the strides {adaptation.text}, but the head of the task "
            "reads a map before the last one.",
            "State strides with a 2 for a stage, or use larger images.",
        )
    return strided[-1]


def tap_of(block: Sequence[Layer]) -> Layer:
    """Return the map that a head taps in a block with a stride, whose input is `block[0]`.

    It is the last of the maps with the most channels before the stride: that of the expansion, if
    the block has one, otherwise the input of the block.
    """
    found = block[0]
    for layer in block[1:]:
        strided = isinstance(layer, Conv | Pool) and layer.stride > 1
        if strided or layer.shape[1:] != found.shape[1:]:
            break
        if layer.shape.channels >= found.shape.channels:
            found = layer
    return found
