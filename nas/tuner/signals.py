"""Ctrl-C: the first one requests a clean end, the second one ends immediately.

A command then ends its process. In a script or notebook, KeyboardInterrupt is raised.
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
    """Whether SIGINT or SIGTERM was received; call it to check."""

    def __init__(self, owns_process: bool = True) -> None:
        """Start without a signal; a second one ends the process if `owns_process`."""
        self._came = False
        self._owns_process = owns_process

    def __call__(self) -> bool:
        """Tell whether a signal was received."""
        return self._came

    def arm(self) -> None:
        """Install the handlers, again after Ray replaced them; main thread only."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._came and not self._owns_process:
            raise KeyboardInterrupt
        if self._came:
            # Nothing is lost: RUNNING trials in the store wait again when the study is resumed.
            for child in descendants(os.getpid()):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(child, signal.SIGKILL)
            os._exit(EXIT_INTERRUPTED)
        self._came = True


def descendants(pid: int) -> list[int]:
    """Return the descendants of `pid`, on Linux; Ray's agents would outlive it by minutes."""
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listing.read_text().split()):
                found += [child, *descendants(child)]
    return found


@contextmanager
def interruptible(owns_process: bool = True) -> Iterator[Interruption]:
    """Yield an armed `Interruption`; the previous handlers are restored afterwards."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    interruption = Interruption(owns_process)
    interruption.arm()
    try:
        yield interruption
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
