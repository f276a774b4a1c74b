"""StudyView: the contents of a report or dashboard of a study, as plain data.

Errors are shares in [0, 1] here and shown in percent; costs are at the deployment input. A stopped
trial is shown at its last epoch: a censored measurement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nas.metrics import ACTS, LATENCY, MADDS, PARAMS, Metric, Source, metric
from nas.results.agreement import confirmed_lines
from nas.results.findings import (
    Estimate,
    HypervolumeStep,
    Standing,
    StudyResults,
    hypervolume_steps,
)
from nas.results.measured_latency import MeasuredLatency, measured_latencies
from nas.results.plot_axis import PlotAxis
from nas.results.point import Point, PointGroup
from nas.results.settings_text import settings, study_note
from nas.results.stage_table import StageTable, stage_table
from nas.results.taught import figures_text
from nas.results.trial_reports import Reports, recorded_scores, trial_notes
from nas.space import Published
from nas.study import Objective, StudySpec, Trial, TrialState, num_replicates


@dataclass(frozen=True)
class StudyView:
    """The view of a study: points in the order of the table, axes, counts, settings, texts.

    Trainings of a candidate with further seeds are not points; `further` counts the started and the
    finished ones. `metric` is the reported one. `staircase` is true if the front is a falling line
    in the plane of the axes; `confirmed` says what the real training made of a short schedule;
    `verdicts` compare the best with the published networks on the test split. `fixed` is true if
    nothing was searched. `confusion` counts the test images of the best by class (row) and answer
    (column), over all its seeds; empty if it is not recorded.
    """

    name: str
    state: str | None
    metric: Metric
    x: PlotAxis
    y: PlotAxis
    points: tuple[Point, ...]
    stage_names: Mapping[str, tuple[str, ...]]
    limits: tuple[tuple[str, float], ...]
    staircase: bool
    planned: int | None
    rungs: tuple[int, ...]
    eta: int
    seconds: float
    hypervolume: float
    progress: tuple[HypervolumeStep, ...]
    settings: tuple[tuple[str, str], ...]
    note: str
    best: Point | None
    verdicts: tuple[str, ...]
    confirmed: tuple[tuple[str, str], ...]
    further: tuple[int, int]
    fixed: bool
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    _by_number: Mapping[int, Point] = field(repr=False, compare=False)

    def group(self, group: PointGroup) -> list[Point]:
        """Return the points of one group, in the order of the table."""
        return [point for point in self.points if point.group is group]

    def point(self, number: int) -> Point | None:
        """Return the trial with this number, or None."""
        return self._by_number.get(number)

    def count(self, *states: TrialState) -> int:
        """Return the number of trials in one of `states`."""
        return sum(point.state in states for point in self.points)

    def best_under(self, limit: float) -> Point | None:
        """Return the best complete candidate whose value on the x axis is at most `limit`.

        Candidates over the budget are left out; where some are confirmed under further seeds,
        the others are.
        """
        groups = {PointGroup.FRONT, PointGroup.DOMINATED, PointGroup.UNCONFIRMED}
        own = [p for p in self.points if p.group in groups and p.y is not None and p.x <= limit]
        several = [p for p in own if p.estimate and p.estimate.n > 1]
        return min(several or own, key=lambda p: self.y.metric.loss(p.y or 0.0), default=None)

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
        return sum(point.state.finished for point in self.points) + self.further[1]

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
            return f"No trial is complete yet; {self.ended} ended."
        if self.fixed:
            return (
                f"{self.best.label}: validation {self.metric.short} {self._shown(self.best)}"
                f"{self._tested(self.best)}; {self.ended} trainings ended."
            )
        front = len(self.group(PointGroup.FRONT))
        return (
            f"{front} on the front, best {self._shown(self.best)} at {self.x.show(self.best.x)} "
            f"{self.x.name} (trial {self.best.number}){self._tested(self.best)}; "
            f"{self.ended} trials ended, {self._ends()}."
        )

    def _shown(self, point: Point) -> str:
        return str(point.spread) if point.spread else self.y.show(point.y)

    def _tested(self, point: Point) -> str:
        return f", test {self.metric.short} {point.test}" if point.test else ""

    def _ends(self) -> str:
        words = {TrialState.COMPLETE: "complete", TrialState.STOPPED: "stopped early"}
        words[TrialState.FAILED] = "failed"
        ends = [f"{self.count(state)} {word}" for state, word in words.items()]
        return ", ".join([*ends, f"{self.further[1]} further seeds"] if self.further[1] else ends)


def study_view(
    spec: StudySpec,
    trials: Sequence[Trial],
    reports: Reports | None = None,
    versions: Mapping[str, str] | None = None,
    state: str | None = None,
    axes: tuple[str | None, str | None] = (None, None),
) -> StudyView:
    """Return the view of a study.

    `reports` come from the store: of the test split, of latency, of anything unusual; `versions`
    are the library versions of the study; `state` is its state in the store. `axes` are two of
    `axis_names`; None is the first cost, and the first measured metric, of the objectives.
    """
    reports = reports or {}
    x, y = _axes(spec, axes)
    found = StudyResults(spec, trials, reports)
    points = _points(found, (x.name, y.name))
    said = _said(reports, measured_latencies(spec, reports))
    points = tuple(replace(point, note=said.get(point.number)) for point in points)
    further = [trial for trial in trials if trial.replicate_of is not None]
    by_number = {point.number: point for point in points}
    best = found.best
    progress = hypervolume_steps(spec, trials)
    return StudyView(
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
        planned=_planned(spec, trials, state),
        rungs=spec.rungs,
        eta=spec.eta,
        seconds=_elapsed(trials),
        hypervolume=found.hypervolume / (spec.box or 1.0),
        progress=progress,
        settings=settings(spec, versions or {}),
        note=study_note(spec),
        best=by_number[best.number] if best else None,
        verdicts=found.verdicts,
        confirmed=tuple(confirmed_lines(found)),
        further=(len(further), sum(trial.state.finished for trial in further)),
        fixed=bool(spec.networks),
        **_confusion(found),
        _by_number=by_number,
    )


def _confusion(found: StudyResults) -> dict[str, Any]:
    """Return the classes and the sum of the confusion matrices of the best, as far as kept."""
    own = found.trainings[found.best.number] if found.best else ()
    scores = recorded_scores(found.reports)
    kept = [score for trial in own if (score := scores.get(trial.number, {})).get("confusion")]
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
    goal = spec.reported if goal.name == spec.reported.name else goal  # it says what is taught
    epochs = spec.ladder.max_epochs
    unit = f" ({goal.unit})" if goal.unit else ""
    split = f"{spec.task} validation split"
    after = f"{epochs} epoch{'s' if epochs > 1 else ''}"
    return PlotAxis(goal, f"{goal.label}, {split}, after {after}{unit}")


def _points(found: StudyResults, axes: tuple[str, str]) -> tuple[Point, ...]:
    spec, goal, points = found.spec, metric(axes[1]), []
    entries = {entry.name: entry for entry in (*spec.fixed, *spec.references)}
    further: dict[int, list[Trial]] = {}
    for trial in found.trials:
        if trial.replicate_of is not None:
            further.setdefault(trial.replicate_of, []).append(trial)
    for trial in found.trials:
        if trial.replicate_of is not None:
            continue
        group = _group(trial, found.standing(trial.number))
        name = spec.network_name(trial) if spec.networks else trial.reference or ""
        point = _point(spec, trial, group, entries.get(name), axes)
        curves = tuple(_curve(spec, own) for own in further.get(trial.number, ()))
        points.append(replace(_estimated(point, found, axes), further_curves=curves))
    return tuple(sorted(points, key=lambda point: _table_order(point, goal)))


def _estimated(point: Point, found: StudyResults, axes: tuple[str, str]) -> Point:
    """Return the point of a complete network with its estimates; other points unchanged."""
    number = point.number
    own, along = found.estimate(number), _along(found, number, axes[1])
    if own is None:
        return point
    across = _along(found, number, axes[0])
    others = {other: found.estimate(number, other) for other in found.spec.metrics[1:]}
    return replace(
        point,
        x=across.mean if across else point.x,
        y=along.mean if along else point.y,
        value=own.mean,
        others={other: each.mean for other, each in others.items() if each},
        spread=along,
        estimate=own,
        test=found.test(number),
        words=found.words(number),
        taught=figures_text(found, number),
    )


def _along(found: StudyResults, number: int, name: str) -> Estimate | None:
    """Return the estimate of a network along an axis; None where the axis is a cost."""
    return found.estimate(number, name) if name in found.spec.metrics else None


def _point(
    spec: StudySpec,
    trial: Trial,
    group: PointGroup,
    entry: Published | None,
    axes: tuple[str, str],
) -> Point:
    last, name = trial.last, spec.reported.name
    numbers = entry.numbers if entry else {}
    others = {other: trial.value(other) for other in spec.metrics[1:]}
    x, y = (trial.value(axis) for axis in axes)
    return Point(
        number=trial.number,
        group=group,
        state=trial.state,
        title=entry.title if entry else trial.reference,
        architecture=trial.architecture,
        cost=trial.cost,
        counted=trial.counted,
        x=x or 0.0,
        y=None if x is None else y,
        value=trial.value(name),
        others={other: value for other, value in others.items() if value is not None},
        epoch=last.epoch if last else 0,
        rung=last.rung if last else None,
        seconds=trial.seconds if trial.seconds is not None else last.seconds if last else None,
        curve=_curve(spec, trial),
        published=tuple((key, str(value)) for key, value in numbers.items()),
        reason=trial.fail_reason,
        detail=trial.fail_detail,
        origin=trial.reused,
    )


def _curve(spec: StudySpec, trial: Trial) -> tuple[tuple[int, float], ...]:
    name = spec.reported.name
    return tuple((m.epoch, m.metrics[name]) for m in trial.measurements if name in m.metrics)


def _group(trial: Trial, standing: Standing | None) -> PointGroup:
    if standing is not None:
        return PointGroup(standing.value)
    if trial.reference and trial.state is TrialState.COMPLETE:
        return PointGroup.PUBLISHED
    return PointGroup[trial.state.name]


def _table_order(point: Point, goal: Metric) -> tuple[int, float, float, int]:
    """Return the sort key: the front and the unconfirmed by cost, other groups by `goal`."""
    group = list(PointGroup).index(point.group)
    value = float("inf") if point.y is None else goal.loss(point.y)
    if point.group in (PointGroup.FRONT, PointGroup.UNCONFIRMED):
        return group, point.x, value, point.number
    return group, -point.epoch, value, point.number


def _elapsed(trials: Sequence[Trial]) -> float:
    """Return the seconds from the creation of the first trial to the last end, with pauses."""
    starts = [trial.created_at for trial in trials if trial.created_at]
    ends = [trial.finished_at for trial in trials if trial.finished_at]
    return (max(ends) - min(starts)).total_seconds() if starts and ends else 0.0


def _said(reports: Reports, latencies: Mapping[int, MeasuredLatency]) -> dict[int, str]:
    """Return the notes on single trials, by number."""
    said = trial_notes(reports)
    for number, own in latencies.items():
        said[number] = "; ".join(filter(None, (said.get(number), f"latency {own}")))
    return said


def _planned(spec: StudySpec, trials: Sequence[Trial], state: str | None) -> int | None:
    """Return the total number of trials of the study; None while only time limits it."""
    candidates, ours = spec.num_trials, [trial for trial in trials if trial.candidate]
    asked = (
        any(trial.replicate_of is not None for trial in trials)
        or sum(trial.state.finished for trial in ours) >= candidates
        or (state == "COMPLETE" and spec.time_limit is not None)
    )
    searched = asked and all(trial.state.finished for trial in ours)
    if spec.time_limit and asked:
        candidates = len(ours)
    elif not spec.counted:
        return None
    return candidates + len(spec.references) + num_replicates(spec, trials, searched)
