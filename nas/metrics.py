"""Metrics: the named quantities of a network, each with its label, unit, direction and format.

A metric is counted from the layers, measured in training, or measured on a device. Code that
selects networks or shows values takes names, units and directions from here. Internally everything
is minimised: `Metric.loss` negates a value if higher is better, so that dominance, ranks and
hypervolume need only one direction.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import TypeGuard

from nas.registry import Registry
from nas.units import si, time


class Direction(StrEnum):
    """Whether lower or higher is better."""

    MINIMISE = "minimise"
    MAXIMISE = "maximise"


class Source(StrEnum):
    """The source of a metric's values; only those of TRAINED need a training."""

    COUNTED = "counted"
    TRAINED = "measured in training"
    DEVICE = "measured on a device"


@dataclass(frozen=True)
class Metric:
    """A named quantity of a network.

    `label` names it in figures and sentences, `short` in the heading of a column, `column` in JSON
    and CSV; `meaning` defines its values. Values are stored in `exact_unit`. For display they are
    multiplied by `factor` and formatted with `digits`, a format specification, and `unit`; a
    difference of two values has `difference_unit`. `write(value, digits)` replaces this format if
    the prefix depends on the value, as in 313M or 4.8 ms. `lowest` and `highest` bound the values;
    `worst` is the value of the reference point of the hypervolume, by default the worse bound.
    `share` is true if a value is a share of the images that it was measured on, so that their
    number affects its uncertainty.
    """

    name: str
    label: str
    source: Source = Source.TRAINED
    direction: Direction = Direction.MINIMISE
    unit: str = ""
    factor: float = 1.0
    digits: str = ".4f"
    write: Callable[[float, int], str] | None = None
    lowest: float = 0.0
    highest: float = math.inf
    worst: float = math.nan
    share: bool = False
    short: str = ""
    meaning: str = ""
    difference_unit: str = ""
    exact_unit: str = ""
    column: str = ""

    def __post_init__(self) -> None:
        """Set the defaults that depend on other fields.

        Raises:
            ValueError: the metric is maximised, and its values have no upper bound.
        """
        maximised = self.direction is Direction.MAXIMISE
        if maximised and math.isinf(self.highest):
            raise ValueError(f"the metric {self.name} is maximised and needs a highest value")
        usual: dict[str, str | float] = {
            "short": self.label,
            "meaning": self.label,
            "difference_unit": self.unit,
            "column": self.name,
        }
        if math.isnan(self.worst):
            usual["worst"] = self.lowest if maximised else self.highest
        for field, value in usual.items():
            if field == "worst" or not getattr(self, field):
                object.__setattr__(self, field, value)

    @property
    def known(self) -> bool:
        """Whether the metric is a cost, whose value is known before training."""
        return self.source is not Source.TRAINED

    def loss(self, value: float) -> float:
        """Return `value` with the sign such that lower is better."""
        return value if self.direction is Direction.MINIMISE else -value

    @property
    def reference(self) -> float:
        """The loss of the worst value that counts: the reference point of the hypervolume."""
        return self.loss(self.worst)

    @property
    def ideal(self) -> float:
        """The lowest possible loss."""
        return self.lowest if self.direction is Direction.MINIMISE else -self.highest

    def show(self, value: float | None, digits: int = 4) -> str:
        """Return a value with its unit; empty for None.

        `digits` is the number of significant digits of a metric with its own `write`.
        """
        if value is None:
            return ""
        if self.write is not None:
            return self.write(value, digits)
        return f"{self.number(value)} {self.unit}".rstrip()

    def number(self, value: float) -> str:
        """Return a value without its unit."""
        return self.write(value, 4) if self.write else f"{value * self.factor:{self.digits}}"

    def difference(self, near: float, far: float) -> str:
        """Return the ends of an interval of differences: `1.20 to 3.40 points`."""
        unit = "" if self.write else f" {self.difference_unit}"
        return f"{self.number(near)} to {self.number(far)}{unit}".rstrip()


TOP1_ERROR = Metric(
    "top1_error",
    "top-1 error",
    unit="%",
    factor=100.0,
    digits=".2f",
    highest=1.0,
    share=True,
    short="error",
    meaning="share of the split",
    difference_unit="points",
)
LOSS = Metric(
    "loss",
    "cross-entropy",
    unit="nats",
    worst=10.0,
    short="loss",
    meaning="mean cross-entropy in nats",
)
MAP = Metric(
    "map",
    "mAP",
    direction=Direction.MAXIMISE,
    unit="%",
    factor=100.0,
    digits=".1f",
    highest=1.0,
    meaning="average precision of boxes: the mean over classes and over IoUs of 0.50 to 0.95",
    difference_unit="points",
)
AP50 = replace(
    MAP,
    name="ap50",
    label="AP at IoU 0.50",
    short="AP50",
    meaning="average precision of boxes at an IoU of 0.50, the mean over classes",
    column="ap50",
)
DETECTION_LOSS = Metric(
    "detection_loss",
    "loss of boxes and classes",
    worst=20.0,
    short="loss",
    meaning="smooth L1 of the boxes and cross-entropy of the classes, for each matched anchor",
)
MADDS = Metric(
    "madds",
    "multiply-adds of convolution and linear layers",
    Source.COUNTED,
    write=si,
    short="madds",
)
PARAMS = Metric("params", "trainable parameters", Source.COUNTED, write=si, short="params")
ACTS = Metric(
    "acts",
    "activations of convolution and linear layers",
    Source.COUNTED,
    write=si,
    short="acts",
)
LATENCY = Metric(
    "latency",
    "latency by its table",
    Source.DEVICE,
    unit="s",
    factor=1e-9,
    write=time,
    short="latency",
    exact_unit="ns",
    column="latency_ns",
)
DETECTION = (MAP.name, AP50.name, DETECTION_LOSS.name)
CLASSIFICATION = (TOP1_ERROR.name, LOSS.name)  # the metrics of studies without a list of metrics
_COSTS = {each.name: each for each in (MADDS, PARAMS, ACTS, LATENCY)}


def _is_metric(part: object) -> TypeGuard[Metric]:
    return isinstance(part, Metric)


_REGISTRY: Registry[Metric] = Registry("nas.metrics", "metric", _is_metric)


def metric_names() -> tuple[str, ...]:
    """Return the names of all metrics, with those of other packages last."""
    return _REGISTRY.names()


@lru_cache
def metric(name: str) -> Metric:
    """Return the metric called `name`.

    Raises:
        NasError: there is no such metric, or the package that adds it fails.
    """
    return _REGISTRY.load(name)


def cost_metric(name: str) -> Metric:
    """Return the metric of a cost; a plain count if only a table of networks has this cost."""
    return _COSTS.get(name) or Metric(name, name, Source.COUNTED, write=si)
