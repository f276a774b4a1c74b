"""The front figure: the measured objective against cost, the budget, the published networks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nas.figures.density import density
from nas.figures.front_drawing import CLOUDS, GL_FROM, FrontDrawing, Rows
from nas.figures.front_options import FrontOptions
from nas.figures.front_references import label_references, reference_traces
from nas.figures.hover import brief, headline
from nas.figures.theme import SYMBOLS, PageTheme, empty, none_text, title
from nas.results import PointGroup, StudyView

HEIGHT = 520
PLOT_HEIGHT = HEIGHT - 152  # height without axis titles and legend, approximate
_SIZES = {PointGroup.FRONT: 11, PointGroup.UNCONFIRMED: 10, PointGroup.RUNNING: 9}
_SIZE = 8
_SMALL = 5
_CLEAR = "rgba(0,0,0,0)"
_BLOCK = 5000  # trials in one trace of a cloud; a change sends only its own block


def front_figure(
    view: StudyView, look: PageTheme | None = None, options: FrontOptions | None = None
) -> go.Figure:
    """Return the measured objective against cost, of candidates and published networks.

    Every trace of trials has their numbers as `customdata`; the first trace marks chosen trials.
    """
    drawing = FrontDrawing.of(view, look or PageTheme(), options or FrontOptions())
    options = drawing.options
    figure = front_frame(drawing, bool(drawing.dense))
    if not view.columns.measured.any():
        return empty(figure, none_text(view), drawing.look)
    figure.add_trace(chosen_ring(drawing))
    for group in CLOUDS:
        figure.add_traces(_clouds(drawing, group))
    figure.add_traces(_front(drawing))
    figure.add_traces(_colour_legend(drawing))
    figure.add_traces(reference_traces(drawing))
    if options.colour and not drawing.words:
        bar = {"title": {"text": options.colour}, "thickness": 14}
        figure.update_layout(coloraxis={"colorscale": "Viridis", "colorbar": bar})
    label_references(figure, drawing, PLOT_HEIGHT)
    draw_budget(figure, drawing)
    draw_box(figure, drawing)
    return figure


def front_revision(view: StudyView, options: FrontOptions) -> str:
    """Return a key of the axes; while it does not change, a page keeps its visible part."""
    return f"{view.name} {view.x.name} {view.y.name} {options.log_x} {options.log_y}"


def front_marks(
    view: StudyView, look: PageTheme, options: FrontOptions, others: Sequence[StudyView] = ()
) -> Any:
    """Return the first trace of `front_figure`, without making the other traces.

    With `others` it is the first trace of `overlay_figure`.
    """
    return chosen_ring(FrontDrawing.of(view, look, options, others))


def front_frame(drawing: FrontDrawing, dense: bool) -> go.Figure:
    """Return the figure without traces: its axes, and no background below `dense` traces."""
    view, look, options = drawing.view, drawing.look, drawing.options
    figure = go.Figure(layout=look.frame(HEIGHT, top=96))  # the legend may have two lines
    figure.update_layout(
        meta={"aria": view.summary},
        uirevision=front_revision(view, options),
        xaxis_title_text=title(view.x.label, look),
        yaxis_title_text=title(view.y.label, look),
    )
    if dense:  # WebGL is drawn below the other traces, whose background must not cover it
        figure.update_layout(paper_bgcolor=_CLEAR, plot_bgcolor=_CLEAR)
    figure.update_yaxes(**drawing.scale.axis())
    figure.update_xaxes(**_x_axis(drawing))
    return figure


def _x_axis(drawing: FrontDrawing) -> dict[str, Any]:
    across = drawing.across
    if across.log:
        return across.axis()
    pad = 0.05 * (across.high - across.low) or 0.1 * across.high
    ends = [max(0.0, across.low - pad), across.high + pad]
    return {
        "tickformat": "~s", "ticksuffix": drawing.view.x.suffix, "range": ends, "type": "linear",
    }  # fmt: skip


def _colour_legend(drawing: FrontDrawing) -> list[Any]:
    """Return empty traces for the legend: the colours of words, such as families."""
    return [
        go.Scatter(
            x=[None],
            y=[None],
            name=name,
            mode="markers",
            marker={"symbol": "square", "size": 11, "color": drawing.look.family(index)},
            hoverinfo="skip",
        )
        for index, name in enumerate(drawing.words)
    ]


def _clouds(drawing: FrontDrawing, group: PointGroup) -> list[Any]:
    """Return the points of a group, those with bars separately: plotly gives all points bars."""
    rows = drawing.rows(group)
    several = drawing.view.columns.seeds[rows] > 1
    traces = []
    for part in (rows[~several], rows[several]):
        if len(part) > GL_FROM:
            traces += _dense(drawing, group, part)
        elif len(part):
            traces.append(_cloud(drawing, group, part))
    for trace in traces[1:]:
        trace.showlegend = False
    return traces or [_cloud(drawing, group, rows)]


def _dense(drawing: FrontDrawing, group: PointGroup, rows: Rows) -> list[Any]:
    """Return the visible points of a large group, by WebGL with a trace for each block of numbers.

    If there are too many, they are drawn as a density.
    """
    rows = drawing.visible(rows)
    if group in drawing.crowded:
        colour = drawing.look.colour(group.value)
        return [density(drawing, rows, colour, group.label)]
    numbers = drawing.view.columns.number[rows]
    rows = rows[np.argsort(numbers)]
    blocks = np.sort(numbers) // _BLOCK
    exact = not (drawing.scale.log and drawing.scale.zero)
    return [
        go.Scattergl(
            **drawing.cloud_places(own),
            **_look(drawing, group, own, _SMALL),
            hovertemplate=brief(drawing.view, group, exact=exact),
        )
        for own in np.split(rows, np.flatnonzero(np.diff(blocks)) + 1)
    ]


def _cloud(drawing: FrontDrawing, group: PointGroup, rows: Rows) -> Any:
    view = drawing.view
    points = [view.points[row] for row in rows.tolist()]
    cloud = go.Scatter(
        **drawing.places(points),
        **_look(drawing, group, rows, _SIZES.get(group, _SIZE)),
        hovertext=[headline(view, point) for point in points],
        hoverinfo="text",
        showlegend=bool(points),
    )
    drawing.draw_bars(cloud, points, drawing.look.colour(group.value))
    return cloud


def _look(drawing: FrontDrawing, group: PointGroup, rows: Rows, size: int) -> dict[str, Any]:
    """Return the name and the markers of the points of a group at `rows`."""
    networks = [drawing.view.points.architecture(row) for row in rows.tolist()]
    marker = drawing.marker(networks, drawing.look.colour(group.value))
    return {
        "name": group.label,
        "legendgroup": group.value,
        "mode": "markers",
        "marker": {
            "symbol": SYMBOLS[group],
            "size": size,
            "line": {"width": 2 if group is PointGroup.UNCONFIRMED else 1.5, **marker},
            "opacity": 0.5 if size == _SMALL else 0.9,
            **marker,
        },
    }


def _front(drawing: FrontDrawing) -> list[Any]:
    """Return the points of the front, and the staircase below which nothing was found.

    If the study has other objectives than the two axes, the front is not a staircase, and only its
    points are drawn.
    """
    points = drawing.points(PointGroup.FRONT)
    colour = drawing.look.colour(PointGroup.FRONT.value)
    places = drawing.places(points)
    steps = go.Scatter(
        x=[*places["x"], max([*drawing.limits, *places["x"]])] if points else [],
        y=[*places["y"], places["y"][-1]] if points else [],
        mode="lines",
        line={"shape": "hv", "width": 2, "color": colour},
        hoverinfo="skip",
        legendgroup="front",
        showlegend=False,
        visible=drawing.view.staircase,
    )
    dots = go.Scatter(
        **places,
        name=PointGroup.FRONT.label,
        mode="markers",
        legendgroup="front",
        marker={
            "symbol": SYMBOLS[PointGroup.FRONT],
            "size": _SIZES[PointGroup.FRONT],
            "line": {"width": 1.5, "color": drawing.look.colour("surface")},
            **drawing.marker([point.architecture for point in points], colour),
        },
        hovertext=[headline(drawing.view, point) for point in points],
        hoverinfo="text",
        showlegend=bool(points),
    )
    drawing.draw_bars(dots, points, colour)
    return [steps, dots]


def chosen_ring(drawing: FrontDrawing) -> Any:
    """Return a ring around each chosen trial that is drawn."""
    return go.Scatter(
        **drawing.marks,
        name="chosen",
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": 20,
            "line": {"width": 2.5, "color": drawing.look.colour("ink")},
            "color": drawing.look.colour("ink"),
        },
        hoverinfo="skip",
        showlegend=False,
    )


def draw_budget(figure: go.Figure, drawing: FrontDrawing) -> None:
    """Draw the ceilings of the budget, and the one that the reader can move."""
    look, view = drawing.look, drawing.view
    for limit in drawing.limits:
        _line(figure, drawing, limit, "budget", "dash")
        figure.add_annotation(
            x=drawing.across.at(limit),
            y=1,
            yref="paper",
            yanchor="top",
            xanchor="right",
            showarrow=False,
            text=f"budget {view.x.show(limit / view.x.factor)}",
            font={"size": 12, "color": look.colour("budget")},
        )
    if drawing.options.limit is not None:
        _line(figure, drawing, drawing.options.limit * view.x.factor, "front", "solid")


def draw_box(figure: go.Figure, drawing: FrontDrawing) -> None:
    """Draw the box with which the reader selected trials."""
    if drawing.options.box is not None:
        left, right, low, high = drawing.options.box
        x, y = drawing.view.x.factor, drawing.view.y.factor
        ends = {"x0": x * left, "x1": x * right, "y0": y * low, "y1": y * high}
        line = {"color": drawing.look.colour("muted"), "width": 1, "dash": "dot"}
        figure.update_layout(selections=[{"type": "rect", **ends, "line": line}])


def _line(figure: go.Figure, drawing: FrontDrawing, at: float, colour: str, dash: str) -> None:
    """Draw a ceiling; the reader's own is solid."""
    figure.add_shape(
        type="line", x0=at, x1=at, y0=0, y1=1, yref="paper",
        line={"color": drawing.look.colour(colour), "width": 1.5, "dash": dash},
    )  # fmt: skip
