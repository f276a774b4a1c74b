"""Registries of named parts, which other packages can add to by Python entry points.

A group of entry points lists the parts of one port, such as the block kinds (`nas.blocks`). The
parts of this package are read from `nas/entry_points.txt`, not from the metadata of the
installation, so that an editable installation finds parts that were added after it. The parts of
other packages are found by `importlib.metadata`. A part is loaded only on request.
"""

import configparser
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeGuard, TypeVar

from nas.errors import NasError
from nas.suggestion import did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_OWN = "nas"
_OWN_FILE = Path(__file__).with_name("entry_points.txt")
Part = TypeVar("Part")


class Registry(Generic[Part]):
    """The parts of one port by name: the objects that the entry points of `group` refer to.

    `noun` names a part in messages. `is_part` checks whether an object meets the requirements of
    the port. Errors are raised as `error`.
    """

    def __init__(
        self,
        group: str,
        noun: str,
        is_part: Callable[[object], TypeGuard[Part]],
        error: type[NasError] = NasError,
    ) -> None:
        self.group, self.noun = group, noun
        self._is_part, self._error = is_part, error

    def names(self) -> tuple[str, ...]:
        """Return all names, with those of this package first; nothing is loaded."""
        return entry_names(self.group)

    def load(self, name: str) -> Part:
        """Return the part called `name`.

        Raises:
            NasError: there is no such part, two packages offer it, or its package fails.
        """
        entry = self._entry(name)
        try:
            part: object = entry.load()
        except Exception as error:  # the import of another package may raise anything
            raise self._unusable(entry, f"{type(error).__name__}: {error}") from error
        if not self._is_part(part):
            raise self._unusable(entry, f"the object is not a valid {self.noun}")
        called = getattr(part, "name", name)
        if called != name:
            raise self._unusable(entry, f"the object has the name {called!r}")
        return part

    def provider(self, name: str) -> tuple[str, str] | None:
        """Return the name and version of the package that adds `name`; None for parts of nas.

        Raises:
            NasError: there is no such part, or two packages offer it.
        """
        dist = self._entry(name).dist
        return (dist.name, dist.version) if dist else None

    @contextmanager
    def blaming(self, name: str) -> Iterator[None]:
        """Turn an exception within the block into an error that names the package of `name`.

        An OSError, and any exception of a part of nas, passes unchanged.

        Raises:
            NasError: the part of another package failed.
        """
        try:
            yield
        except (NasError, OSError):
            raise
        except Exception as error:
            entry = self._entry(name)
            if entry.dist is None:
                raise
            raise self._unusable(entry, f"{type(error).__name__}: {error}") from error

    def _entry(self, name: str) -> "EntryPoint":
        found = [entry for entry in _entries(self.group) if entry.name == name]
        if not found:
            near = did_you_mean(name, self.names())
            raise self._error(
                f"there is no {self.noun} {name!r}.",
                f"{near}Use {', '.join(self.names())}, or install the package that adds it.",
            )
        if len(found) > 1:
            others = sorted({entry.dist.name for entry in found if entry.dist})
            raise self._error(
                f"several packages offer the {self.noun} {name!r}: "
                f"{' and '.join(_provider(entry) for entry in found)}.",
                f"Keep one of them: pip uninstall {' or '.join(others)}",
            )
        return found[0]

    def _unusable(self, entry: "EntryPoint", cause: str) -> NasError:
        return self._error(
            f"the {self.noun} {entry.name!r} of the package {_provider(entry)} cannot be used: "
            f"{entry.value}: {cause}.",
            f"Repair this package, or remove it: pip uninstall {entry.dist.name}"
            if entry.dist
            else "Install nas again.",
        )


def entry_names(group: str) -> tuple[str, ...]:
    """Return the names of the parts in `group`: those of nas in order, then others sorted."""
    return tuple(dict.fromkeys(entry.name for entry in _entries(group)))


def _provider(entry: "EntryPoint") -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else _OWN


def _entries(group: str) -> tuple["EntryPoint", ...]:
    return _find_entries(group, tuple(sys.path))


@cache
def _find_entries(group: str, _path: tuple[str, ...]) -> tuple["EntryPoint", ...]:
    """Return the entry points of `group`, cached for each module search path."""
    from importlib.metadata import entry_points

    others = [each for each in entry_points(group=group) if each.dist and each.dist.name != _OWN]
    return (*_own_entries(group), *sorted(others, key=lambda each: (each.name, _provider(each))))


def _own_entries(group: str) -> list["EntryPoint"]:
    from importlib.metadata import EntryPoint

    parser = configparser.ConfigParser(delimiters="=", interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    parser.read_string(_OWN_FILE.read_text(encoding="utf-8"))
    entries = parser.items(group) if parser.has_section(group) else []
    return [EntryPoint(name=name, value=value, group=group) for name, value in entries]
