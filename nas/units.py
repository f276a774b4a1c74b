"""Parsers and formatters of quantities; all pages and tables share them."""

import re

from nas.errors import NasError

_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?")


def percent(share: float | None) -> str:
    """Return a share as a percentage, e.g. `3.42 %`; empty if it is unknown."""
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
    """Return the size of files as `312 kB`, `4.2 MB` or `1.3 GB`; empty for 0 bytes."""
    if number == 0:
        return ""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if number >= 0.9995 * unit:
            return f"{number / unit:.1f} {name}"
    return f"{max(1, round(number / 1000))} kB"


def capitalised(text: str) -> str:
    """Return `text` with a capital first letter, unless its first word has capitals, as `mAP`."""
    first = text.partition(" ")[0]
    return text if any(map(str.isupper, first)) else text[:1].upper() + text[1:]


def plural(number: int, noun: str) -> str:
    """Return `1 epoch`, `2 epochs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def parse_duration(text: str) -> float:
    """Return the seconds of a time span such as `20m`, `1h30m` or `45s`.

    Raises:
        NasError: the text is not a time span, or is zero.
    """
    found = _SPAN.fullmatch(text.strip().lower().replace(" ", ""))
    parts = [float(part or 0) for part in found.groups()] if found else []
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if seconds <= 0:
        raise NasError(f"{text!r} is not a time span.", "Write it as 20m or 1h30m.")
    return seconds


PREFIXES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "μs": 10**3, "ns": 1}


def si(value: float, digits: int = 4) -> str:
    """Return a count rounded to `digits` digits, with its prefix: 312970176 becomes `313M`."""
    rounded = float(f"{value:.{digits}g}")  # first, so that 999999 becomes 1M and not 1000K
    for prefix in ("G", "M", "K"):
        if abs(rounded) >= PREFIXES[prefix]:
            return f"{rounded / PREFIXES[prefix]:.15g}{prefix}"
    return f"{rounded:.15g}"


def time(nanoseconds: float, digits: int = 4) -> str:
    """Return a time rounded to `digits` digits, with its unit: 4812345 becomes `4.812 ms`."""
    rounded = float(f"{nanoseconds:.{digits}g}")
    for unit in ("s", "ms", "us"):
        if abs(rounded) >= NANOSECONDS[unit]:
            return f"{rounded / NANOSECONDS[unit]:.15g} {unit}"
    return f"{rounded:.15g} ns"
