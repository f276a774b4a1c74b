"""The published networks in the figure of the front: symbols and names."""

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from nas.figures.front_drawing import FrontDrawing
from nas.figures.hover import headline
from nas.figures.theme import PUBLISHED_SYMBOLS
from nas.results import Point, PointGroup

_LABEL_GAP = 20


def reference_traces(drawing: FrontDrawing) -> list[Any]:
    """Return a trace for each published network; its symbol does not depend on results."""
    columns = drawing.view.columns
    named = sorted(columns.number[columns.named].tolist())
    count = len(PUBLISHED_SYMBOLS)
    symbols = {number: PUBLISHED_SYMBOLS[i % count] for i, number in enumerate(named)}
    points = drawing.points(PointGroup.PUBLISHED)
    return [_trace(drawing, point, symbols[point.number]) for point in points]


def _trace(drawing: FrontDrawing, point: Point, symbol: str) -> Any:
    look = drawing.look
    trace = go.Scatter(
        **drawing.places([point]),
        name=escape(point.label),
        mode="markers",
        marker={
            "symbol": symbol,
            "size": 13,
            "color": look.colour("published"),
            "line": {"width": 1.5, "color": look.colour("surface")},
        },
        hovertext=[headline(drawing.view, point)],
        hoverinfo="text",
    )
    drawing.draw_bars(trace, [point], look.colour("published"))
    return trace


def label_references(figure: go.Figure, drawing: FrontDrawing, height: int) -> None:
    """Write the names of the published points to their left, without overlap.

    `height` is that of the plot in pixels. A narrow page has no space for the names; they are in
    its legend.
    """
    look, scale, across, view = drawing.look, drawing.scale, drawing.across, drawing.view
    if look.narrow:
        return
    times = view.y.factor
    points = sorted(drawing.points(PointGroup.PUBLISHED), key=lambda point: point.y or 0.0)
    heights = [scale.fraction((point.y or 0.0) * times) * height for point in points]
    for point, at, label in zip(points, heights, _label_heights(heights, height), strict=True):
        figure.add_annotation(
            x=across.at(across.place(point.x * view.x.factor)),
            y=scale.at(scale.place((point.y or 0.0) * times)),
            text=escape(point.label),
            ax=-44,
            ay=at - label,
            xanchor="right",
            arrowwidth=1,
            arrowhead=0,
            standoff=6,
            arrowcolor=look.colour("muted"),
            bgcolor=look.colour("surface"),
            borderpad=1,
            opacity=0.92,
            font={"size": 12, "color": look.colour("ink")},
        )


def _label_heights(heights: Sequence[float], height: int) -> list[float]:
    """Return heights of labels in pixels that overlap neither each other nor other points."""
    steps = [sign * _LABEL_GAP * step for step in range(10) for sign in (1, -1)]
    placed: list[float] = []
    for index, own in enumerate(heights):
        taken = [*placed, *heights[:index], *heights[index + 1 :]]
        free = (
            own + step
            for step in steps
            if _LABEL_GAP / 2 < own + step < height - _LABEL_GAP
            and all(abs(own + step - other) >= _LABEL_GAP - 2 for other in taken)
        )
        placed.append(next(free, own))
    return placed
