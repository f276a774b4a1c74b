"""The time of day for records: it follows the system clock, but never goes back.

Trials are put in the order of their ends, and readers ask for what is newer than they know. A
system clock that is set back, by hand or by a time server, would change that order.
"""

import threading
import time
from datetime import UTC, datetime, timedelta


class SteadyClock:
    """A clock of one process. While the system clock is behind, it continues at an even pace."""

    def __init__(self) -> None:
        """Begin with the time of the system clock."""
        self._lock = threading.Lock()
        self._last, self._ticks = datetime.now(UTC), time.monotonic()

    def now(self) -> datetime:
        """Return the time in UTC: the system clock's, unless that is behind the last one."""
        with self._lock:
            ticks, system = time.monotonic(), datetime.now(UTC)
            if system < self._last:
                system = self._last + timedelta(seconds=ticks - self._ticks)
            self._last, self._ticks = system, ticks
            return system

    def advance(self, moment: datetime) -> None:
        """Continue from a time that an earlier process has recorded, unless it is over."""
        with self._lock:
            self._last = max(self._last, moment)


CLOCK = SteadyClock()
