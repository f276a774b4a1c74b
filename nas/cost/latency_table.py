"""Latency as a cost: a table of measured times, looked up and summed like any other cost.

A network's layers fall into *units*: a convolution with the batch normalisation, activation and
shuffle behind it, or another layer with the activation behind it. Runtimes fuse or interleave what
a unit holds, so that its time belongs together. Equal units take equal times, wherever they stand:
the latency of a network is the sum over its units, plus what every network pays once, an exact
integer of nanoseconds. How far that is from the measured time of whole networks is part of the
table (`Accuracy`).
"""

import itertools
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, assert_never

from nas.errors import NasError
from nas.space import (
    Activation,
    Add,
    BatchNorm,
    Concat,
    Conv,
    GlobalPool,
    Input,
    Layer,
    Linear,
    Pad,
    Pool,
    Shuffle,
)

DEVICES = ("cpu", "cuda")
USE_DEVICE = "Use cpu, or cuda for a GPU."  # what to type instead of another device
_SCHEMA = 1


class Latencies(Protocol):
    """What gives the latency of layers: a table, or whoever collects what has to be in one."""

    @property
    def fixed(self) -> int:
        """Nanoseconds that every network takes beside its layers."""
        ...

    def latency(self, layers: Sequence[Layer]) -> int:
        """Return the nanoseconds of `layers`."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """Layers that are timed together: `key` is equal where the work is, `names` are the layers."""

    key: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """What a latency was measured on.

    `kind` is cpu or cuda, `name` the processor, `runtime` onnxruntime or torch with its `version`;
    `threads` are those of the CPU.
    """

    kind: str
    name: str
    runtime: str
    version: str
    threads: int

    def __str__(self) -> str:
        """Return the device in words."""
        threads = f", {self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.name}, {self.runtime} {self.version}{threads if self.kind == 'cpu' else ''}"


@dataclass(frozen=True, slots=True)
class Timing:
    """The median and the quartiles of `runs` timed runs, in nanoseconds."""

    median: int
    low: int
    high: int
    runs: int

    @classmethod
    def of(cls, nanoseconds: Sequence[int]) -> "Timing":
        """Return the summary of one or more runs."""
        ordered = sorted(nanoseconds)
        last = len(ordered) - 1
        return cls(
            int(statistics.median(ordered)),
            ordered[last // 4],
            ordered[last - last // 4],
            len(ordered),
        )


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a table predicts `n` whole networks that it was not fitted to.

    `median`, `p95` and `worst` are relative errors of the prediction, `rank` Spearman's correlation
    with the measured times; `madds_rank` is that of the multiply-adds, for comparison.
    """

    n: int
    median: float
    p95: float
    worst: float
    rank: float
    madds_rank: float

    def __str__(self) -> str:
        """Return the accuracy in words."""
        return (
            f"off by {100 * self.median:.1f} % (median; 95 %: {100 * self.p95:.1f} %, worst: "
            f"{100 * self.worst:.1f} %) and rank correlation {self.rank:.3f} (madds: "
            f"{self.madds_rank:.3f}) on {self.n} other networks"
        )


@dataclass(frozen=True)
class LatencyTable:
    """The times of a space's units on one device, at one input.

    `strides` are those of its networks; empty where an earlier version wrote the table.
    `units` are nanoseconds by key, `fixed` what a network takes beside its units; all of them are
    multiples of `quantum`, so that architectures can be counted exactly by latency too.
    """

    space: str
    input: str
    classes: int
    device: Device
    quantum: int
    fixed: int
    units: Mapping[str, int]
    accuracy: Accuracy
    strides: str = ""

    def latency(self, layers: Sequence[Layer]) -> int:
        """Return the nanoseconds of all units of `layers`, without what is fixed.

        Raises:
            NasError: a unit was not measured.
        """
        try:
            return sum(self.units[unit.key] for unit in latency_units(layers))
        except KeyError as error:
            raise NasError(
                f"the latency table of {self.space} at {self.input} has no {error.args[0]}.",
                "Measure another one for this space and input: --latency-table FILE, a new name.",
            ) from error

    def to_json(self) -> str:
        """Return the table as text."""
        return json.dumps({"schema": _SCHEMA, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str, name: str = "the latency table") -> "LatencyTable":
        """Return the table that `to_json` wrote.

        Raises:
            NasError: the text is no such table.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            if fields.pop("schema") != _SCHEMA:
                raise ValueError("another version of the schema")
            fields["device"] = Device(**fields["device"])
            fields["accuracy"] = Accuracy(**fields["accuracy"])
            fields["units"] = {str(key): int(value) for key, value in fields["units"].items()}
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NasError(
                f"{name} cannot be read as a latency table ({error}).",
                "Give a file that --latency-table wrote, or a new name to measure one.",
            ) from error


def latency_units(layers: Sequence[Layer]) -> list[Unit]:
    """Return the units of `layers`, in their order; inputs belong to none.

    A layer joins a convolution before it that nothing else reads; so parts of a network, which end
    where others begin to read, have the units of the whole.
    """
    readers = Counter(name for layer in layers for name in layer.inputs)
    found: list[list[Layer]] = []
    growing: dict[str, list[Layer]] = {}  # units of a convolution, by the name of their last layer
    for layer in layers:
        if isinstance(layer, Input):
            continue
        unit = growing.pop(layer.inputs[0], None) if _joins(layer, readers) else None
        if unit is None:
            unit = []
            found.append(unit)
        unit.append(layer)
        if isinstance(unit[0], Conv):
            growing[layer.name] = unit
    return [Unit(_key(unit), tuple(part.name for part in unit)) for unit in found]


def _joins(layer: Layer, readers: Mapping[str, int]) -> bool:
    """Tell whether a layer is timed with a convolution right before it."""
    alone = all(readers[name] == 1 for name in layer.inputs)
    return alone and isinstance(layer, BatchNorm | Activation | Shuffle)


def _key(unit: Sequence[Layer]) -> str:
    """Return what decides the time of a unit: its first layer, and the shuffles behind it.

    Activations are fused, or as good as; so are batch normalisations right behind a convolution.
    """
    words = [_work(unit[0])]
    for before, part in itertools.pairwise(unit):
        if isinstance(part, Shuffle):
            words.append(f"shuffle{part.groups}")
        elif isinstance(part, BatchNorm) and not isinstance(before, Conv):
            words.append("norm")
    return " ".join(words)


def _work(layer: Layer) -> str:
    match layer:
        case Conv(kernel=kernel, stride=stride, padding=padding, groups=groups):
            window = f"{kernel}x{kernel}/{stride} pad {padding} groups {groups}"
            return f"conv {window} {layer.in_channels}>{layer.shape}"
        case Linear():
            return f"linear {layer.in_features}>{layer.shape.channels}"
        case Pool():
            window = f"{layer.kernel}x{layer.kernel}/{layer.stride}"
            return f"{layer.function}pool {window} {layer.shape}"
        case Shuffle():
            return f"shuffle{layer.groups} {layer.shape}"
        case Pad():
            return f"pad {(*layer.before, *layer.after)} {layer.shape}"
        case Input() | BatchNorm() | Activation() | Add() | Concat() | GlobalPool():
            return f"{type(layer).__name__.lower()} {len(layer.inputs)}>{layer.shape}"
        case _:
            assert_never(layer)


def round_to(nanoseconds: float, quantum: int) -> int:
    """Return a time as the nearest multiple of `quantum`, which is never less than 0."""
    return max(0, round(nanoseconds / quantum)) * quantum
