"""Point: one trial in the view of a study, and the groups of trials."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from nas.cost import Cost
from nas.results.estimate import Estimate
from nas.space import Architecture
from nas.study import TrialState


class PointGroup(StrEnum):
    """The groups of trials in figures and tables, in the order of the table."""

    FRONT = "front"
    UNCONFIRMED = "unconfirmed"
    PUBLISHED = "published"
    RUNNING = "running"
    DOMINATED = "dominated"
    OVER_BUDGET = "over budget"
    STOPPED = "stopped"
    FAILED = "failed"
    WAITING = "waiting"

    @property
    def label(self) -> str:
        """The group as text."""
        words = {
            "front": "on the front",
            "unconfirmed": "unconfirmed, 1 seed",
            "over budget": "over the budget as measured",
            "stopped": "stopped early",
        }
        return words.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class Point:
    """One trial in a view; `x` and `y` are its values on the axes, None before a measurement.

    `value` is the reported metric, `others` holds the other metrics of the task by name. For a
    complete network these and `y` are means over its seeds; `spread` is the estimate of `y`,
    `estimate` that of the reported metric, `words` describes it with the value in the search, and
    `test` is that on the test split, if tested. `origin` is the study#trial of a reused result.
    `curve` holds (epoch, reported metric) of the current attempt; `title` is the name of a
    published architecture, `published` its numbers by its authors. `note` describes anything
    unusual, and the measured latency. `further_curves` are those of its further seeds, `taught` is
    the error of a taught network with and without teachers.
    """

    number: int
    group: PointGroup
    state: TrialState
    title: str | None
    architecture: Architecture
    cost: Cost
    counted: Cost | None
    x: float
    y: float | None
    value: float | None
    others: Mapping[str, float]
    epoch: int
    rung: int | None
    seconds: float | None
    curve: tuple[tuple[int, float], ...]
    published: tuple[tuple[str, str], ...]
    reason: str | None
    detail: str | None
    note: str | None = None
    spread: Estimate | None = None
    estimate: Estimate | None = None
    test: Estimate | None = None
    words: str = ""
    taught: str = ""
    origin: str | None = None
    further_curves: tuple[tuple[tuple[int, float], ...], ...] = ()

    @property
    def label(self) -> str:
        """The published name, or the number as text."""
        return self.title or f"trial {self.number}"
