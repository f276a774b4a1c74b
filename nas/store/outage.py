"""Outage: a time in which the database does not answer, and the waits between repeats."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from nas.interruption import interrupted

REPORTED_SECONDS = 3.0  # a shorter outage is not reported
_SLICE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class DatabaseAway:
    """The database `shown` does not answer because of `cause`; repeats end after `patience` s."""

    shown: str
    cause: str
    patience: float


@dataclass(frozen=True, slots=True)
class DatabaseBack:
    """The database `shown` answers again, after `seconds`."""

    shown: str
    seconds: float


OutageWatcher: TypeAlias = Callable[[DatabaseAway | DatabaseBack], None]


def ignore_outage(event: DatabaseAway | DatabaseBack) -> None:
    """Ignore the event."""


class Outage:
    """One outage, from the first failure on; a signal to this process ends the waiting."""

    def __init__(self, shown: str, patience: float, watch: OutageWatcher) -> None:
        """Wait for the database `shown` for at most `patience` seconds."""
        self._shown, self._patience, self._watch = shown, patience, watch
        self._began = time.monotonic()
        self._pause = 0.1
        self._reported = False

    def wait(self, cause: str) -> bool:
        """Wait before the next repeat; return False at once if the patience has run out."""
        waited = time.monotonic() - self._began
        if waited + self._pause > self._patience or interrupted():
            return False
        if waited + self._pause > REPORTED_SECONDS and not self._reported:
            self._reported = True
            self._watch(DatabaseAway(self._shown, cause, self._patience))
        # Without the random factor, all clients would retry at the same time.
        until = time.monotonic() + self._pause * random.uniform(0.5, 1.0)
        while time.monotonic() < until and not interrupted():
            time.sleep(min(_SLICE_SECONDS, max(0.0, until - time.monotonic())))
        self._pause = min(2 * self._pause, 5.0)
        return True

    def over(self) -> None:
        """Report the end of the outage, if it was reported."""
        if self._reported:
            self._watch(DatabaseBack(self._shown, time.monotonic() - self._began))
