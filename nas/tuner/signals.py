"""Ctrl-C: the first one asks for a clean end, the second one ends at once.

A command owns its process, which ends then. A script or a notebook goes on: KeyboardInterrupt.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_INTERRUPTED = 130


class Interruption:
    """Whether SIGINT or SIGTERM has come; call it to ask."""

    def __init__(self, owns_process: bool = True) -> None:
        """Start with none; a second one ends the process where that is ours."""
        self._came = False
        self._owns_process = owns_process

    def __call__(self) -> bool:
        """Tell whether one has come."""
        return self._came

    def arm(self) -> None:
        """Take the signals over (again: starting Ray takes SIGTERM); main thread only."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._came and not self._owns_process:
            raise KeyboardInterrupt
        if self._came:
            # Nothing is lost: what is RUNNING in the store waits again when the study is resumed.
            for child in descendants(os.getpid()):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(child, signal.SIGKILL)
            os._exit(EXIT_INTERRUPTED)
        self._came = True


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, on Linux; Ray's agents would outlive it by minutes."""
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listing.read_text().split()):
                found += [child, *descendants(child)]
    return found


@contextmanager
def interruptible(owns_process: bool = True) -> Iterator[Interruption]:
    """Yield an armed `Interruption`; the handlers that were there come back afterwards."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    interruption = Interruption(owns_process)
    interruption.arm()
    try:
        yield interruption
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
