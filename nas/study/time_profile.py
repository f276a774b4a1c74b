"""Profile: the time of each part of a training; arithmetic only, without a clock.

A profile is stored as plain data: seconds by the names of `PROFILE_PARTS`, and under `images` the
number of training images, summed over the epochs. A key that begins with `PLAIN`, followed by a
reason, counts the epochs that PyTorch computed without the kernels of this package. The laps are
measured; the overhead is the rest of the total time, so that the parts add up to the total.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

LAPS = ("data", "forward", "backward", "optimiser", "evaluation")
PROFILE_PARTS = (*LAPS, "overhead")
PROFILE_REPORT = "profile"  # kind of the stored report
PROFILE_PART_MEANINGS = {
    "data": "reading, decoding, augmenting and moving the images of training",
    "forward": "network and loss",
    "backward": "gradients",
    "optimiser": "the step, and the weight average",
    "evaluation": "batch-norm statistics and the validation split with its images",
    "overhead": "the rest: loading, building, counting, scoring, saving, waiting for the driver",
}

PLAIN = "PyTorch alone: "  # beginning of a key whose value is a number of epochs
Profile = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One part over several trainings: its total seconds and its share of the whole time.

    `median` is the median over the trainings, in seconds; `per_image` is in seconds per training
    image, None without images.
    """

    part: str
    seconds: float
    share: float
    median: float
    per_image: float | None


def add_profiles(one: Profile | None, other: Profile | None) -> Profile | None:
    """Return the sums of two profiles by name; None if nothing was measured."""
    if one is None or other is None:
        return other if one is None else one
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}


def complete_profile(laps: Profile, seconds: float) -> dict[str, float]:
    """Return `laps` with the overhead: the rest of the total time of `seconds`."""
    return {**laps, "overhead": seconds - sum(laps.get(part, 0.0) for part in LAPS)}


def profile_total(profile: Profile) -> float:
    """Return the total time of a completed profile in seconds."""
    return sum(profile.get(part, 0.0) for part in PROFILE_PARTS)


def plain_reasons(profiles: Sequence[Profile]) -> dict[str, int]:
    """Return the reasons why PyTorch alone computed trainings, and their number of trainings."""
    keys = Counter(key for profile in profiles for key in profile if key.startswith(PLAIN))
    return {key.removeprefix(PLAIN): count for key, count in keys.items()}


def profile_table(profiles: Sequence[Profile]) -> list[ProfileRow]:
    """Return one row for each part of one or more completed profiles, and their total."""
    whole = sum(map(profile_total, profiles))
    images = sum(profile.get("images", 0.0) for profile in profiles)

    def row(part: str, values: Sequence[float]) -> ProfileRow:
        seconds = sum(values)
        share = seconds / whole if whole else 0.0
        return ProfileRow(
            part, seconds, share, median(values), seconds / images if images else None
        )

    rows = [row(part, [profile.get(part, 0.0) for profile in profiles]) for part in PROFILE_PARTS]
    return [*rows, row("total", [profile_total(profile) for profile in profiles])]
