"""Objectives: the metrics that a study searches for, by the names that a user types."""

from functools import lru_cache
from typing import TypeAlias

from nas.cost import DEVICES, USE_DEVICE
from nas.errors import NasError
from nas.metrics import Metric, Source, metric, metric_names
from nas.suggestion import did_you_mean

Objective: TypeAlias = Metric


@lru_cache
def objective(name: str) -> Objective:
    """Return the metric of the objective `name`; one measured on a device is typed NAME@DEVICE.

    Raises:
        NasError: there is no such objective.
    """
    kind, _, device = name.partition("@")
    if kind in metric_names():
        found = metric(kind)
        if found.source is Source.DEVICE and device and device not in DEVICES:
            raise NasError(f"there is no device {device!r}.", USE_DEVICE)
        if (found.source is Source.DEVICE) == bool(device):
            return found
    known = known_objectives()
    near = did_you_mean(name, known)
    raise NasError(f"there is no objective {name!r}.", f"{near}Use {', '.join(known)}.")


def known_objectives() -> list[str]:
    """Return the names of all objectives, those measured on a device with their device."""
    return [name for each in metric_names() for name in _typed(each)]


def latency_device(name: str) -> str | None:
    """Return the device of an objective such as `latency@cpu`, None of any other."""
    _, at, device = name.partition("@")
    return device if at and device in DEVICES else None


def _typed(name: str) -> list[str]:
    if metric(name).source is not Source.DEVICE:
        return [name]
    return [f"{name}@{kind}" for kind in DEVICES]
