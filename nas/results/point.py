"""Point: one trial in the view of a study, its place on the axes, and its stages as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nas.cost import Cost
from nas.metrics import Metric
from nas.results.estimate import Estimate
from nas.space import Architecture, Value, format_value
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


@dataclass(frozen=True, slots=True)
class PlotAxis:
    """One axis: the metric of an objective, and its full label with unit and conditions."""

    metric: Metric
    label: str

    @property
    def name(self) -> str:
        """The name of the metric."""
        return self.metric.name

    def show(self, value: float | None) -> str:
        """Return a value of the metric with its unit."""
        return self.metric.show(value) or "–"

    @property
    def factor(self) -> float:
        """The factor that converts a value to the unit of the axis."""
        return self.metric.factor

    @property
    def suffix(self) -> str:
        """The unit after a number, with a space unless an SI prefix may come between them."""
        unit = self.metric.unit
        return unit if self.metric.write or not unit else f" {unit}"


SHORT_NAMES = {"expansion": "exp", "permute2": "P2"}  # the columns are narrower than these names


@dataclass(frozen=True, slots=True)
class StageTable:
    """An architecture by stage: `shared` has the choices that are equal in all stages with blocks.

    `header` names the columns of `rows`; the first column is the stage.
    """

    shared: tuple[tuple[str, str], ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def stage_table(architecture: Architecture, stage_names: Sequence[str]) -> StageTable:
    """Return `architecture` by stage; a dash for missing values in a stage of depth 0."""
    shared, columns = [], []
    for key in architecture.keys:
        column = architecture.column(key)
        live = {value for value in column if value is not None}
        if len(live) == 1 and key not in ("depth", "width"):
            shared.append((key, table_value(next(iter(live)))))
        else:
            columns.append((SHORT_NAMES.get(key, key), [table_value(value) for value in column]))
    rows = zip(stage_names, *(values for _, values in columns), strict=True)
    return StageTable(tuple(shared), ("stage", *(key for key, _ in columns)), tuple(rows))


def table_value(value: Value | None) -> str:
    """Return one value for a table; a dash for missing values in a stage of depth 0."""
    return "–" if value is None else format_value(value)
