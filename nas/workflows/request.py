"""What all requests share: numbers are checked, and settings without effect are refused."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import ClassVar

from nas.errors import NasError, NoEffectError


class Request:
    """The base of the requests, which are frozen dataclasses; `least` has the least of each number.

    A setting has no effect in a request that would
    do the same without it; each request lists its own in `no_effects`. One that differs from its
    default is refused when the request is made. A command also refuses those that were typed.
    """

    _least: ClassVar[Mapping[str, float]]

    def __init_subclass__(cls, least: Mapping[str, float] | None = None) -> None:
        """Take the least values."""
        cls._least = least or {}

    def __post_init__(self) -> None:
        """Check the numbers and the settings."""
        for name, least in self._least.items():
            _check_number(name, getattr(self, name), least)
        self.refuse_no_effects(self._is_set)

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect, whether it was given or not."""
        yield from ()

    def refuse_no_effects(self, given: Callable[[str], bool]) -> None:
        """Refuse a setting that has no effect, if it was `given`.

        Raises:
            NoEffectError: there is one. The setting of a request within this one is written with a
                dot, such as latency.table.
        """
        for error in self.no_effects():
            if given(error.setting):
                raise error

    def _is_set(self, setting: str) -> bool:
        """Tell whether a setting differs from its default."""
        name, _, inner = setting.partition(".")
        value = getattr(self, name)
        if inner:
            return isinstance(value, Request) and value._is_set(inner)
        return bool(value != default_of(type(self), name))


def default_of(request: type[Request], name: str) -> object:
    """Return the default of a setting; None where it has to be given."""
    for field in fields(request):  # type: ignore[arg-type]
        if field.name == name:
            if field.default_factory is not MISSING:
                return field.default_factory()
            return None if field.default is MISSING else field.default
    raise AttributeError(f"{request.__name__} has no field {name}")


def _check_number(name: str, value: object, least: float) -> None:
    """Refuse a number below its least value; None passes.

    Raises:
        NasError: it is too small, or is no number at all.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NasError(f"{name} = {value!r} is no number.", f"Give {least:g} or more.")
    if value < least:
        raise NasError(f"{name} = {value:g} is too small.", f"Give {least:g} or more.")
