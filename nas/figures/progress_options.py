"""The axes of a figure of the progress; imports no drawing library."""

from dataclasses import dataclass
from enum import StrEnum


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
