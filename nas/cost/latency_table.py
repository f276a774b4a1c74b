"""Latency as a cost: the sum of measured times from a table.

The layers of a network are divided into *units*: a convolution with the batch normalisation,
activation and shuffle that follow it, or another layer with the activation that follows it.
Runtimes fuse or interleave the layers of a unit, so that only the time of the unit can be measured.
Equal units take equal times anywhere in a network. The latency of a network is the sum over its
units plus a fixed time of every network, in integer nanoseconds. The table also records the error
of these sums for whole networks (`Accuracy`).
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
USE_DEVICE = "Use cpu, or cuda for a GPU."  # the remedy for an unknown device
_SCHEMA = 1


class Latencies(Protocol):
    """Gives the latency of layers: a table, or a collector of the units that a table needs."""

    @property
    def fixed(self) -> int:
        """Nanoseconds that every network takes in addition to its layers."""
        ...

    def latency(self, layers: Sequence[Layer]) -> int:
        """Return the nanoseconds of `layers`."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """Layers that are timed together: units with equal keys take equal times."""

    key: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """The device on which a latency was measured.

    `kind` is cpu or cuda, `name` the processor, `runtime` onnxruntime or torch with its `version`;
    `threads` is the number of CPU threads.
    """

    kind: str
    name: str
    runtime: str
    version: str
    threads: int

    def __str__(self) -> str:
        """Return a description of the device."""
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
    """The errors of a table for `n` whole networks that it was not fitted to.

    `median`, `p95` and `worst` are relative errors of the prediction, `rank` is Spearman's
    correlation with the measured times; `madds_rank` is the same for the multiply-adds, for
    comparison.
    """

    n: int
    median: float
    p95: float
    worst: float
    rank: float
    madds_rank: float

    def __str__(self) -> str:
        """Return the accuracy as text."""
        return (
            f"off by {100 * self.median:.1f} % (median; 95 %: {100 * self.p95:.1f} %, worst: "
            f"{100 * self.worst:.1f} %) and rank correlation {self.rank:.3f} (madds: "
            f"{self.madds_rank:.3f}) on {self.n} other networks"
        )


@dataclass(frozen=True)
class LatencyTable:
    """The times of a space's units on one device, at one input.

    `strides` are the strides of the networks; empty in tables of an earlier version. `units` are
    nanoseconds by key, `fixed` is the time of a network in addition to its units. All are multiples
    of `quantum`, so that architectures can also be counted exactly by latency.
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
        """Return the nanoseconds of all units of `layers`, without the fixed time.

        Raises:
            NasError: a unit was not measured.
        """
        try:
            return sum(self.units[unit.key] for unit in latency_units(layers))
        except KeyError as error:
            raise NasError(
                f"the latency table of {self.space} at {self.input} has no {error.args[0]}.",
                "Measure a new table for this space and input with --latency-table NEWFILE.",
            ) from error

    def to_json(self) -> str:
        """Return the table as text."""
        return json.dumps({"schema": _SCHEMA, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str, name: str = "the latency table") -> "LatencyTable":
        """Return the table of a text from `to_json`.

        Raises:
            NasError: the text is not such a table.
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
    """Return the units of `layers`, in order; inputs belong to no unit.

    A layer joins the unit of the convolution before it if nothing else reads that convolution. So
    parts of a network, which end where other parts begin, have the same units as the whole network.
    """
    readers = Counter(name for layer in layers for name in layer.inputs)
    found: list[list[Layer]] = []
    growing: dict[str, list[Layer]] = {}  # units with a convolution, by the name of the last layer
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
    """Tell whether a layer is timed together with a convolution directly before it."""
    alone = all(readers[name] == 1 for name in layer.inputs)
    return alone and isinstance(layer, BatchNorm | Activation | Shuffle)


def _key(unit: Sequence[Layer]) -> str:
    """Return a text of the layers that determine the time of a unit.

    They are the first layer, shuffles, and batch normalisations that do not directly follow a
    convolution. Runtimes fuse the other layers into the one before them.
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
    """Return the nearest multiple of `quantum`, at least 0."""
    return max(0, round(nanoseconds / quantum)) * quantum
