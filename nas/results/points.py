"""Points: the trials of a view in the order of its table, each created at its first use.

A page of a study with 50,000 trials shows the details of a few hundred; all others are only marks
in a plot, whose coordinates `PointColumns` holds as arrays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import inf, nan
from typing import overload

import numpy as np
from numpy.typing import NDArray

from nas.metrics import metric
from nas.results.estimate import Estimate
from nas.results.findings import STANDINGS, StudyResults
from nas.results.measured_latency import MeasuredLatency, measured_latencies
from nas.results.point import Point, PointGroup
from nas.results.taught import figures_text
from nas.results.trial_table import STATES
from nas.space import Architecture, Published
from nas.study import Reports, StudySpec, Trial, trial_notes

GROUPS = tuple(PointGroup)
_CODES = {group: code for code, group in enumerate(GROUPS)}


@dataclass(frozen=True)
class PointColumns:
    """Columns of points, each (points,): `group` and `state` are indices in `GROUPS`, `STATES`.

    `x` and `y` are the values on the axes, NaN if there is none; `seeds` is the number of complete
    trainings of a network, `epoch` that of the last measurement; `named` is true for networks with
    their own name.
    """

    number: NDArray[np.int64]
    group: NDArray[np.int8]
    state: NDArray[np.int8]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    epoch: NDArray[np.int64]
    seeds: NDArray[np.int64]
    named: NDArray[np.bool_]

    def only(self, rows: NDArray[np.intp]) -> "PointColumns":
        """Return the columns of the points at these positions, in their order."""
        return PointColumns(*(getattr(self, each.name)[rows] for each in fields(self)))

    def rows(self, group: PointGroup) -> NDArray[np.intp]:
        """Return the positions of the points of a group."""
        return np.flatnonzero(self.group == _CODES[group])

    @cached_property
    def measured(self) -> NDArray[np.bool_]:
        """Which points have a place in the plot."""
        return ~np.isnan(self.y)


class Points(Sequence[Point]):
    """The points of a study along two axes, in the order of the table."""

    def __init__(self, found: StudyResults, axes: tuple[str, str]) -> None:
        """Show the trials of `found` along the metrics `axes`, without further seeds."""
        self._found, self._axes = found, axes
        self._curved: Mapping[int, Trial] = {}
        self._made: dict[int, Point] = {}
        self.left_out = 0  # points of the study that the filters of a reader exclude
        self._order, self.columns = _sorted_columns(found, axes)

    def with_curves(self, curved: Mapping[int, Trial]) -> "Points":
        """Return the points with the curves of some trials, by number."""
        other = object.__new__(Points)
        other.__dict__.update(self.__dict__, _curved=curved, _made={})
        return other

    def only(self, rows: NDArray[np.intp]) -> "Points":
        """Return the points at these positions."""
        other = object.__new__(Points)
        own = {"_order": self._order[rows], "columns": self.columns.only(rows), "_made": {}}
        other.__dict__.update(self.__dict__, **own)
        other.left_out += len(self) - len(other)
        return other

    @overload
    def __getitem__(self, index: int) -> Point: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Point, ...]: ...
    def __getitem__(self, index: int | slice) -> Point | tuple[Point, ...]:
        """Return one point, or several, by position."""
        if isinstance(index, slice):
            return tuple(self[row] for row in range(*index.indices(len(self))))
        row = range(len(self))[index]
        if row not in self._made:
            self._made[row] = self._make(row)
        return self._made[row]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self._order)

    def architecture(self, row: int) -> Architecture:
        """Return the architecture of the point at a position, without making the point."""
        return self._found.table[int(self._order[row])].architecture

    def networks(self) -> Iterator[Architecture]:
        """Yield the architectures of the whole study, including points that are left out."""
        return (trial.architecture for trial in self._found.table)

    def trainings(self, rows: NDArray[np.intp]) -> list[Trial]:
        """Return the trainings of the points at these positions, with all seeds."""
        numbers = self.columns.number[rows].tolist()
        return [own for number in numbers for own in self._found.trainings_of(number)]

    def values(self, name: str) -> NDArray[np.float64]:
        """Return a cost, a metric or the `seconds` of each point, (points,); NaN where unknown."""
        found = self._found
        values = found.table.column(name) if name == "seconds" else found.means(name)
        return values[self._order]

    @cached_property
    def _entries(self) -> dict[str, Published]:
        spec = self._found.spec
        return {entry.name: entry for entry in (*spec.fixed, *spec.references)}

    @cached_property
    def _notes(self) -> dict[int, str]:
        found = self._found
        return _said(found.reports, measured_latencies(found.spec, found.reports))

    def _make(self, row: int) -> Point:
        found, spec = self._found, self._found.spec
        trial = self._trial(found.table[int(self._order[row])])
        name = spec.network_name(trial) if spec.networks else trial.reference or ""
        group = GROUPS[int(self.columns.group[row])]
        point = _point(spec, trial, group, self._entries.get(name), self._axes)
        further = found.trainings_of(trial.number)[1:]
        return replace(
            _estimated(point, found, self._axes),
            note=self._notes.get(trial.number),
            further_curves=tuple(_curve(spec, self._trial(own)) for own in further),
        )

    def _trial(self, trial: Trial) -> Trial:
        return self._curved.get(trial.number, trial)


def _sorted_columns(
    found: StudyResults, axes: tuple[str, str]
) -> tuple[NDArray[np.intp], PointColumns]:
    """Return the positions of the trials in the order of the table, and their columns.

    The front and the unconfirmed are sorted by cost, other groups by epoch and value.
    """
    table, goal = found.table, metric(axes[1])
    rows = np.flatnonzero(table.column("first"))
    group = _groups(found)[rows]
    x, y = (found.means(name)[rows] for name in axes)
    y = np.where(np.isnan(x), nan, y)
    x, epoch, number = np.nan_to_num(x), table.column("epoch")[rows], table.column("number")[rows]
    by_cost = np.isin(group, [_CODES[PointGroup.FRONT], _CODES[PointGroup.UNCONFIRMED]])
    value = np.where(np.isnan(y), inf, goal.loss(1.0) * y)
    order = np.lexsort((number, value, np.where(by_cost, x, -epoch), group))
    state, named = table.column("state")[rows], table.column("reference")[rows]
    named = named | bool(found.spec.networks)
    columns = PointColumns(number, group, state, x, y, epoch, found.seeds[rows], named)
    return rows[order], columns.only(order)


def _groups(found: StudyResults) -> NDArray[np.int8]:
    """Return the group of each trial as the index in `GROUPS`."""
    of_state = [_CODES[PointGroup.__members__.get(state, PointGroup.PUBLISHED)] for state in STATES]
    of_standing = [_CODES[PointGroup(standing.value)] for standing in STANDINGS]
    standings = found.standings
    group = np.array(of_state, np.int8)[found.table.column("state")]
    return np.where(standings < 0, group, np.array(of_standing, np.int8)[standings])


def _said(reports: Reports, latencies: Mapping[int, MeasuredLatency]) -> dict[int, str]:
    """Return the notes on single trials, by number."""
    said = trial_notes(reports)
    for number, own in latencies.items():
        said[number] = "; ".join(filter(None, (said.get(number), f"latency {own}")))
    return said


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
    """Return the estimate of a network along an axis; None if the axis is a cost."""
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
