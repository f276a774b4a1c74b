"""StudyView: the contents of a report or dashboard of a study, as plain data.

Errors are shares in [0, 1] here and shown in percent; costs are at the deployment input. A stopped
trial is shown at its last epoch: a censored measurement.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nas.metrics import ACTS, LATENCY, MADDS, PARAMS, Metric, Source, metric
from nas.results.agreement import confirmed_lines
from nas.results.class_table import ClassTable, class_tables
from nas.results.findings import StudyResults, recorded_scores
from nas.results.point import PlotAxis, Point, PointGroup, StageTable, stage_table
from nas.results.points import GROUPS, PointColumns, Points
from nas.results.progress_steps import ProgressStep, progress_steps
from nas.results.settings_text import study_note, study_settings
from nas.results.trial_table import STATES, TrialTable
from nas.study import Objective, StudySpec, Trial, TrialState, num_replicates
from nas.units import capitalised, plural

MOST_CURVES = 300  # more cannot be distinguished, and make a page slow
Curves: TypeAlias = Callable[[Sequence[Trial]], Mapping[int, Trial]]


@dataclass(frozen=True)
class StudyView:
    """The view of a study: points in the order of the table, axes, counts, settings, texts.

    Trainings of a candidate with further seeds are not points; `further` counts the started and the
    finished ones. `metric` is the reported one, `goal` the first measured objective, whose best
    value is in `progress`. `staircase` is true if the front is a falling line in the plane of the
    axes; `confirmed` has the results of the full training after a short schedule; `verdicts`
    compare the best with the published networks on the test split. `fixed` is true for a study
    without a search. `confusion` counts the test images of the best by class (row) and predicted
    class (column), over all its seeds; `by_class` has its metrics for each class; both are empty if
    not recorded.
    """

    name: str
    state: str | None
    metric: Metric
    x: PlotAxis
    y: PlotAxis
    points: Points
    stage_names: Mapping[str, tuple[str, ...]]
    limits: tuple[tuple[str, float], ...]
    staircase: bool
    planned: int | None
    rungs: tuple[int, ...]
    eta: int
    seconds: float
    hypervolume: float
    goal: PlotAxis
    progress: tuple[ProgressStep, ...]
    settings: tuple[tuple[str, str], ...]
    note: str
    best: Point | None
    verdicts: tuple[str, ...]
    confirmed: tuple[tuple[str, str], ...]
    further: tuple[int, int]
    fixed: bool
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    by_class: tuple[ClassTable, ...]

    @property
    def columns(self) -> PointColumns:
        """The points as columns, in the order of the table."""
        return self.points.columns

    def group(self, group: PointGroup) -> list[Point]:
        """Return the points of one group, in the order of the table."""
        return [self.points[row] for row in self.columns.rows(group).tolist()]

    def point(self, number: int) -> Point | None:
        """Return the trial with this number, or None."""
        found = np.flatnonzero(self.columns.number == number).tolist()
        return self.points[found[0]] if found else None

    def count(self, *states: TrialState) -> int:
        """Return the number of trials in one of `states`."""
        codes = [STATES.index(state) for state in states]
        return int(np.count_nonzero(np.isin(self.columns.state, codes)))

    def best_under(self, limit: float) -> Point | None:
        """Return the best complete candidate whose value on the x axis is at most `limit`.

        Candidates over the budget are left out; if some are confirmed with further seeds, the
        others are left out as well.
        """
        columns, rows = self.columns, self.complete
        rows = rows[columns.x[rows] <= limit]
        several = rows[columns.seeds[rows] > 1]
        rows = several if len(several) else rows
        if not len(rows):
            return None
        return self.points[int(rows[np.argmin(self.y.metric.loss(1.0) * columns.y[rows])])]

    @property
    def complete(self) -> NDArray[np.intp]:
        """The positions of the complete candidates within the budget that are in the plot."""
        groups = (PointGroup.FRONT, PointGroup.DOMINATED, PointGroup.UNCONFIRMED)
        allowed = np.isin(self.columns.group, [GROUPS.index(group) for group in groups])
        return np.flatnonzero(allowed & self.columns.measured)

    @property
    def ranked(self) -> NDArray[np.intp]:
        """The positions of `complete`, the best along the y axis first."""
        rows = self.complete
        losses = self.y.metric.loss(1.0) * self.columns.y[rows]
        return rows[np.argsort(losses, kind="stable")]

    def stage_table(self, point: Point) -> StageTable:
        """Return the architecture of one point by stage."""
        return stage_table(point.architecture, self.stage_names[point.architecture.space])

    @property
    def families(self) -> tuple[str, ...]:
        """The spaces of the study, in their order."""
        return tuple(self.stage_names)

    @property
    def finished(self) -> int:
        """The number of finished trials, including published ones and further seeds."""
        return self.count(*(state for state in STATES if state.finished)) + self.further[1]

    @property
    def done(self) -> bool:
        """Whether every planned trial is finished."""
        return self.planned is not None and self.finished >= self.planned

    @property
    def ended(self) -> str:
        """The number of finished trials, and the planned number if known."""
        return str(self.finished) if self.planned is None else f"{self.finished} of {self.planned}"

    @property
    def summary(self) -> str:
        """The result in one line."""
        if self.best is None:
            ends = f", {self._ends()}" if self.finished else ""
            return f"No trial is complete yet; {self.ended} ended{ends}."
        if self.fixed:
            return (
                f"{self.best.label}: validation {self.metric.short} {self._shown(self.best)}"
                f"{self._tested(self.best)}; {self.ended} trainings ended."
            )
        front = len(self.columns.rows(PointGroup.FRONT))
        return (
            f"{front} on the front, best {self._shown(self.best)} at {self.x.show(self.best.x)} "
            f"{self.x.name} (trial {self.best.number}){self._tested(self.best)}; "
            f"{self.ended} trials ended, {self._ends()}."
        )

    @property
    def front_title(self) -> str:
        """The heading of the figure of the front, such as `mAP against cost`."""
        return f"{capitalised(self.y.metric.label)} against cost"

    def _shown(self, point: Point) -> str:
        return str(point.spread) if point.spread else self.y.show(point.y)

    def _tested(self, point: Point) -> str:
        return f", test {self.metric.short} {point.test}" if point.test else ""

    def _ends(self) -> str:
        words = {TrialState.COMPLETE: "complete", TrialState.STOPPED: "stopped early"}
        words[TrialState.FAILED] = "failed"
        ends = [f"{self.count(state)} {word}" for state, word in words.items()]
        return ", ".join([*ends, f"{self.further[1]} further seeds"] if self.further[1] else ends)


def view_of(
    found: StudyResults,
    versions: Mapping[str, str] | None = None,
    state: str | None = None,
    axes: tuple[str | None, str | None] = (None, None),
    curves: Curves | None = None,
) -> StudyView:
    """Return the view of the findings of a study.

    `versions` are the library versions of the study; `state` is its state in the store. `axes` are
    two of `axis_names`; None is the first cost, and the first measured metric, of the objectives.
    `curves` reads some trials with all their measurements, by number; None where all trials of
    `found` have them.
    """
    spec, table, best = found.spec, found.table, found.best
    x, y = _axes(spec, axes)
    _, goal = _axes(spec, (None, None))
    points = Points(found, (x.name, y.name))
    if curves is not None:
        points = with_curves(points, curves)
    further = ~table.column("first")
    view = StudyView(
        name=spec.name,
        state=state,
        metric=spec.reported,
        x=x,
        y=y,
        points=points,
        stage_names={
            name: tuple(stage.name for stage in space.stages) for name, space in spec.spaces.items()
        },
        limits=tuple((part.cost, float(part.limit)) for part in spec.budget),
        staircase=_staircase(spec, x, y),
        planned=_planned(spec, table, state),
        rungs=spec.rungs,
        eta=spec.eta,
        seconds=_elapsed(table),
        hypervolume=found.hypervolume / (spec.box or 1.0),
        goal=goal,
        progress=progress_steps(spec, table, goal.metric, found.measured_over),
        settings=study_settings(spec, versions),
        note=study_note(spec),
        best=None,
        verdicts=found.verdicts,
        confirmed=tuple(confirmed_lines(found)),
        further=(int(further.sum()), int((further & table.ended).sum())),
        fixed=bool(spec.networks),
        **_confusion(found),
        by_class=class_tables(found, best) if best else (),
    )
    return replace(view, best=view.point(best.number)) if best else view


def curve_rows(columns: PointColumns) -> NDArray[np.intp]:
    """Return the points whose learning curves are drawn: the first 300 with a measurement."""
    return np.flatnonzero(columns.epoch > 0)[:MOST_CURVES]


def with_curves(points: Points, curves: Curves) -> Points:
    """Return points with the curves that are drawn, which `curves` reads."""
    return points.with_curves(curves(points.trainings(curve_rows(points.columns))))


def _details(found: StudyResults, name: str) -> list[dict[str, Any]]:
    """Return the test results of the best, over all its seeds, that have details of this name."""
    own = found.own(found.best.number) if found.best else ()
    scores = recorded_scores(found.reports)
    return [score for trial in own if (score := scores.get(trial.number, {})).get(name)]


def _confusion(found: StudyResults) -> dict[str, Any]:
    """Return the classes and the sum of the recorded confusion matrices of the best."""
    kept = _details(found, "confusion")
    rows = zip(*(score["confusion"] for score in kept), strict=True)
    return {
        "class_names": tuple(kept[0]["class_names"]) if kept else (),
        "confusion": tuple(tuple(map(sum, zip(*row, strict=True))) for row in rows),
    }


def axis_names(spec: StudySpec) -> tuple[str, ...]:
    """Return the metrics that can be axes of a figure: costs, then those measured in training."""
    costs = [MADDS, PARAMS, ACTS, *([LATENCY] if spec.latency_tables else [])]
    return (*(each.name for each in costs), *spec.metrics)


def _axes(spec: StudySpec, names: tuple[str | None, str | None]) -> tuple[PlotAxis, PlotAxis]:
    """Return the axes of these names; by default the first cost and the first measured metric."""
    known = [goal for goal in spec.goals if goal.known] or [MADDS]
    measured = [goal for goal in spec.goals if not goal.known] or [spec.reported]
    chosen = [
        metric(name) if name else default
        for name, default in zip(names, (known[0], measured[0]), strict=True)
    ]
    x, y = (_cost_axis(spec, one) if one.known else _metric_axis(spec, one) for one in chosen)
    return x, y


def _staircase(spec: StudySpec, x: PlotAxis, y: PlotAxis) -> bool:
    """Tell whether the front is a falling line in the plane of the axes."""
    names = {goal.name for goal in spec.goals}
    return y.name in names and names <= {x.name, y.name}


def _cost_axis(spec: StudySpec, goal: Objective) -> PlotAxis:
    device = "".join(f" on {table.device}" for table in list(spec.latency_tables.values())[:1])
    what = goal.label + (device if goal.source is Source.DEVICE else "")
    return PlotAxis(goal, f"{what}, {spec.input} input, {spec.outputs}, batch 1")


def _metric_axis(spec: StudySpec, goal: Objective) -> PlotAxis:
    # The label of the reported metric states whether the error is taught.
    goal = spec.reported if goal.name == spec.reported.name else goal
    unit = f" ({goal.unit})" if goal.unit else ""
    split = f"{spec.task} validation split"
    after = plural(spec.ladder.max_epochs, "epoch")
    return PlotAxis(goal, f"{goal.label}, {split}, after {after}{unit}")


def _elapsed(table: TrialTable) -> float:
    """Return the seconds from the creation of the first trial to the last end, pauses included."""
    starts, ends = table.column("created"), table.column("finished")
    starts, ends = starts[~np.isnan(starts)], ends[~np.isnan(ends)]
    return float(ends.max() - starts.min()) if len(starts) and len(ends) else 0.0


def _planned(spec: StudySpec, table: TrialTable, state: str | None) -> int | None:
    """Return the total number of trials of the study; None while only time limits it."""
    candidates, ours, ended = spec.num_trials, table.column("candidate"), table.ended
    asked = (
        not np.all(table.column("first"))
        or np.count_nonzero(ours & ended) >= candidates
        or (state == "COMPLETE" and spec.time_limit is not None)
    )
    searched = bool(asked and np.all(ended[ours]))
    if spec.time_limit and asked:
        candidates = int(np.count_nonzero(ours))
    elif not spec.counted:
        return None
    return candidates + len(spec.references) + num_replicates(spec, table, searched)
