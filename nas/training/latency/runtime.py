"""The port of a runtime that measures latency."""

import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nas.cost import Device
from nas.space import Layer

Run = Callable[[], None]


Profile = Mapping[str, float]


class Runtime(Protocol):
    """Runs networks on one device."""

    @property
    def device(self) -> Device:
        """What it runs on."""
        ...

    def load(self, layers: Sequence[Layer]) -> Run:
        """Return what computes the network of `layers` once, at batch 1, to its end."""
        ...

    def profile(self, layers: Sequence[Layer], runs: int) -> list[Profile]:
        """Return the nanoseconds of each layer by name, for each of `runs` runs.

        `layers` may be several separate networks, each with a prefix of its own up to the
        first dot. What a runtime does between two layers belongs to one of them; what it does at
        the ends of a network to none. Layers that a runtime fuses into another have no entry.
        """
        ...


def cpu_name() -> str:
    """Return the processor's own name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return next(iter(names), "") or platform.processor() or platform.machine()
