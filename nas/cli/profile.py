"""Profiles as tables: of a study with its trials, and of a training."""

from collections.abc import Sequence

from nas.cli import output
from nas.errors import NasError
from nas.results import StudyResults, profile_record, recorded_profiles
from nas.study import (
    PROFILE_PART_MEANINGS,
    PROFILE_PARTS,
    Profile,
    plain_reasons,
    profile_table,
    profile_total,
)
from nas.units import duration

_COLUMNS = {
    "part": "part",
    "share": "share",
    "seconds": "total",
    "median": "median",
    "per_image": "per image",
    "meaning": "",
}
_NUMBERS = "share seconds median per_image"


def print_profiles(profiles: Sequence[Profile], noun: str) -> None:
    """Print the profile of one or more `noun`s; nothing if none was measured."""
    if not profiles:
        return
    rows = [
        {
            "part": row.part,
            "share": f"{100 * row.share:.1f} %",
            "seconds": _span(row.seconds),
            "median": _span(row.median),
            "per_image": "–" if row.per_image is None else _span(row.per_image),
            "meaning": PROFILE_PART_MEANINGS.get(row.part, ""),
        }
        for row in profile_table(profiles)
    ]
    title = f"time of the parts of {output.plural(len(profiles), noun)} (per training image)"
    output.table(title, _COLUMNS, rows, _NUMBERS, "meaning")
    for reason, count in plain_reasons(profiles).items():
        output.paragraph(f"PyTorch alone computed {output.plural(count, noun)}: {reason}.")


def show_study(found: StudyResults, resume: str, json_: bool) -> None:
    """Print the profile of a study and of its trials; `resume` is the command to continue it.

    Raises:
        NasError: no trial has a profile.
    """
    profiles = recorded_profiles(found.reports)
    if not profiles:
        raise NasError(
            f"no trial of {found.spec.name} was measured with --profile.",
            f"To measure further trials: {resume} --profile",
        )
    if json_:
        output.echo_json(profile_record(found))
        return
    print_profiles(list(profiles.values()), "trial")
    rows = [
        {
            "trial": number,
            **{part: _span(found.get(part, 0.0)) for part in PROFILE_PARTS},
            "total": _span(profile_total(found)),
            "images": f"{found.get('images', 0):,.0f}",
        }
        for number, found in profiles.items()
    ]
    columns = {"trial": "trial", **{part: part for part in PROFILE_PARTS}, "total": "total"}
    columns["images"] = "images"
    output.table("\neach trial", columns, rows, " ".join(columns))


def _span(seconds: float) -> str:
    """Return a time with three digits, in a suitable unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(seconds) >= size:
            return duration(seconds) if seconds >= 100 else _digits(seconds / size, unit)
    return _digits(seconds / 1e-6, "µs")


def _digits(value: float, unit: str) -> str:
    return f"{f'{value:#.3g}'.rstrip('.')} {unit}"
