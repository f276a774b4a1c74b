"""FrontDrawing: positions, bars and colours that all traces of the front figure share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nas.figures.front_options import FrontOptions, choice_in
from nas.figures.scale import Scale
from nas.figures.theme import PageTheme
from nas.results import Point, PointGroup, StudyView
from nas.space import Architecture

GL_FROM = 2000  # points of a group; more are drawn by WebGL, with small marks
MOST_POINTS = 20_000  # visible points of such groups; more are drawn as a density
Rows: TypeAlias = NDArray[np.intp]
CLOUDS = (
    PointGroup.STOPPED, PointGroup.OVER_BUDGET, PointGroup.DOMINATED, PointGroup.RUNNING,
    PointGroup.UNCONFIRMED,
)  # fmt: skip


@dataclass(frozen=True)
class FrontDrawing:
    """The state while one figure of the front is drawn.

    `limits` are the ceilings on the x axis, in its unit, of the study and of those drawn with it.
    """

    view: StudyView
    look: PageTheme
    options: FrontOptions
    scale: Scale
    across: Scale
    limits: tuple[float, ...]

    @classmethod
    def of(
        cls,
        view: StudyView,
        look: PageTheme,
        options: FrontOptions,
        others: Sequence[StudyView] = (),
    ) -> "FrontDrawing":
        """Return the drawing of a view, with axes that also fit the `others` in the figure."""
        heights, ends, places, limits = list[float](), list[float](), list[float](), list[float]()
        for each in (view, *others):
            columns, times = each.columns, each.y.factor
            shown = np.flatnonzero(columns.measured)
            several = shown[columns.seeds[shown] > 1].tolist()
            ends += [end * times for row in several for end in bar_ends(each.points[row])]
            heights += (columns.y[shown] * times).tolist()
            places += (columns.x[shown] * each.x.factor).tolist()
            limits += _limits(each)
        return cls(
            view,
            look,
            options,
            Scale.of(heights, ends, options.log_y),
            Scale.of([*places, *limits], (), options.log_x),
            tuple(dict.fromkeys(limits)),
        )

    def rows(self, group: PointGroup) -> Rows:
        """Return the positions of the measured points of a group."""
        columns = self.view.columns
        rows = columns.rows(group)
        return rows[columns.measured[rows]]

    def points(self, group: PointGroup) -> list[Point]:
        """Return the measured points of a group."""
        return [self.view.points[row] for row in self.rows(group).tolist()]

    @cached_property
    def dense(self) -> frozenset[PointGroup]:
        """The groups that are drawn by WebGL."""
        return frozenset(group for group in CLOUDS if len(self.rows(group)) > GL_FROM)

    @cached_property
    def crowded(self) -> frozenset[PointGroup]:
        """The groups that are drawn as a density."""
        seen = sum(len(self.visible(self.rows(group))) for group in self.dense)
        return self.dense if seen > MOST_POINTS else frozenset()

    def coordinates(self, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the places of points in the coordinates of the ranges of the axes."""
        columns, view = self.view.columns, self.view
        x = self.across.places(columns.x[rows] * view.x.factor)
        y = self.scale.places(columns.y[rows] * view.y.factor)
        return np.log10(x) if self.across.log else x, np.log10(y) if self.scale.log else y

    def visible(self, rows: Rows) -> Rows:
        """Return those of `rows` in the part of the plot that the reader sees."""
        if self.options.window is None:
            return rows
        left, right, low, high = self.options.window
        x, y = self.coordinates(rows)
        return rows[(left <= x) & (x <= right) & (low <= y) & (y <= high)]

    def cloud_places(self, rows: Rows) -> dict[str, Any]:
        """Return the coordinates of many points, with their numbers, as arrays in short form."""
        columns, view = self.view.columns, self.view
        return {
            "x": self.across.places(columns.x[rows] * view.x.factor).astype(np.float32),
            "y": self.scale.places(columns.y[rows] * view.y.factor).astype(np.float32),
            "customdata": columns.number[rows].astype(np.int32),
        }

    def places(self, points: Sequence[Point]) -> dict[str, Any]:
        """Return the coordinates of `points`, with their numbers as custom data."""
        view = self.view
        return {
            "x": [self.across.place(point.x * view.x.factor) for point in points],
            "y": [self.scale.place((point.y or 0.0) * view.y.factor) for point in points],
            "customdata": [point.number for point in points],
        }

    @property
    def marks(self) -> dict[str, Any]:
        """The places of the chosen trials that are measured."""
        found = [self.view.point(number) for number in self.options.chosen]
        return self.places([point for point in found if point and point.y is not None])

    def marker(self, networks: Sequence[Architecture], colour: str) -> dict[str, Any]:
        """Return the colours of the markers of `networks`: `colour`, or those of the choice."""
        key = self.options.colour
        if key is None:
            if len(self.view.families) == 1:
                return {"color": colour}
            names = self.view.families
            return {"color": [self.look.family(names.index(one.space)) for one in networks]}
        found = [choice_in(one, key) for one in networks]
        if self.words:
            index = {word: place for place, word in enumerate(self.words)}
            return {"color": [self.look.family(index[str(value)]) for value in found]}
        return {"color": found, "coloraxis": "coloraxis"}

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The values of the colouring choice as words, sorted; empty for numbers or none.

        They are the values of the whole study, so that a colour keeps its meaning if trials are
        hidden.
        """
        key, view = self.options.colour, self.view
        if key is None:
            return view.families if len(view.families) > 1 else ()
        values = {choice_in(network, key) for network in view.points.networks()}
        if all(value is None or isinstance(value, float) for value in values):
            return ()
        return tuple(sorted({str(value) for value in values}))

    def draw_bars(self, trace: Any, points: Sequence[Point], colour: str) -> None:
        """Draw the 95 % intervals of a trace as error bars; points with one seed have none."""
        times = self.view.y.factor
        ends = [bar_ends(point) for point in points]
        if not any(ends):
            return
        above: list[float | None] = []
        below: list[float | None] = []
        for point, own in zip(points, ends, strict=True):
            at = (point.y or 0.0) * times
            above.append(own[1] * times - at if own else None)
            below.append(at - self.scale.place(own[0] * times) if own else None)
        trace.error_y = {
            "type": "data", "symmetric": False, "array": above, "arrayminus": below,
            "thickness": 1.5, "width": 5, "color": colour,
        }  # fmt: skip


def bar_ends(point: Point) -> tuple[float, ...]:
    """Return the ends of the 95 % interval along the y axis; empty for a single seed."""
    own = point.spread
    return () if own is None or own.low is None or own.high is None else (own.low, own.high)


def _limits(view: StudyView) -> list[float]:
    return [limit * view.x.factor for cost, limit in view.limits if cost == view.x.name]
