"""Stopwatch: the time of each part of a training loop, on its device."""

import time
from typing import TypeAlias

import torch


class _HostStopwatch:
    """Reads the clock of the host; for devices that compute synchronously."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._last = time.perf_counter()

    def start(self) -> None:
        """Start the next part; the time since the last call is not counted."""
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        """Add the time since the last `start` or `lap` to `part`."""
        now = time.perf_counter()
        self._sums[part] = self._sums.get(part, 0.0) + now - self._last
        self._last = now

    def read(self) -> dict[str, float]:
        """Return the seconds by part since the last `read`."""
        sums, self._sums = self._sums, {}
        return sums


class _DeviceStopwatch:
    """Records events in the CUDA stream, and reads them all at once.

    The time between two events includes the time for which the device waits for the host, which is
    part of the cost. Events are reused, so that only the first epoch creates them.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._events: list[torch.cuda.Event] = []
        self._parts: list[str | None] = []

    def start(self) -> None:
        self._mark(None)

    def lap(self, part: str) -> None:
        self._mark(part)

    def read(self) -> dict[str, float]:
        """Return the seconds by part since the last `read`; waits for the device."""
        sums: dict[str, float] = {}
        if self._parts:
            self._events[len(self._parts) - 1].synchronize()
        for number, part in enumerate(self._parts):
            if part is not None and number:
                elapsed = self._events[number - 1].elapsed_time(self._events[number]) / 1000
                sums[part] = sums.get(part, 0.0) + elapsed
        self._parts.clear()
        return sums

    def _mark(self, part: str | None) -> None:
        if len(self._events) == len(self._parts):
            self._events.append(torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]
        self._events[len(self._parts)].record(torch.cuda.current_stream(self._device))
        self._parts.append(part)


Stopwatch: TypeAlias = _HostStopwatch | _DeviceStopwatch


def stopwatch(device: torch.device) -> Stopwatch:
    """Return a stopwatch for code that runs on `device`."""
    return _DeviceStopwatch(device) if device.type == "cuda" else _HostStopwatch()
