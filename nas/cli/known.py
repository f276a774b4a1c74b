"""The network that `--space` and `--arch` name, with the input and the classes it is counted at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.architecture import Architecture
    from nas.layers import Layer, Shape
    from nas.space import SearchSpace
    from nas.strides import Adaptation, Strides


@dataclass(frozen=True)
class NamedNetwork:
    """One architecture, and the space that has its stem and head; `name` fits a file.

    `strides` are those that the user states, empty where the rule decides (`nas.strides`).
    """

    name: str
    space: "SearchSpace"
    architecture: "Architecture"
    input: "Shape"
    classes: int
    strides: "Strides" = ()

    @property
    def adaptation(self) -> "Adaptation":
        """The strides in force."""
        from nas.strides import adapt

        return adapt(self.space, self.input, self.strides)

    def layers(self) -> "list[Layer]":
        """Return the layers of the network."""
        from nas.lowering import lower

        return lower(self.space, self.architecture, self.input, self.classes, self.strides)


def named_network(
    space_name: str,
    arch: str,
    input_: str | None = None,
    classes: int | None = None,
    strides: str | None = None,
) -> NamedNetwork:
    """Return the network that `arch` names: a published one, a variant, or the choices in full.

    `input_`, `classes` and `strides` replace those of the entry, or of the space.

    Raises:
        NasError: there is no such space or network, or the input size or the strides cannot be
            read.
    """
    from nas.space_file import load_space, parse_input
    from nas.strides import given_strides

    space = load_space(space_name)
    known = space.known(arch)
    architecture = known.architecture if known else space.parse(arch)
    shape = known.input if known else space.deployment
    return NamedNetwork(
        name=known.name if known else f"{space.name}-{architecture.arch_id}",
        space=known.space if known else space,
        architecture=architecture,
        input=parse_input(input_) if input_ else shape,
        classes=classes or (known.classes if known else space.classes),
        strides=given_strides([space], strides),
    )
