"""The base class of requests: checks numbers, and refuses settings without effect."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import ClassVar, get_args, get_origin

from nas.errors import NasError, NoEffectError


class Request:
    """The base of the requests, frozen dataclasses; `least` maps numbers to their minimum.

    A setting has no effect if the request would do the same without it; each request lists such
    settings in `no_effects`. A new request refuses such a setting if it differs from its default.
    A command also refuses it if the user typed its default.
    """

    _least: ClassVar[Mapping[str, float]]

    def __init_subclass__(cls, least: Mapping[str, float] | None = None) -> None:
        """Store the minimum values."""
        cls._least = least or {}

    def __post_init__(self) -> None:
        """Convert texts to paths and lists to tuples, and check the numbers and the settings."""
        for field in fields(self):  # type: ignore[arg-type]
            value = _converted(getattr(self, field.name), field.type)
            object.__setattr__(self, field.name, value)
        for name, least in self._least.items():
            _check_number(name, getattr(self, name), least)
        self.refuse_no_effects(self._is_set)

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect, whether it was given or not."""
        yield from ()

    def refuse_no_effects(self, given: Callable[[str], bool]) -> None:
        """Refuse a setting that has no effect, if it was `given`.

        Raises:
            NoEffectError: there is such a setting. A setting of a nested request is written with
                a dot, such as latency.table.
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
    """Return the default of a setting; None if it is required."""
    for field in fields(request):  # type: ignore[arg-type]
        if field.name == name:
            if field.default_factory is not MISSING:
                return field.default_factory()
            return None if field.default is MISSING else field.default
    raise AttributeError(f"{request.__name__} has no field {name}")


def _converted(value: object, type_: object) -> object:
    """Return a text as a path, and texts or numbers as a tuple, if the type requires it."""
    if isinstance(value, str) and Path in (type_, *get_args(type_)):
        return Path(value)
    if get_origin(type_) in (Sequence, tuple) and isinstance(value, Sequence):
        return (value,) if isinstance(value, str) else tuple(value)
    return value


def _check_number(name: str, value: object, least: float) -> None:
    """Refuse a number below its minimum; None is allowed.

    Raises:
        NasError: it is too small, or not a number.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NasError(f"{name} = {value!r} is not a number.", f"Give {least:g} or more.")
    if value < least:
        raise NasError(f"{name} = {value:g} is too small.", f"Give {least:g} or more.")
