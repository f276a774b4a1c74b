"""What a figure of the progress shows, against what; imports no drawing library."""

from dataclasses import dataclass
from enum import StrEnum


class ProgressOf(StrEnum):
    """What a figure of the progress shows."""

    HYPERVOLUME = "hypervolume"
    BEST = "best"


class ProgressBy(StrEnum):
    """What the progress is shown against."""

    TRAININGS = "trainings"
    WALL_TIME = "time"
    DEVICE_TIME = "device-time"


@dataclass(frozen=True)
class ProgressOptions:
    """What is shown, against what."""

    of: ProgressOf = ProgressOf.HYPERVOLUME
    by: ProgressBy = ProgressBy.TRAININGS
