"""The interface of a runtime that measures latency."""

import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nas.cost import Device
from nas.space import Input, Layer

Run = Callable[[], None]


Profile = Mapping[str, float]


class Runtime(Protocol):
    """Runs networks on one device."""

    @property
    def device(self) -> Device:
        """The device of the runtime."""
        ...

    def load(self, layers: Sequence[Layer]) -> Run:
        """Return a function that computes the network of `layers` once, at batch 1."""
        ...

    def profile(self, layers: Sequence[Layer], runs: int) -> list[Profile]:
        """Return the nanoseconds of each layer by name, for each of `runs` runs.

        `layers` may be several separate networks; the names of each have a common prefix, up to
        the first dot. Time between two layers counts for one of them, time at the ends of a network
        for none. Layers that are fused into another have no entry.
        """
        ...


def networks(layers: Sequence[Layer]) -> list[list[Layer]]:
    """Return the separate networks in `layers`, by the prefix of their names."""
    parts: dict[str, list[Layer]] = {}
    if sum(isinstance(layer, Input) for layer in layers) == 1:
        return [list(layers)]
    for layer in layers:
        parts.setdefault(layer.name.partition(".")[0], []).append(layer)
    return list(parts.values())


def cpu_name() -> str:
    """Return the name of the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return next(iter(names), "") or platform.processor() or platform.machine()
