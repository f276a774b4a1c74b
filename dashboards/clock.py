"""Times of day in the zone of the reader's browser."""

from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone_of(look: dict[str, Any]) -> tzinfo:
    """Return the zone that a browser named; UTC if it is unknown here."""
    try:
        return ZoneInfo(str(look.get("zone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def now_in(zone: tzinfo) -> str:
    """Return the time of day, to the second."""
    return datetime.now(zone).strftime("%H:%M:%S")


def day_in(moment: datetime, zone: tzinfo) -> str:
    """Return a moment, to the minute."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
