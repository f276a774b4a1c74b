"""The front figure: the measured objective against cost, the budget, the published networks."""

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from nas.figures.hover import brief, headline
from nas.figures.scale import Scale
from nas.figures.theme import PUBLISHED_SYMBOLS, SYMBOLS, PageTheme, empty, title
from nas.results import Point, PointGroup, StudyView

HEIGHT = 500
GL_FROM = 5000  # from here on WebGL, and labels without the architecture; SVG is as fast below
_LABEL_GAP = 20
_PLOT_HEIGHT = HEIGHT - 120  # height without axis titles and legend, approximate
_SIZES = {PointGroup.FRONT: 11, PointGroup.UNCONFIRMED: 10, PointGroup.RUNNING: 9}
_SIZE = 8
_CLOUDS = (
    PointGroup.STOPPED, PointGroup.OVER_BUDGET, PointGroup.DOMINATED, PointGroup.RUNNING,
    PointGroup.UNCONFIRMED,
)  # fmt: skip


def front_figure(view: StudyView, look: PageTheme | None = None) -> go.Figure:
    """Return the measured objective against cost, of candidates and published networks.

    Every trace of trials has their numbers as `customdata`.
    """
    look = look or PageTheme()
    figure = go.Figure(layout=look.frame(HEIGHT))
    figure.update_layout(
        meta={"aria": view.summary},
        uirevision=view.name,
        xaxis_title_text=title(view.x.label, look),
        yaxis_title_text=title(view.y.label, look),
    )
    shown = [point for point in view.points if point.y is not None]
    if not shown:
        return empty(figure, "no measurements yet", look)
    times = view.y.factor
    ends = [end * times for point in shown for end in _ends(point)]
    scale = Scale.of([(point.y or 0.0) * times for point in shown], ends)
    across = Scale.of([point.x * view.x.factor for point in shown])
    figure.update_yaxes(**scale.axis())
    figure.update_xaxes(
        tickformat="~s", ticksuffix=view.x.suffix, range=_x_range(view, across), type="linear"
    )
    for group in _CLOUDS:
        figure.add_traces(_clouds(view, group, scale, look))
    figure.add_traces(_front(view, scale, look))
    figure.add_traces(_family_legend(view, look))
    figure.add_traces(_published(view, scale, look))
    _label_published(figure, view, scale, look)
    _draw_budget(figure, view, look)
    return figure


def _x_range(view: StudyView, across: Scale) -> list[float]:
    ends = [across.low, across.high, *_limits(view)]
    low, high = min(ends), max(ends)
    pad = 0.05 * (high - low) or 0.1 * high
    return [max(0.0, low - pad), high + pad]


def _limits(view: StudyView) -> list[float]:
    return [limit * view.x.factor for cost, limit in view.limits if cost == view.x.name]


def _trace_type(view: StudyView) -> Any:
    """Return the type of all traces: WebGL is above SVG, and would hide the front."""
    clouds = (PointGroup.STOPPED, PointGroup.DOMINATED)
    many = any(sum(p.group is group for p in view.points) > GL_FROM for group in clouds)
    return go.Scattergl if many else go.Scatter


def _places(view: StudyView, points: Sequence[Point], scale: Scale) -> dict[str, Any]:
    times = view.y.factor
    return {
        "x": [point.x * view.x.factor for point in points],
        "y": [scale.place((point.y or 0.0) * times) for point in points],
        "customdata": [point.number for point in points],
    }


def _colours(
    view: StudyView, points: Sequence[Point], colour: str, look: PageTheme
) -> str | list[str]:
    """Return `colour`, or the colour of each point's family if the study has several."""
    if len(view.families) == 1:
        return colour
    return [look.family(view.families.index(point.architecture.space)) for point in points]


def _family_legend(view: StudyView, look: PageTheme) -> list[Any]:
    """Return empty traces that show the colours of the families in the legend."""
    families = view.families if len(view.families) > 1 else ()
    return [
        _trace_type(view)(
            x=[None],
            y=[None],
            name=name,
            mode="markers",
            marker={"symbol": "square", "size": 11, "color": look.family(index)},
            hoverinfo="skip",
        )
        for index, name in enumerate(families)
    ]


def _clouds(view: StudyView, group: PointGroup, scale: Scale, look: PageTheme) -> list[Any]:
    """Return the points of a group, those with bars separately: plotly gives all points bars."""
    points = [point for point in view.group(group) if point.y is not None]
    single, several = ([p for p in points if bool(_ends(p)) is bars] for bars in (False, True))
    traces = [_cloud(view, group, part, scale, look) for part in (single, several) if part]
    for trace in traces[1:]:
        trace.showlegend = False
    return traces or [_cloud(view, group, points, scale, look)]


def _cloud(
    view: StudyView, group: PointGroup, points: Sequence[Point], scale: Scale, look: PageTheme
) -> Any:
    many = len(points) > GL_FROM
    texts = (
        {"hovertemplate": brief(view, group, exact=not (scale.log and scale.zero))}
        if many
        else {"hovertext": [headline(view, point) for point in points], "hoverinfo": "text"}
    )
    colour = _colours(view, points, look.colour(group.value), look)
    cloud = _trace_type(view)(
        **_places(view, points, scale),
        name=group.label,
        legendgroup=group.value,
        mode="markers",
        marker={
            "symbol": SYMBOLS[group],
            "size": 5 if many else _SIZES.get(group, _SIZE),
            "color": colour,
            "line": {"width": 2 if group is PointGroup.UNCONFIRMED else 1.5, "color": colour},
            "opacity": 0.5 if many else 0.9,
        },
        **texts,
        showlegend=bool(points),
    )
    _draw_bars(cloud, view, points, look.colour(group.value))
    return cloud


