"""The options of the figures of the front and of the progress; no drawing library is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from nas.results import Box, StudyView
from nas.space import Architecture, Value, format_value

FAMILY = "family"
MIXED = "mixed"
_LOOKED_AT = 1000


@dataclass(frozen=True)
class FrontOptions:
    """Options of the figure of the front.

    `log_x` and `log_y` select logarithmic axes; None selects by the range of the values. `colour`
    is a choice of the space, or `family`; None colours by standing. `limit` is a ceiling on the x
    axis that the reader moves, in exact units; `chosen` are the numbers of marked trials. `window`
    has the ends of the visible part of the plot, left, right, low and high, as the ranges of
    plotly's axes; None is the whole plot. `box` has the lowest and highest x, and y, of the trials
    that the reader selected with a box, in exact units.
    """

    log_x: bool = False
    log_y: bool | None = None
    colour: str | None = None
    limit: float | None = None
    chosen: tuple[int, ...] = ()
    window: tuple[float, float, float, float] | None = None
    box: Box | None = None


def colour_names(view: StudyView) -> tuple[str, ...]:
    """Return the names by which points can be coloured: choices with several values, and family.

    A choice that has one value in the first 1000 rows of the table is left out.
    """
    values: dict[str, set[Value | None]] = {}
    for row in range(min(len(view.points), _LOOKED_AT)):
        architecture = view.points.architecture(row)
        for key in architecture.keys:
            values.setdefault(key, set()).update(architecture.column(key))
    varied = [key for key, found in values.items() if len(found - {None}) > 1]
    return (*([FAMILY] if len(view.families) > 1 else []), *varied)


def choice_in(architecture: Architecture, key: str) -> float | str | None:
    """Return a choice of a network as one value; None if the network has no such choice.

    A number is the mean over the blocks, for the depth the sum over the stages; a word is that of
    all blocks, or `mixed`.
    """
    if key == FAMILY:
        return architecture.space
    if key not in architecture.keys:
        return None
    values = [value for value in _of_blocks(architecture, key) if value is not None]
    numbers = [float(value) for value in values if _is_number(value)]
    if numbers and len(numbers) == len(values):
        return sum(numbers) / (1 if key == "depth" else len(numbers))
    words = {format_value(value) for value in values}
    return None if not words else words.pop() if len(words) == 1 else MIXED


def _of_blocks(architecture: Architecture, key: str) -> Sequence[Value | None]:
    """Return the value of each block, or of each stage if the choice belongs to the stage."""
    column = architecture.column(key)
    if key in ("depth", "width") or "depth" not in architecture.keys:
        return column
    depths = architecture.column("depth")
    return [
        value
        for value, depth in zip(column, depths, strict=True)
        for _ in range(depth if isinstance(depth, int) else 1)
    ]


def _is_number(value: Value | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class ProgressOf(StrEnum):
    """The quantity on the vertical axis."""

    HYPERVOLUME = "hypervolume"
    BEST = "best"


class ProgressBy(StrEnum):
    """The quantity on the horizontal axis."""

    TRAININGS = "trainings"
    WALL_TIME = "time"
    DEVICE_TIME = "device-time"


@dataclass(frozen=True)
class ProgressOptions:
    """The quantities on both axes."""

    of: ProgressOf = ProgressOf.HYPERVOLUME
    by: ProgressBy = ProgressBy.TRAININGS
