"""Empirical distributions: the share of networks at or below each value, by family or study."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nas.figures.theme import DASHES, PageTheme, empty, none_text, title
from nas.metrics import Metric
from nas.results import StudyView
from nas.stats import Floats, edf

_HEIGHT = 360


def edf_figure(views: Sequence[StudyView], look: PageTheme | None = None) -> go.Figure:
    """Return the distribution of the metric on the y axis, over complete candidates.

    A single study has a curve for each family; several, along the same axes, have one each.
    """
    look = look or PageTheme()
    figure = go.Figure(layout=look.frame(_HEIGHT))
    metric = views[0].y.metric
    figure.update_layout(
        xaxis_title_text=title(views[0].y.label, look),
        yaxis_title_text=title("complete networks at or below this value (%)", look),
    )
    samples = [(name, values) for name, values in _samples(views) if len(values)]
    if not samples:
        return empty(figure, none_text(views[0], "no candidate is complete yet"), look)
    ends = edf_ends(metric, [values for _, values in samples])
    figure.update_xaxes(range=list(ends))
    figure.update_yaxes(range=[-2, 102])
    for turn, (name, values) in enumerate(samples):
        figure.add_trace(edf_curve(name, metric, values, turn, ends, look))
    figure.update_layout(showlegend=True)
    return figure


def edf_text(several: bool = False) -> str:
    """Return the caption of the curves, of families or of `several` studies."""
    each = "study" if several else "family"
    return f"The share of the complete networks of each {each} at or below each value."


def _samples(views: Sequence[StudyView]) -> Iterator[tuple[str, Floats]]:
    """Yield the name of each family or study, and the values of its complete candidates."""
    first = views[0]
    if len(views) > 1:
        for view in views:
            yield view.name, view.columns.y[view.complete]
        return
    rows = first.complete
    if len(first.families) == 1:
        yield first.families[0], first.columns.y[rows]
        return
    spaces = np.array([first.points.architecture(row).space for row in rows.tolist()])
    for family in first.families:
        yield family, first.columns.y[rows[spaces == family]]


def edf_ends(metric: Metric, samples: Sequence[Floats]) -> tuple[float, float]:
    """Return the ends of an axis, in the displayed unit, for samples of a metric."""
    pooled = metric.factor * np.concatenate(samples)
    pad = 0.04 * float(pooled.max() - pooled.min()) or 1.0
    return max(metric.lowest * metric.factor, float(pooled.min()) - pad), float(pooled.max()) + pad


def edf_curve(
    name: str,
    metric: Metric,
    values: Floats,
    turn: int,
    ends: tuple[float, float],
    look: PageTheme,
) -> Any:
    """Return the distribution of a sample as a line between the `ends` of the axis."""
    steps = np.unique(values)
    return go.Scatter(
        x=[ends[0], *(metric.factor * steps), ends[1]],
        y=[0.0, *(100 * edf(values, steps)), 100.0],
        legendgroup=name,
        mode="lines",
        name=f"{escape(name)} (n = {len(values)})",
        line={
            "width": 2.2,
            "shape": "hv",
            "color": look.family(turn),
            "dash": DASHES[turn % len(DASHES)],
        },
        hovertemplate=f"{escape(name)}: %{{y:.0f}} % at or below "
        f"%{{x:{metric.digits}}} {metric.unit} {metric.short}<extra></extra>",
    )
