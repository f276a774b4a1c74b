"""The stages of a space, and the choices that they allow."""

from dataclasses import dataclass

from nas.space.architecture import Value


@dataclass(frozen=True)
class Choice:
    """The values that one stage allows for one key; a single value is fixed."""

    key: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Stage:
    """One stage of a space: its stride and its choices, in the order of the space's keys."""

    name: str
    stride: int
    choices: tuple[Choice, ...]

    def values(self, key: str) -> tuple[Value, ...]:
        """Return the values that this stage allows for `key`."""
        return next(choice.values for choice in self.choices if choice.key == key)
