"""Words: shares and time spans as a page shows them, and time spans as a person writes them."""

import re

from nas.errors import NasError

_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?")


def percent(share: float) -> str:
    """Return a share in percent, with the digits that such a measurement carries."""
    return f"{100 * share:.1f} %" if share >= 0.1 else f"{100 * share:.2f} %"


def duration(seconds: float | None) -> str:
    """Return a time span in the two largest units that it needs."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    if minutes:
        return f"{minutes} min {rest:02d} s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"


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
