"""Parallel coordinates: the choices, costs and results of the complete networks of a study."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from nas.figures.front_options import FAMILY, choice_in, colour_names
from nas.figures.theme import PageTheme, empty, none_text
from nas.metrics import Direction
from nas.results import StudyView
from nas.space import Architecture, Value, format_value

PARALLEL_MOST = 1_000  # lines
_HEIGHT = 420
_AXIS_WIDTH = 88  # pixels that an axis needs for its labels
_ABSENT = "–"


def parallel_choices(view: StudyView) -> tuple[str, ...]:
    """Return the choices of the stages that vary between the networks of a view."""
    return tuple(name for name in colour_names(view) if name != FAMILY)


def parallel_figure(
    view: StudyView, look: PageTheme | None = None, choice: str | None = None
) -> go.Figure:
    """Return a line for each complete candidate of a view, at most the best 1,000.

    Each choice that varies has an axis: a number is its mean over the blocks (a depth the sum over
    the stages), a word that of all blocks, or `mixed`. With `choice` the axes are the stages in
    which this choice varies. Two further axes are the metrics of the view; the second one is also
    the colour.
    """
    look = look or PageTheme()
    figure = go.Figure(layout=look.frame(_HEIGHT))
    rows = parallel_rows(view)
    if not len(rows):
        return empty(figure, none_text(view, "no candidate is complete yet"), look)
    networks = [view.points.architecture(row) for row in rows.tolist()]
    axes = [_axis(name, values) for name, values in _choices(view, networks, choice)]
    for axis, values in ((view.x, view.columns.x), (view.y, view.columns.y)):
        label = f"{axis.metric.short} ({axis.metric.unit})" if axis.metric.unit else axis.name
        axes.append({"label": label, "values": (axis.factor * values[rows]).tolist()})
        axes[-1]["tickformat"] = "~s" if axis.metric.write else "~g"
    lowest_is_best = view.y.metric.direction is Direction.MINIMISE
    ink = look.colour("ink")
    figure.add_trace(
        go.Parcoords(
            dimensions=axes,
            line={
                "color": axes[-1]["values"],
                "colorscale": "Viridis",
                "reversescale": look.dark is lowest_is_best,  # the best contrasts with the page
                "showscale": not look.narrow,
                "colorbar": {"title": {"text": axes[-1]["label"]}, "thickness": 14},
            },
            labelfont={"color": ink, "size": 13},
            tickfont={"color": ink, "size": 12},
            rangefont={"color": "rgba(0,0,0,0)", "size": 1},  # the ticks show the ends
            unselected={"line": {"color": look.colour("grid"), "opacity": 0.25}},
        )
    )
    figure.update_layout(
        margin={"l": 60, "r": 60, "t": 64, "b": 24}, meta={"width": _AXIS_WIDTH * len(axes)}
    )
    return figure


def parallel_rows(view: StudyView) -> Any:
    """Return the positions of the networks that are drawn, the best last, so that it is on top."""
    return view.ranked[:PARALLEL_MOST][::-1]


def parallel_text(view: StudyView) -> str:
    """Return a description of the drawn networks."""
    drawn, complete = len(parallel_rows(view)), len(view.complete)
    which = f"the best {drawn:,} of {complete:,}" if drawn < complete else f"all {drawn:,}"
    return (
        f"A line is one complete network ({which}), its colour the {view.y.metric.short}. "
        "Drag along an axis to keep a part of it."
    )


def _choices(
    view: StudyView, networks: Sequence[Architecture], choice: str | None
) -> list[tuple[str, list[Any]]]:
    """Return the name and the values of each axis that varies."""
    if choice is None:
        found = [(key, [choice_in(one, key) for one in networks]) for key in colour_names(view)]
    else:
        found = [
            (stage, [_stage_value(one, choice, index, space) for one in networks])
            for space, stages in view.stage_names.items()
            for index, stage in enumerate(_named(stages, space, len(view.families) > 1))
        ]
    return [(name, values) for name, values in found if len(set(values)) > 1]


def _named(stages: Sequence[str], space: str, several: bool) -> list[str]:
    return [f"{space} {stage}" if several else stage for stage in stages]


def _stage_value(network: Architecture, key: str, index: int, space: str) -> Value | None:
    if network.space != space or key not in network.keys:
        return None
    return network.column(key)[index]


def _axis(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return a dimension: means along a scale, other values evenly with a tick each."""
    if all(isinstance(value, float) for value in values):
        return {"label": name, "values": list(values), "tickformat": "~g"}
    known = sorted({value for value in values if value is not None}, key=_order)
    ordered = [*([None] if None in values else []), *known]
    place = {value: at for at, value in enumerate(ordered)}
    return {
        "label": name,
        "values": [place[value] for value in values],
        "tickvals": list(range(len(ordered))),
        "ticktext": [_word(value) for value in ordered],
        "range": [-0.2, len(ordered) - 0.8],
    }


def _order(value: Any) -> tuple[bool, Any]:
    """Return a sort key: numbers by size, then words."""
    number = isinstance(value, int | float)
    return not number, value if number else format_value(value)


def _word(value: Any) -> str:
    if value is None:
        return _ABSENT
    return f"{value:.4g}" if isinstance(value, float) else format_value(value)
