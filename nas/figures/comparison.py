"""Figures of a comparison: error distributions with bands, differences with intervals."""

import math
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nas.figures.distributions import edf_curve, edf_ends
from nas.figures.document import (
    document_html,
    facts_section,
    figure_section,
    table_section,
    write_document,
)
from nas.figures.theme import PUBLISHED_SYMBOLS, PageTheme, faint, title
from nas.results import Comparison, Group, Pair, group_table
from nas.stats import edf

_HEIGHT = 460
_REMEDY = "Give another file with --plot, in a directory that exists and is writable."


def distributions_figure(comparison: Comparison, look: PageTheme | None = None) -> go.Figure:
    """Return the share of networks at or below each value, for every group, with 95 % bands."""
    look, metric = look or PageTheme(), comparison.metric
    figure = go.Figure(layout=look.frame(_HEIGHT))
    ends = edf_ends(metric, [np.array(group.errors) for group in comparison.groups])
    figure.update_xaxes(
        title_text=title(f"{metric.label}, validation split{_unit(metric.unit)}", look),
        range=list(ends),
    )
    figure.update_yaxes(
        title_text=title("networks at or below this value (%)", look), range=[-2, 102]
    )
    for turn, group in enumerate(comparison.groups):
        for trace in _distribution(group, turn, ends, look):
            figure.add_trace(trace)
    return figure


def differences_figure(comparison: Comparison, look: PageTheme | None = None) -> go.Figure:
    """Return the difference of the means of every pair, with its interval."""
    look, metric = look or PageTheme(), comparison.metric
    pairs = list(reversed(comparison.pairs))  # plotly draws the first one at the bottom
    figure = go.Figure(layout=look.frame(150 + 46 * len(pairs), top=34))
    figure.update_layout(showlegend=False)
    figure.update_xaxes(
        title_text=f"{metric.difference_unit or 'difference'} of {metric.label}, 95 %"
        if look.narrow
        else f"difference of the mean {metric.label}{_unit(metric.difference_unit)}, 95 % interval"
    )
    figure.update_xaxes(range=_reaching_zero(pairs))
    figure.add_vline(x=0, line={"color": look.colour("muted"), "width": 1, "dash": "dot"})
    for pair in pairs:
        figure.add_trace(_difference(pair, look))
    return figure


def write_comparison(
    comparison: Comparison, facts: Sequence[tuple[str, str]], lines: Sequence[str], path: Path
) -> None:
    """Write the page to `path` atomically; `lines` are its statements.

    Raises:
        ExportError: the file cannot be written.
    """
    write_document(comparison_html(comparison, facts, lines), path, remedy=_REMEDY)


def comparison_html(
    comparison: Comparison, facts: Sequence[tuple[str, str]], lines: Sequence[str]
) -> str:
    """Return the page as text; it loads nothing from the network."""
    columns, rows = group_table(comparison)
    cells = [[row[key] for key in columns] for row in rows]
    sections = [
        figure_section(
            "distributions", f"Distributions of the {comparison.metric.short}", _CAPTION
        ),
        figure_section("differences", "Differences", _EFFECTS[comparison.key is None]),
        table_section("Groups", list(columns.values()), cells, _GROUPS),
        facts_section("Settings", facts),
    ]
    figures = {
        "distributions": partial(distributions_figure, comparison),
        "differences": partial(differences_figure, comparison),
    }
    return document_html(comparison.study, lines, sections, figures, "comparison")


_CAPTION = (
    "Each step is a network drawn at random and trained to the end. A band contains the whole "
    "curve of its group with 95 % confidence (bootstrap)."
)
_GROUPS = "On validation, after the last epoch, with 95 % intervals; multiply-adds at deployment."
_EFFECTS = {
    True: "First minus second: left of zero the first has the lower mean. Filled: significant "
    "after correction for the number of pairs.",
    False: "Each value against the first one, over pairs that differ only in this choice; left of "
    "zero it is lower. Filled: significant after correction for the number of pairs.",
}


def _distribution(group: Group, turn: int, ends: tuple[float, float], look: PageTheme) -> list[Any]:
    """Return the band and the curve of one group; shares in percent."""
    metric = group.metric
    errors = np.array(group.errors)
    steps = np.unique(errors)
    shares = 100 * edf(errors, steps)
    x = [ends[0], *(metric.factor * steps), ends[1]]
    y = np.array([0.0, *shares, 100.0])
    colour, reach = look.family(turn), 100 * group.reach
    curve = {"x": x, "legendgroup": group.name, "mode": "lines"}
    edge = {**curve, "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip", "showlegend": False}
    return [
        go.Scatter(y=np.maximum(y - reach, 0.0), **edge),
        go.Scatter(y=np.minimum(y + reach, 100.0), fill="tonexty", fillcolor=faint(colour), **edge),
        edf_curve(group.name, metric, errors, turn, ends, look),
    ]


def _difference(pair: Pair, look: PageTheme) -> Any:
    ends = (pair.mean.low, pair.mean.value, pair.mean.high)
    low, value, high = (pair.metric.factor * end for end in ends)
    reach = [high - value, value - low]
    known = all(map(math.isfinite, reach))
    colour = look.colour("front" if pair.significant else "muted")
    symbol = PUBLISHED_SYMBOLS[0]
    return go.Scatter(
        x=[value],
        y=[f"{pair.first} − {pair.second}"],
        error_x={"array": reach[:1], "arrayminus": reach[1:], "color": colour, "width": 6}
        if known
        else None,
        mode="markers",
        marker={
            "symbol": symbol if pair.significant else f"{symbol}-open",
            "size": 11,
            "color": colour,
        },
        hovertemplate=f"{escape(pair.verdict)}, p = {pair.p_holm:.3g} (Holm), n = {pair.n}"
        "<extra></extra>",
    )


def _reaching_zero(pairs: Sequence[Pair]) -> list[float]:
    """Return the ends of an axis in points that shows every finite interval, and zero."""
    ends = [0.0] + [
        pair.metric.factor * end
        for pair in pairs
        for end in (pair.mean.low, pair.mean.value, pair.mean.high)
        if math.isfinite(end)
    ]
    pad = 0.06 * (max(ends) - min(ends)) or 1.0
    return [min(ends) - pad, max(ends) + pad]


def _unit(unit: str) -> str:
    return f" ({unit})" if unit else ""
