"""The figure of the front with several studies: each has a colour, seeds of one search a band."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nas.figures.density import density, nearest_row
from nas.figures.front import PLOT_HEIGHT, chosen_ring, draw_box, draw_budget, front_frame
from nas.figures.front_drawing import GL_FROM, MOST_POINTS, FrontDrawing, Rows
from nas.figures.front_options import FrontOptions
from nas.figures.front_references import label_references, reference_traces
from nas.figures.hover import headline
from nas.figures.theme import DASHES, SYMBOLS, PageTheme, empty, faint, none_text
from nas.results import GROUPS, AttainmentBand, Overlay, PointGroup, StudyView
from nas.stats import Points


def overlay_figure(
    found: Overlay, look: PageTheme | None = None, options: FrontOptions | None = None
) -> go.Figure:
    """Return the points and fronts of several studies, and the bands of seeds of one search.

    The first study is that of the page: the `customdata` of its points are the numbers of trials.
    Those of the others are `study#number`. Clouds of more than 2,000 points are drawn by WebGL, and
    as densities if they have more than 20,000 visible points together. The first trace marks the
    chosen trials of the first study.
    """
    first = found.views[0]
    look, options = look or PageTheme(), options or FrontOptions()
    drawing, clouds = _studies(found.views, look, options)
    crowded = _crowded(clouds)
    figure = front_frame(drawing, any(one.dense for one in clouds))
    if not any(view.columns.measured.any() for view in found.views):
        return empty(figure, none_text(first), look)
    figure.add_trace(chosen_ring(drawing))
    for turn, band in enumerate(found.bands):
        figure.add_traces(_band(drawing, band, turn))
    for one in clouds:
        figure.add_traces(one.traces(one in crowded))
    figure.add_traces(reference_traces(drawing))
    label_references(figure, drawing, PLOT_HEIGHT)
    draw_budget(figure, drawing)
    draw_box(figure, drawing)
    return figure


def nearest_trial(
    views: Sequence[StudyView], options: FrontOptions, x: float, y: float
) -> tuple[str, int] | None:
    """Return the study and the number of the trial in a density that is nearest to a position.

    `views` are those of the figure; `x` and `y` are in the units of its axes. None if it has no
    density.
    """
    drawing, clouds = _studies(views, PageTheme(), options)
    if len(views) > 1:
        dense = [(one.drawing, one.seen) for one in _crowded(clouds)]
    else:
        dense = [(drawing, drawing.visible(drawing.rows(group))) for group in drawing.crowded]
    found = nearest_row(dense, x, y)
    if found is None:
        return None
    view, row = found[0].view, found[1]
    return view.name, int(view.columns.number[row])


def _studies(
    views: Sequence[StudyView], look: PageTheme, options: FrontOptions
) -> tuple[FrontDrawing, list["_Study"]]:
    """Return the drawing of the first study, whose axes fit all, and the traces of each."""
    first, *others = views
    drawing = FrontDrawing.of(first, look, replace(options, colour=None), others)
    return drawing, [_Study(replace(drawing, view=view), at) for at, view in enumerate(views)]


def _crowded(studies: Sequence["_Study"]) -> list["_Study"]:
    """Return the studies to draw as densities: all large ones if too many points are visible."""
    large = [one for one in studies if one.dense]
    return large if sum(len(one.seen) for one in large) > MOST_POINTS else []


def overlay_text(found: Overlay) -> str:
    """Return a description of the areas; empty if there are none."""
    return " ".join(
        f"The area reaches from {band.edges} of one search ({', '.join(band.studies)}); half of "
        "the seeds reach the dotted line."
        for band in found.bands
    )


class _Study:
    """The traces of one study; the legend has its name only."""

    def __init__(self, drawing: FrontDrawing, turn: int) -> None:
        self.drawing, self._first = drawing, turn == 0
        self._colour, self._dash = drawing.look.family(turn), DASHES[turn % len(DASHES)]
        columns = drawing.view.columns
        kept = [
            code
            for code, group in enumerate(GROUPS)
            if group in SYMBOLS and group is not PointGroup.FRONT
        ]
        self._rows = np.flatnonzero(columns.measured & np.isin(columns.group, kept))

    @property
    def dense(self) -> bool:
        """Whether the points are drawn by WebGL."""
        return len(self._rows) > GL_FROM

    @cached_property
    def seen(self) -> Rows:
        """The positions of the points of the cloud in the visible part."""
        return self.drawing.visible(self._rows)

    def traces(self, crowded: bool) -> list[Any]:
        """Return the cloud, as a density if it is `crowded`, the staircase and the front."""
        drawing, view = self.drawing, self.drawing.view
        front = drawing.points(PointGroup.FRONT)
        places = drawing.places(front)
        shared = {"legendgroup": view.name, "name": escape(view.name)}
        steps = go.Scatter(
            x=[*places["x"], max([*drawing.limits, *places["x"]])] if front else [],
            y=[*places["y"], places["y"][-1]] if front else [],
            mode="lines",
            line={"shape": "hv", "width": 2, "color": self._colour, "dash": self._dash},
            hoverinfo="skip",
            visible=view.staircase,
            showlegend=False,
            **shared,
        )
        dots = go.Scatter(
            x=places["x"],
            y=places["y"],
            customdata=self._numbers([point.number for point in front]),
            mode="markers",
            marker={
                "size": 11,
                "color": self._colour,
                "line": {"width": 1.5, "color": drawing.look.colour("surface")},
            },
            hovertext=[self._label(headline(view, point)) for point in front],
            hoverinfo="text",
            **shared,
        )
        drawing.draw_bars(dots, front, self._colour)
        name = escape(view.name)
        cloud = density(drawing, self.seen, self._colour, name) if crowded else self._cloud(shared)
        return [cloud, steps, dots]

    def _cloud(self, shared: dict[str, Any]) -> Any:
        drawing, rows = self.drawing, self.seen if self.dense else self._rows
        columns = drawing.view.columns
        marker = {
            "symbol": [SYMBOLS[GROUPS[code]] for code in columns.group[rows].tolist()],
            "size": 5 if self.dense else 7,
            "color": self._colour,
            "opacity": 0.5,
            "line": {"width": 1.2, "color": self._colour},
        }
        look = {"mode": "markers", "marker": marker, "showlegend": False, **shared}
        places = drawing.cloud_places(rows)
        places["customdata"] = self._numbers(places["customdata"].tolist())
        if self.dense:
            return go.Scattergl(**places, **look, hoverinfo="none")
        points = [drawing.view.points[row] for row in rows.tolist()]
        texts = [self._label(headline(drawing.view, point)) for point in points]
        return go.Scatter(**places, **look, hovertext=texts, hoverinfo="text")

    def _numbers(self, numbers: Sequence[int]) -> list[Any]:
        name = self.drawing.view.name
        return list(numbers) if self._first else [f"{name}#{number}" for number in numbers]

    def _label(self, text: str) -> str:
        return f"{escape(self.drawing.view.name)}: {text}"


def _band(drawing: FrontDrawing, band: AttainmentBand, turn: int) -> list[Any]:
    """Return the area between the edges of a band, and its median."""
    look = drawing.look
    corners = np.concatenate([band.best, band.median, band.worst])[:, 0]
    end = max([*drawing.limits, *drawing.across.places(drawing.view.x.factor * corners).tolist()])
    worst, best, median = (
        _steps(drawing, line, end) for line in (band.worst, band.best, band.median)
    )
    edge = _edge(drawing)
    closed = [(worst[0][0], edge), (best[0][0], edge)]
    outline = [*best, *reversed(worst), *closed]
    colour = look.colour("ink")
    lines = {"mode": "lines", "legendgroup": f"band {turn}", "hoverinfo": "skip"}
    return [
        go.Scatter(
            x=[x for x, _ in outline],
            y=[y for _, y in outline],
            fill="toself",
            fillcolor=faint(colour),
            line={"width": 0},
            name=band.edges,
            **lines,
        ),
        go.Scatter(
            x=[x for x, _ in median],
            y=[y for _, y in median],
            line={"width": 2.5, "color": colour, "dash": "dot"},
            name="half of the seeds",
            **lines,
        ),
    ]


def _steps(drawing: FrontDrawing, corners: Points, end: float) -> list[tuple[float, float]]:
    """Return a staircase as a line: horizontal first, up to `end`."""
    x, y = drawing.view.x.factor * corners[:, 0], drawing.view.y.factor * corners[:, 1]
    across = drawing.across.places(x).tolist()
    down = drawing.scale.places(y).tolist()
    ends = [*across[1:], end]
    return [
        place
        for at, until, height in zip(across, ends, down, strict=True)
        for place in ((at, height), (until, height))
    ]


def _edge(drawing: FrontDrawing) -> float:
    """Return the end of the vertical axis at which the values are worse."""
    scale, worse_is_high = drawing.scale, drawing.view.y.metric.loss(1.0) > 0
    at = scale.range[1 if worse_is_high else 0]
    return 10.0**at if scale.log else at
