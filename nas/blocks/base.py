"""What every block kind states about itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from nas.architecture import Value
from nas.layers import ActivationName, Builder


@dataclass(frozen=True)
class ChoiceRule:
    """Which values a choice may take, in words and as a test, and whether it changes the cost."""

    meaning: str
    allows: Callable[[Value], bool]
    expected: str
    changes_cost: bool = True


class BlockKind(Protocol):
    """A family of blocks with the same choices.

    `depth` (how many blocks a stage repeats) and `width` (output channels) belong to every kind;
    the space knows them. A kind names its further choices in `rules`.
    """

    @property
    def name(self) -> str:
        """The word that a space file writes as `block`."""
        ...

    @property
    def activation(self) -> ActivationName:
        """The activation of the family's stem and head."""
        ...

    @property
    def rules(self) -> Mapping[str, ChoiceRule]:
        """The choices of this kind besides depth and width, in their order."""
        ...

    def canonical(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Collapse choices that make no difference; may look at the width, not at the depth."""
        ...

    def problem(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> tuple[str, str] | None:
        """Return (choice, cause) where a block of these widths cannot be built, else None."""
        ...

    def lower(
        self, net: Builder, choices: Mapping[str, Value], width: int, stride: int, first: bool
    ) -> None:
        """Append the layers of one block with `width` output channels to `net`.

        The `first` block of a stage carries its stride and changes the width; the others repeat it.
        """
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


def integer(choices: Mapping[str, Value], key: str) -> int:
    """Return one choice that the space has already checked to be an integer."""
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
