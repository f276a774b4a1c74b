"""FrontDrawing: positions, bars and colours that all traces of the front figure share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import plotly.graph_objects as go

from nas.figures.front_options import FrontOptions, choice_of
from nas.figures.scale import Scale
from nas.figures.theme import PageTheme
from nas.results import Point, PointGroup, StudyView

GL_FROM = 5000  # from here on WebGL, and labels without the architecture; SVG is as fast below


@dataclass(frozen=True)
class FrontDrawing:
    """One figure of the front in the making."""

    view: StudyView
    look: PageTheme
    options: FrontOptions
    scale: Scale
    across: Scale

    @classmethod
    def of(cls, view: StudyView, look: PageTheme, options: FrontOptions) -> "FrontDrawing":
        """Return the drawing of the points that `options` do not hide, with fitting axes."""
        shown = [
            point
            for point in view.points
            if point.y is not None and point.group not in options.hidden
        ]
        times = view.y.factor
        ends = [end * times for point in shown for end in bar_ends(point)]
        heights = [(point.y or 0.0) * times for point in shown]
        places = [*(point.x * view.x.factor for point in shown), *_limits(view)]
        return cls(
            view,
            look,
            options,
            Scale.of(heights, ends, options.log_y),
            Scale.of(places, (), options.log_x),
        )

    def points(self, group: PointGroup) -> list[Point]:
        """Return the measured points of a group; none if the group is hidden."""
        if group in self.options.hidden:
            return []
        return [point for point in self.view.group(group) if point.y is not None]

    @cached_property
    def limits(self) -> list[float]:
        """The ceilings of the study on the x axis, in its unit."""
        return _limits(self.view)

    @cached_property
    def trace(self) -> Any:
        """The type of all traces: WebGL is above SVG, and would hide the front."""
        clouds = (PointGroup.STOPPED, PointGroup.DOMINATED)
        many = any(len(self.points(group)) > GL_FROM for group in clouds)
        return go.Scattergl if many else go.Scatter

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

    def marker(self, points: Sequence[Point], colour: str) -> dict[str, Any]:
        """Return the colours of the markers of `points`: `colour`, or those of the choice."""
        key = self.options.colour
        if key is None:
            if len(self.view.families) == 1:
                return {"color": colour}
            names = self.view.families
            index = [names.index(point.architecture.space) for point in points]
            return {"color": [self.look.family(each) for each in index]}
        words = self.words
        if words:
            found = [str(choice_of(point, key)) for point in points]
            return {"color": [self.look.family(words.index(word)) for word in found]}
        return {"color": [choice_of(point, key) for point in points], "coloraxis": "coloraxis"}

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The values of the colouring choice as words, sorted; empty for numbers or none."""
        key = self.options.colour
        if key is None:
            return self.view.families if len(self.view.families) > 1 else ()
        values = [choice_of(point, key) for point in self.view.points]
        if all(value is None or isinstance(value, float) for value in values):
            return ()
        return tuple(sorted({str(value) for value in values}))

    def draw_bars(self, trace: Any, points: Sequence[Point], colour: str) -> None:
        """Give a trace the whole 95 % intervals as error bars; none for points of one seed."""
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
