"""Objectives: a metric, its direction, and its label.

Internally everything is minimised: `Objective.loss` negates a value if higher is better, so that
dominance, ranks and hypervolume need only one direction.
"""

from dataclasses import dataclass
from enum import StrEnum

from nas.cost import DEVICES, USE_DEVICE
from nas.errors import NasError
from nas.suggestion import did_you_mean


class Direction(StrEnum):
    """Whether lower or higher is better."""

    MINIMISE = "minimise"
    MAXIMISE = "maximise"


@dataclass(frozen=True)
class Objective:
    """One metric to optimise; `known` if it is a cost, which is known before training."""

    name: str
    direction: Direction
    label: str
    known: bool

    def loss(self, value: float) -> float:
        """Return `value` with the sign such that lower is better."""
        return value if self.direction is Direction.MINIMISE else -value


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("top1_error", Direction.MINIMISE, "top-1 error", False),
        Objective("loss", Direction.MINIMISE, "cross-entropy (nats)", False),
        Objective("madds", Direction.MINIMISE, "multiply-adds", True),
        Objective("params", Direction.MINIMISE, "parameters", True),
        Objective("acts", Direction.MINIMISE, "activations", True),
    )
}

LATENCY = Objective("latency", Direction.MINIMISE, "latency, by its table", True)


def objective(name: str) -> Objective:
    """Return the objective called `name`; `latency@cpu` and `latency@cuda` give the latency.

    Raises:
        NasError: there is no such objective.
    """
    if latency_device(name) is not None:
        return LATENCY
    metric, _, device = name.partition("@")
    if metric == "latency" and device:
        raise NasError(f"there is no device {device!r}.", USE_DEVICE)
    if name not in OBJECTIVES:
        known = known_objectives()
        near = did_you_mean(name, known)
        raise NasError(f"there is no objective {name!r}.", f"{near}Use {', '.join(known)}.")
    return OBJECTIVES[name]


def known_objectives() -> list[str]:
    """Return the names of all objectives; latencies with their device."""
    return [*OBJECTIVES, *(f"latency@{kind}" for kind in DEVICES)]


def latency_device(name: str) -> str | None:
    """Return the device of an objective such as `latency@cpu`; None for any other."""
    kind = name.removeprefix("latency@")
    return kind if kind != name and kind in DEVICES else None
