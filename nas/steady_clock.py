"""The time of day for records: it follows the system clock, but never goes back.

Trials are ordered by the time of their end, and readers ask for the records after a known time. A
system clock that is set back, by hand or by a time server, would break both.
"""

import threading
import time
from datetime import UTC, datetime, timedelta


class SteadyClock:
    """A clock of one process; while the system clock is behind, the monotonic clock advances it."""

    def __init__(self) -> None:
        """Begin with the time of the system clock."""
        self._lock = threading.Lock()
        self._last, self._ticks = datetime.now(UTC), time.monotonic()

    def now(self) -> datetime:
        """Return the time in UTC: that of the system clock, unless it is behind the last result."""
        with self._lock:
            ticks, system = time.monotonic(), datetime.now(UTC)
            if system < self._last:
                system = self._last + timedelta(seconds=ticks - self._ticks)
            self._last, self._ticks = system, ticks
            return system

    def advance(self, moment: datetime) -> None:
        """Continue from `moment`, which an earlier process recorded, unless it has passed."""
        with self._lock:
            self._last = max(self._last, moment)


CLOCK = SteadyClock()
