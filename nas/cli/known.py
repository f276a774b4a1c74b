"""The network that `--space` and `--arch` name, with the input and the classes it is counted at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.architecture import Architecture
    from nas.layers import Shape
    from nas.space import SearchSpace


@dataclass(frozen=True)
class NamedNetwork:
    """One architecture, and the space that has its stem and head; `name` fits a file."""

    name: str
    space: "SearchSpace"
    architecture: "Architecture"
    input: "Shape"
    classes: int


def named_network(
    space_name: str, arch: str, input_: str | None = None, classes: int | None = None
) -> NamedNetwork:
    """Return the network that `arch` names: a published one, a variant, or the choices in full.

    `input_` and `classes` replace those of the entry, or of the space.

    Raises:
        NasError: there is no such space or network, or the input size cannot be read.
    """
    from nas.space_file import load_space, parse_input

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
    )
