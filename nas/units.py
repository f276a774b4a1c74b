"""Quantities as people write and read them: one formatter of each for every page and table."""

import re

from nas.errors import NasError

_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?")


def percent(share: float | None) -> str:
    """Return a share as a percentage, e.g. `3.42 %`; nothing where it is not known."""
    return "" if share is None else f"{points(share)} %"


def points(share: float) -> str:
    """Return a share, or a difference of shares, in percentage points, e.g. `3.42`."""
    return f"{100 * share:.2f}"


def duration(seconds: float | None) -> str:
    """Return a time span as `1 h 05 min`, `4 min 12 s`, `12 s` or `2.4 s`."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    if minutes:
        return f"{minutes} min {rest:02d} s"
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{rest} s"


def size_in_bytes(number: int) -> str:
    """Return the size of files as `312 kB`, `4.2 MB` or `1.3 GB`; nothing where there are none."""
    if number == 0:
        return ""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if number >= 0.9995 * unit:
            return f"{number / unit:.1f} {name}"
    return f"{max(1, round(number / 1000))} kB"


def parse_duration(text: str, option: str) -> float:
    """Return the seconds of a time span such as `20m`, `1h30m` or `45s`, given for `option`.

    Raises:
        NasError: it is none, or no time at all.
    """
    found = _SPAN.fullmatch(text.strip().lower().replace(" ", ""))
    parts = [float(part or 0) for part in found.groups()] if found else []
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if seconds <= 0:
        raise NasError(f"{option} {text!r} is no time span.", f"Write it as {option} 20m or 1h30m.")
    return seconds
