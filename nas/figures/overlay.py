"""The figure of the front with several studies: each has a colour, seeds of one search a band."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nas.figures.front import PLOT_HEIGHT, chosen_ring, draw_box, draw_budget, front_frame
from nas.figures.front_drawing import GL_FROM, FrontDrawing
from nas.figures.front_options import FrontOptions
from nas.figures.front_references import label_references, reference_traces
from nas.figures.hover import headline
from nas.figures.theme import DASHES, SYMBOLS, PageTheme, empty, faint, none_text
from nas.results import GROUPS, AttainmentBand, Overlay, PointGroup
from nas.stats import Points


def overlay_figure(
    found: Overlay, look: PageTheme | None = None, options: FrontOptions | None = None
) -> go.Figure:
    """Return the points and fronts of several studies, and the bands of seeds of one search.

    The first study is that of the page: the `customdata` of its points are the numbers of trials.
    Those of the others are `study#number`. The first trace marks the chosen trials of the first.
    """
    first, *others = found.views
    look, options = look or PageTheme(), options or FrontOptions()
    drawing = FrontDrawing.of(first, look, replace(options, colour=None), others)
    clouds = [_Study(replace(drawing, view=view), at) for at, view in enumerate(found.views)]
    figure = front_frame(drawing, any(one.dense for one in clouds))
    if not any(view.columns.measured.any() for view in found.views):
        return empty(figure, none_text(first), look)
    figure.add_trace(chosen_ring(drawing))
    for turn, band in enumerate(found.bands):
        figure.add_traces(_band(drawing, band, turn))
    for one in clouds:
        figure.add_traces(one.traces())
    figure.add_traces(reference_traces(drawing))
    label_references(figure, drawing, PLOT_HEIGHT)
    draw_budget(figure, drawing)
    draw_box(figure, drawing)
    return figure


def overlay_text(found: Overlay) -> str:
    """Return what the areas are, in words; empty without one."""
    return " ".join(
        f"The area reaches from {band.edges} of one search ({', '.join(band.studies)}); half of "
        "the seeds attain the dotted line."
        for band in found.bands
    )


class _Study:
    """The traces of one study; the legend has its name only."""

    def __init__(self, drawing: FrontDrawing, turn: int) -> None:
        self._drawing, self._first = drawing, turn == 0
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

    def traces(self) -> list[Any]:
        """Return the cloud, the staircase and the points of the front."""
        drawing, view = self._drawing, self._drawing.view
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
        return [self._cloud(shared), steps, dots]

    def _cloud(self, shared: dict[str, Any]) -> Any:
        drawing, rows = self._drawing, self._rows
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
        name = self._drawing.view.name
        return list(numbers) if self._first else [f"{name}#{number}" for number in numbers]

    def _label(self, text: str) -> str:
        return f"{escape(self._drawing.view.name)}: {text}"


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
