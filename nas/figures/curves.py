"""The learning curves: the reported metric of every trial by epoch."""

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from nas.figures.scale import Scale
from nas.figures.theme import SYMBOLS, PageTheme, empty, none_text, title
from nas.metrics import Metric
from nas.results import Point, PointGroup, StudyView, curve_rows

HEIGHT = 380
_WIDTHS = {PointGroup.FRONT: 2.2, PointGroup.PUBLISHED: 2.2}


def learning_curves_figure(view: StudyView, look: PageTheme | None = None) -> go.Figure:
    """Return the reported metric by epoch of the best 300 trials, with the rungs marked."""
    look = look or PageTheme()
    figure = go.Figure(layout=look.frame(HEIGHT))
    figure.update_layout(uirevision=view.name)
    points = curves_shown(view)
    left_out = int((view.columns.epoch > 0).sum()) - len(points)
    figure.update_layout(
        xaxis_title_text=title(
            "epoch" + (f" ({left_out} trials not shown)" if left_out else ""), look
        ),
        yaxis_title_text=title(_label(view.metric), look),
    )
    if not points:
        return empty(figure, none_text(view), look)
    scale = Scale.of(
        [
            view.metric.factor * value
            for point in points
            for curve in _all(point)
            for _, value in curve
        ]
    )
    figure.update_yaxes(**scale.axis())
    figure.update_xaxes(range=[0.8, view.rungs[-1] + 0.2], dtick=-(-view.rungs[-1] // 12))
    order = (
        PointGroup.STOPPED, PointGroup.FAILED, PointGroup.OVER_BUDGET, PointGroup.DOMINATED,
        PointGroup.RUNNING, PointGroup.UNCONFIRMED, PointGroup.FRONT, PointGroup.PUBLISHED,
    )  # fmt: skip
    for group in order:
        members = [point for point in points if point.group is group]
        if members:
            figure.add_trace(_curves(view, group, members, scale, look))
    _mark_rungs(figure, view, look)
    return figure


def curves_shown(view: StudyView) -> list[Point]:
    """Return the points whose curves are drawn, in the order of the table."""
    return [view.points[row] for row in curve_rows(view.columns).tolist()]


def _all(point: Point) -> tuple[tuple[tuple[int, float], ...], ...]:
    """Return the curve of the first seed, and those of the further ones."""
    return (point.curve, *point.further_curves)


def _curves(
    view: StudyView, group: PointGroup, points: Sequence[Point], scale: Scale, look: PageTheme
) -> Any:
    """Return one trace for a group: its curves one after another, with gaps between them."""
    x: list[int | None] = []
    y: list[float | None] = []
    numbers: list[int | None] = []
    text: list[str] = []
    for point in points:
        for seed, curve in enumerate(_all(point), start=1):
            further = f", seed {seed}" if seed > 1 else ""
            for epoch, value in curve:
                x.append(epoch)
                y.append(scale.place(view.metric.factor * value))
                numbers.append(point.number)
                text.append(
                    escape(f"{point.label}{further}, epoch {epoch}: {view.metric.show(value)}")
                )
            x.append(None)
            y.append(None)
            numbers.append(None)
            text.append("")
    colour = look.colour(group.value if group is not PointGroup.FAILED else "budget")
    symbol = {PointGroup.PUBLISHED: "diamond", PointGroup.FAILED: "x-thin-open"}.get(
        group
    ) or SYMBOLS[group]
    return go.Scatter(
        x=x,
        y=y,
        customdata=numbers,
        hovertext=text,
        hoverinfo="text",
        name=group.label,
        mode="lines+markers",
        line={"width": _WIDTHS.get(group, 1.2), "color": colour},
        marker={
            "symbol": symbol,
            "size": 6,
            "color": colour,
            "line": {"color": colour, "width": 1.2},
        },
        opacity=1 if group in _WIDTHS else 0.7,
    )


def _label(metric: Metric) -> str:
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{metric.label}, validation split{unit}"


def _mark_rungs(figure: go.Figure, view: StudyView, look: PageTheme) -> None:
    for epoch in view.rungs[:-1]:
        figure.add_vline(x=epoch, line={"color": look.colour("muted"), "width": 1, "dash": "dot"})
        if look.narrow:  # no room for the text
            continue
        figure.add_annotation(
            x=epoch,
            y=1,
            yref="paper",
            yanchor="top",
            xanchor="left",
            xshift=3,
            showarrow=False,
            text=f"best 1/{view.eta} continue",
            font={"size": 11, "color": look.colour("muted")},
        )
