"""Architecture: one frozen, hashable, printable set of choices, and its identity.

The text form lists every choice once: its values by stage, joined with "-", or a single value if
all stages agree. "_" is the value of a choice in a stage of depth 0:

    depth=1-4-6-8-6-6-1,width=16-24-32-64-96-160-320,expansion=1-6-6-6-6-6-6,g1=2,g2=2,relu=depthwise
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

from nas.errors import ArchitectureError

Value: TypeAlias = int | str | bool
StageValues: TypeAlias = tuple[Value | None, ...]

_WORDS: dict[str, Value] = {"yes": True, "no": False}


@dataclass(frozen=True)
class Architecture:
    """The values chosen for every stage of one space.

    `keys` names the choices in the order of the space; `stages[i][k]` is the value of `keys[k]` in
    stage i. It is None if stage i has depth 0 and `keys[k]` is not the depth.
    """

    space: str
    keys: tuple[str, ...]
    stages: tuple[StageValues, ...]

    @classmethod
    def unread(
        cls, space: str, keys: tuple[str, ...], arch_id: str, read: Callable[[], "Architecture"]
    ) -> "Architecture":
        """Return an architecture whose stages are read by `read` on first access.

        Most architectures of a large study are never accessed.
        """
        self = object.__new__(cls)
        self.__dict__.update(space=space, keys=keys, arch_id=arch_id, _read=read)
        return self

    def __getattr__(self, name: str) -> tuple[StageValues, ...]:
        """Read the stages of an architecture from `unread`."""
        if name != "stages" or "_read" not in self.__dict__:
            raise AttributeError(f"an architecture has no {name}")
        stages: tuple[StageValues, ...] = self.__dict__["_read"]().stages
        self.__dict__["stages"] = stages
        del self.__dict__["_read"]
        return stages

    def __getstate__(self) -> dict[str, object]:
        """Return the state to pickle: the values, without the function that reads them."""
        return {"space": self.space, "keys": self.keys, "stages": self.stages}

    def choices(self, stage: int) -> dict[str, Value | None]:
        """Return the choices of one stage by name."""
        return dict(zip(self.keys, self.stages[stage], strict=True))

    def column(self, key: str) -> tuple[Value | None, ...]:
        """Return one choice over all stages."""
        position = self.keys.index(key)
        return tuple(values[position] for values in self.stages)

    @cached_property
    def text(self) -> str:
        """Return the text form, without the name of the space."""
        columns = zip(*self.stages, strict=True) if self.stages else ((),) * len(self.keys)
        parts = zip(self.keys, columns, strict=True)
        return ",".join([f"{key}={_join(*column)}" for key, column in parts])

    @cached_property
    def arch_id(self) -> str:
        """Return twelve hexadecimal digits that identify the canonical form."""
        return hashlib.sha256(f"{self.space}:{self.text}".encode()).hexdigest()[:12]

    def __str__(self) -> str:
        """Return the text form."""
        return self.text


def parse(text: str, space: str, keys: Sequence[str], num_stages: int) -> Architecture:
    """Read the text form of an architecture with `keys` and `num_stages`.

    Raises:
        ArchitectureError: a part is malformed, unknown, missing or has the wrong number of values.
    """
    columns: dict[str, tuple[Value | None, ...]] = {}
    for part in text.split(","):
        key, separator, values = part.strip().partition("=")
        if not separator or key not in keys:
            raise ArchitectureError(
                f"{part!r} is not a choice of the space {space}.",
                f"Write choice=value, separated by commas. The choices are {', '.join(keys)}.",
            )
        if key in columns:
            raise ArchitectureError(f"{key} is given twice in {text!r}.", "Give each choice once.")
        columns[key] = _split(key, values, num_stages)
    missing = [key for key in keys if key not in columns]
    if missing:
        raise ArchitectureError(
            f"the architecture {text!r} leaves out {', '.join(missing)}.",
            f"Give every choice of the space: {', '.join(keys)}.",
        )
    return from_columns(columns, space, keys, num_stages)


def from_columns(
    columns: Mapping[str, Sequence[Value | None]], space: str, keys: Sequence[str], num_stages: int
) -> Architecture:
    """Build an architecture from one sequence of `num_stages` values for each key."""
    stages = zip(*(columns[key] for key in keys), strict=True) if keys else ((),) * num_stages
    return Architecture(space, tuple(keys), tuple(stages))


@lru_cache(maxsize=4096, typed=True)  # similar networks share most columns; typed: 1 != True
def _join(*column: Value | None) -> str:
    distinct = {value for value in column if value is not None}
    if len(distinct) == 1:
        return format_value(next(iter(distinct)))
    return "-".join(format_value(value) for value in column)


def format_value(value: Value | None) -> str:
    """Return one value in the text form."""
    if value is None:
        return "_"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _split(key: str, text: str, num_stages: int) -> tuple[Value | None, ...]:
    values = [_read(key, part) for part in text.split("-")]
    if len(values) == 1:
        values *= num_stages
    if len(values) != num_stages:
        raise ArchitectureError(
            f"{key}={'-'.join(map(format_value, values))} has {len(values)} values, but the space "
            f"has {num_stages} stages.",
            f"Give one value for all stages, or {num_stages} joined by '-'.",
        )
    return tuple(values)


@lru_cache(maxsize=4096)  # 50,000 trials have two million values, most of them equal
def _read(key: str, part: str) -> Value | None:
    part = part.strip()
    if part == "_":
        return None
    if re.fullmatch(r"[0-9]{1,9}", part):
        return int(part)
    if not re.fullmatch(r"[a-z][a-z0-9_+]*", part):
        raise ArchitectureError(
            f"{key} has a value {part!r}.",
            "Write a number, a lower-case word, or '_' for no value.",
        )
    return _WORDS.get(part, part)


def is_arch_id(text: str) -> bool:
    """Tell whether `text` can be an `arch_id`, or the beginning of one."""
    return re.fullmatch(r"[0-9a-fA-F]{6,12}", text) is not None