def _front(view: StudyView, scale: Scale, look: PageTheme) -> list[Any]:
    """Return the points of the front, and the staircase below which nothing was found.

    With other objectives than the two axes the front is not a staircase here: only points are
    drawn.
    """
    points = [point for point in view.group(PointGroup.FRONT) if point.y is not None]
    colour = look.colour(PointGroup.FRONT.value)
    places = _places(view, points, scale)
    steps = _trace_type(view)(
        x=[*places["x"], max([*_limits(view), *places["x"]])] if points else [],
        y=[*places["y"], places["y"][-1]] if points else [],
        mode="lines",
        line={"shape": "hv", "width": 2, "color": colour},
        hoverinfo="skip",
        legendgroup="front",
        showlegend=False,
        visible=view.staircase,
    )
    dots = _trace_type(view)(
        **places,
        name=PointGroup.FRONT.label,
        mode="markers",
        legendgroup="front",
        marker={
            "symbol": SYMBOLS[PointGroup.FRONT],
            "size": _SIZES[PointGroup.FRONT],
            "color": _colours(view, points, colour, look),
            "line": {"width": 1.5, "color": look.colour("surface")},
        },
        hovertext=[headline(view, point) for point in points],
        hoverinfo="text",
        showlegend=bool(points),
    )
    _draw_bars(dots, view, points, colour)
    return [steps, dots]


def _ends(point: Point) -> tuple[float, ...]:
    """Return the ends of the 95 % interval along the axis; empty for a single seed."""
    own = point.spread
    return () if own is None or own.low is None or own.high is None else (own.low, own.high)


def _draw_bars(trace: Any, view: StudyView, points: Sequence[Point], colour: str) -> None:
    """Give a trace the whole 95 % intervals of its means as error bars; none for a single seed."""
    times = view.y.factor
    ends = [_ends(point) for point in points]
    if not any(ends):
        return
    above: list[float | None] = []
    below: list[float | None] = []
    for point, own in zip(points, ends, strict=True):
        at = (point.y or 0.0) * times
        above.append(own[1] * times - at if own else None)
        below.append(at - own[0] * times if own else None)
    trace.error_y = {
        "type": "data", "symmetric": False, "array": above, "arrayminus": below,
        "thickness": 1.5, "width": 5, "color": colour,
    }  # fmt: skip


def _published(view: StudyView, scale: Scale, look: PageTheme) -> list[Any]:
    """Return a trace for each published network; its symbol does not depend on results."""
    named = sorted(point.number for point in view.points if point.title)
    return [
        _reference(
            view, point, PUBLISHED_SYMBOLS[named.index(point.number) % len(PUBLISHED_SYMBOLS)],
            scale, look,
        )
        for point in view.group(PointGroup.PUBLISHED)
    ]  # fmt: skip


def _reference(view: StudyView, point: Point, symbol: str, scale: Scale, look: PageTheme) -> Any:
    trace = _trace_type(view)(
        **_places(view, [point], scale),
        name=escape(point.label),
        mode="markers",
        marker={
            "symbol": symbol,
            "size": 13,
            "color": look.colour("published"),
            "line": {"width": 1.5, "color": look.colour("surface")},
        },
        hovertext=[headline(view, point)],
        hoverinfo="text",
    )
    _draw_bars(trace, view, [point], look.colour("published"))
    return trace


def _label_published(figure: go.Figure, view: StudyView, scale: Scale, look: PageTheme) -> None:
    """Write the names of the published points to their left, without overlap.

    A narrow page has no room for the names; they are in its legend.
    """
    if look.narrow:
        return
    times = view.y.factor
    points = sorted(view.group(PointGroup.PUBLISHED), key=lambda point: point.y or 0.0)
    heights = [scale.fraction((point.y or 0.0) * times) * _PLOT_HEIGHT for point in points]
    for point, height, label in zip(points, heights, _label_heights(heights), strict=True):
        figure.add_annotation(
            x=point.x * view.x.factor,
            y=scale.at(scale.place((point.y or 0.0) * times)),
            text=escape(point.label),
            ax=-44,
            ay=height - label,
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


def _label_heights(heights: Sequence[float]) -> list[float]:
    """Return heights of labels in pixels that overlap neither each other nor other points."""
    steps = [sign * _LABEL_GAP * step for step in range(10) for sign in (1, -1)]
    placed: list[float] = []
    for index, height in enumerate(heights):
        taken = [*placed, *heights[:index], *heights[index + 1 :]]
        free = (
            height + step
            for step in steps
            if _LABEL_GAP / 2 < height + step < _PLOT_HEIGHT - _LABEL_GAP
            and all(abs(height + step - other) >= _LABEL_GAP - 2 for other in taken)
        )
        placed.append(next(free, height))
    return placed


def _draw_budget(figure: go.Figure, view: StudyView, look: PageTheme) -> None:
    for limit in _limits(view):
        figure.add_vline(
            x=limit, line={"color": look.colour("budget"), "width": 1.5, "dash": "dash"}
        )
        figure.add_annotation(
            x=limit,
            y=1,
            yref="paper",
            yanchor="top",
            xanchor="right",
            showarrow=False,
            text=f"budget {view.x.show(limit / view.x.factor)}",
            font={"size": 12, "color": look.colour("budget")},
        )
