"""The page of a space: the distribution of its costs, and the part within a budget."""

import math
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path

import plotly.graph_objects as go

from nas.feasible import Distribution
from nas.figures.document import WIDE, document_html, figure_section, write_document
from nas.figures.theme import PageTheme, title
from nas.metrics import cost_metric

_HEIGHT = 460
_REMEDY = "Give another file with --plot, in a directory that exists and is writable."


def costs_figure(spread: Distribution, look: PageTheme | None = None) -> go.Figure:
    """Return the share of the space by cost, with the feasible part and the first ceiling."""
    look = look or PageTheme()
    figure = go.Figure(layout=look.frame(_HEIGHT))
    figure.update_layout(
        xaxis_title_text=title(f"{spread.cost} (logarithmic)", look),
        yaxis_title_text=title("share of the architectures in each interval (%)", look),
        bargap=0,
        hovermode="x",
    )
    low, high = _shown(spread)
    metric = cost_metric(spread.cost)
    ends = [math.log10(low * metric.factor), math.log10(high * metric.factor)]
    figure.update_xaxes(type="log", tickformat="~s", ticksuffix=metric.unit, dtick="D2", range=ends)
    figure.update_yaxes(rangemode="tozero")
    layers = [("whole space", spread.whole, "dominated")]
    if spread.limit is not None:
        layers.append(("within the budget", spread.feasible, "front"))
    for name, counts, role in layers:
        figure.add_trace(_steps(spread, counts, name, look.colour(role)))
    if spread.limit is not None:
        _mark(figure, spread, look)
    return figure


def write_costs_page(spread: Distribution, heading: str, lines: Sequence[str], path: Path) -> None:
    """Write the page to `path` atomically.

    Raises:
        ExportError: the file cannot be written.
    """
    write_document(costs_html(spread, heading, lines), path, remedy=_REMEDY)


def costs_html(spread: Distribution, heading: str, lines: Sequence[str]) -> str:
    """Return the page as text; `lines` are shown above the figure."""
    caption = "The ratio of adjacent edges is constant; the budget is an edge."
    if spread.sampled:
        caption += " The part within the budget is estimated from random draws."
    label = f"Share of the architectures by {spread.cost}"
    sections = [
        figure_section("costs", "Distribution of costs", caption, label),
        _numbers(spread),
    ]
    figures = {"costs": partial(costs_figure, spread)}
    return document_html(heading, lines, sections, figures, "costs", WIDE)


def share(count: float, total: float) -> str:
    """Return a share of `total` as a percentage of three digits."""
    return f"{100 * count / total:.3g} %"


def _numbers(spread: Distribution) -> str:
    """Return the table of the intervals."""
    rows = "".join(
        f'<tr><td class="number">{_words(spread, low)} to {_words(spread, high)}</td>'
        f'<td class="number">{whole:.3g}</td><td class="number">{share(whole, spread.total)}</td>'
        f'<td class="number">{feasible:.3g}</td></tr>'
        for low, high, whole, feasible in zip(
            spread.edges, spread.edges[1:], spread.whole, spread.feasible, strict=False
        )
    )
    heads = (escape(spread.cost), "architectures", "share", "within the budget")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        '<section class="card"><h2>Numbers</h2><div class="scroll">'
        f'<table class="settings small"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _words(spread: Distribution, cost: float) -> str:
    return cost_metric(spread.cost).show(cost, 3)


def _shown(spread: Distribution) -> tuple[float, float]:
    """Return the range of costs with more than 0.001 % of the space, including the ceiling."""
    held = [i for i, count in enumerate(spread.whole) if count > 1e-5 * spread.total]
    low, high = spread.edges[held[0]], spread.edges[held[-1] + 1]
    limit = spread.limit if spread.limit is not None else high
    return min(low, limit / 1.5), max(high, limit * 1.1)


def _steps(spread: Distribution, counts: Sequence[float], name: str, colour: str) -> go.Scatter:
    shares = [100 * count / spread.total for count in counts]
    texts = [
        f"{_words(spread, low)} to {_words(spread, high)} {spread.cost}: {count:.3g} architectures"
        for low, high, count in zip(spread.edges, spread.edges[1:], counts, strict=False)
    ]
    return go.Scatter(
        x=[edge * cost_metric(spread.cost).factor for edge in spread.edges],
        y=[*shares, shares[-1]],
        name=name,
        mode="lines",
        line={"shape": "hv", "width": 1.5, "color": colour},
        fill="tozeroy",
        hovertext=[*texts, texts[-1]],
        hoverinfo="text+name",
    )


def _mark(figure: go.Figure, spread: Distribution, look: PageTheme) -> None:
    """Draw the ceiling; on a logarithmic axis the position of an annotation is the exponent."""
    metric = cost_metric(spread.cost)
    limit = (spread.limit or 1) * metric.factor
    line = {"color": look.colour("budget"), "width": 2, "dash": "dash"}
    figure.add_shape(type="line", x0=limit, x1=limit, y0=0, y1=1, yref="paper", line=line)
    figure.add_annotation(
        x=math.log10(limit),
        y=1,
        yref="paper",
        xanchor="left",
        yanchor="top",
        xshift=4,
        showarrow=False,
        text=f"budget {metric.show(spread.limit or 1)}",
        font={"color": look.colour("budget"), "size": 12},
    )
