"""Signals that ask this process to end.

The first signal requests a clean end. A second one ends the process of a command at once; in a
script or a notebook it raises KeyboardInterrupt.
"""

import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType

# Schedulers such as Slurm send SIGUSR1 some time before they end a job.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
EXIT_INTERRUPTED = 130
_AGAIN_SECONDS = 0.05  # delay before a signal that came in an import is sent again


class Interruption:
    """Whether a signal was received; call it to check.

    The first signal raises KeyboardInterrupt in the main thread, except within `deferred`. During
    an import it is held back until the import ends: some libraries initialise C++ code, which
    aborts the process on an exception.
    """

    current: "Interruption | None" = None  # of this process

    def __init__(
        self,
        owns_process: bool,
        on_signal: Callable[[], object],
        on_delay: Callable[[], object] = lambda: None,
    ) -> None:
        """Start without a signal.

        `on_signal` is called as soon as a signal is handled, `on_delay` if the first one has to
        wait.
        """
        self._came = False
        self._deferrals = 0
        self._owns_process = owns_process
        self._on_signal, self._on_delay = on_signal, on_delay
        self._held: int | None = None  # the signal that waits for the end of an import
        self._sent_again = False
        self._imports = _imports(inspect.currentframe())  # of a script that is itself imported

    def __call__(self) -> bool:
        """Tell whether a signal was received."""
        return self._came

    def arm(self) -> None:
        """Install the handlers, also after Ray has replaced them; only in the main thread.

        A process that nohup started continues to ignore SIGHUP.
        """
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, self._handle)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Within the block the first signal is only recorded; the block must check for it."""
        self._deferrals += 1
        try:
            yield
        finally:
            self._deferrals -= 1

    def request(self) -> None:
        """Within `deferred`, record a request to end like a first signal; elsewhere do nothing."""
        if self._deferrals:
            self._came = True

    def raise_if_noted(self) -> None:
        """Raise KeyboardInterrupt if a signal was received, except within `deferred`."""
        if self._came and not self._deferrals:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self._sent_again = self._sent_again, False
        if again and self._held is None:
            return  # `raise_if_held` has already handled it
        if _imports(frame) > self._imports:
            self._hold(number, again)
            return
        waited, self._held = self._held is not None, None
        self._on_signal()
        if self._came and self._owns_process:
            # No result is lost: when the study is resumed, RUNNING trials become WAITING.
            leave(EXIT_INTERRUPTED)
        if self._came or not self._deferrals:
            self._came = True
            raise KeyboardInterrupt
        self._came = True
        if not waited:
            self._on_delay()

    def raise_if_held(self) -> None:
        """Handle a signal that was held back during an import."""
        if self._held is not None:
            self._handle(self._held, inspect.currentframe())

    def _hold(self, number: int, again: bool) -> None:
        """Hold a signal back until the import ends; a second one ends the process at once."""
        if self._held is None:
            self._held = number
            self._on_delay()
        elif not again and self._owns_process:
            leave(EXIT_INTERRUPTED)
        timer = threading.Timer(_AGAIN_SECONDS, self._send_again, (number,))
        timer.daemon = True
        timer.start()

    def _send_again(self, number: int) -> None:
        if Interruption.current is self and self._held is not None:
            self._sent_again = True
            os.kill(os.getpid(), number)


@contextmanager
def interruptible(
    owns_process: bool,
    on_signal: Callable[[], object] = lambda: None,
    on_delay: Callable[[], object] = lambda: None,
) -> Iterator[Interruption]:
    """Yield the armed `Interruption` of this process; restore the handlers afterwards.

    A nested call yields the one of the outer call.
    """
    if Interruption.current is not None:
        yield Interruption.current
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    Interruption.current = Interruption(owns_process, on_signal, on_delay)
    Interruption.current.arm()
    try:
        yield Interruption.current
    finally:
        Interruption.current = None
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def postponed() -> Iterator[None]:
    """Within the block a first signal is only recorded; KeyboardInterrupt is raised at its end.

    Use it to start something that must be ended later, such as a thread of another library: the
    code that ends it must be in place before an exception is raised.
    """
    current = Interruption.current
    before = current is None or current()
    with current.deferred() if current is not None else nullcontext():
        yield
    if current is not None and not before:
        current.raise_if_noted()


def _imports(frame: FrameType | None) -> int:
    """Return the number of imports in progress in a stack."""
    found = 0
    while frame is not None:
        found += frame.f_code.co_filename == "<frozen importlib._bootstrap>"
        frame = frame.f_back
    return found


def rearm() -> None:
    """Install the handlers of this process again: `ray.shutdown` removes that of SIGTERM."""
    if Interruption.current is not None:
        Interruption.current.arm()


def raise_if_held() -> None:
    """Handle a signal that was held back during an import; call it before slow work."""
    if Interruption.current is not None:
        Interruption.current.raise_if_held()


def interrupted() -> bool:
    """Return whether this process was asked to end; for code that waits."""
    return Interruption.current is not None and Interruption.current()


def leave(code: int) -> None:
    """End this process and its descendants at once; nothing is cleaned up."""
    for child in descendants(os.getpid()):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
    os._exit(code)


def descendants(pid: int) -> list[int]:
    """Return the descendants of `pid`, on Linux; Ray's agents would outlive `pid` by minutes."""
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listing.read_text().split()):
                found += [child, *descendants(child)]
    return found
