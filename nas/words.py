"""Words: shares and time spans as a page shows them."""


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
