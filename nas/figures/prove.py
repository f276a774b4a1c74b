"""The page of `nas prove`: regret and hypervolume of every sampler, by trainings or epochs."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from nas.figures.document import (
    document_html,
    facts_section,
    figure_section,
    table_section,
    write_document,
)
from nas.figures.theme import DASHES, PageTheme, title
from nas.prove import Spread, SummaryRow

_HEIGHT = 420
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "triangle-down", "cross")


def regret_figure(
    rows: Sequence[SummaryRow], look: PageTheme | None = None, unit: str = "trainings"
) -> go.Figure:
    """Return the median regret with its quartiles, in points of accuracy; lower is better."""
    look = look or PageTheme()
    text = "points of accuracy below the best within the budget"
    return _scores(rows, lambda row: row.regret, text, look, unit)


def volume_figure(
    rows: Sequence[SummaryRow], look: PageTheme | None = None, unit: str = "trainings"
) -> go.Figure:
    """Return the median share of the true front's hypervolume with its quartiles."""
    look = look or PageTheme()
    text = "hypervolume (share of the true front's)"
    return _scores(rows, lambda row: row.volume, text, look, unit)


def write_prove(
    rows: Sequence[SummaryRow],
    facts: Mapping[str, str],
    verdict: str,
    path: Path,
    unit: str = "trainings",
) -> None:
    """Write the page to `path` atomically; the rows are scored after trainings or epochs.

    Raises:
        ExportError: the file cannot be written.
    """
    write_document(prove_html(rows, facts, verdict, unit), path)


def prove_html(
    rows: Sequence[SummaryRow], facts: Mapping[str, str], verdict: str, unit: str = "trainings"
) -> str:
    """Return the page as text; it loads nothing from the network."""
    band = "Lines are medians over the seeds, bands their quartiles."
    sections = [
        figure_section(
            "regret",
            "Regret",
            "The distance of the returned network from the best one within the budget, in mean "
            f"accuracy over all trainings; lower is better. {band}",
        ),
        figure_section(
            "volume",
            "Hypervolume",
            "The hypervolume of the networks trained so far as a share of the true front's; "
            f"higher is better. {band}",
        ),
        table_section(
            "Scores", ("Sampler", unit.capitalize(), *_HEADS), [_cells(row) for row in rows]
        ),
        facts_section("Setting", facts.items()),
    ]
    figures = {
        "regret": partial(regret_figure, rows, unit=unit),
        "volume": partial(volume_figure, rows, unit=unit),
    }
    lead = [line for line in (verdict,) if line]
    return document_html("Samplers on a table of trained networks", lead, sections, figures)


_HEADS = ("Seeds", "Regret", "HV share", "HV returned", "Confirmed regret", "Extra")


def _cells(row: SummaryRow) -> list[Any]:
    confirmed = (row.confirmed, f"{row.extra:g}") if row.confirmed else ("–", "–")
    return [
        row.sampler, row.after, row.seeds, row.regret, row.volume, row.returned, *confirmed,
    ]  # fmt: skip


def _scores(
    rows: Sequence[SummaryRow],
    score: Callable[[SummaryRow], Spread],
    text: str,
    look: PageTheme,
    unit: str,
) -> go.Figure:
    figure = go.Figure(layout=look.frame(_HEIGHT))
    counts = list(dict.fromkeys(row.after for row in rows))
    figure.update_xaxes(title_text=title(unit, look), tickvals=counts)
    figure.update_yaxes(title_text=title(text, look))
    for turn, label in enumerate(dict.fromkeys(row.sampler for row in rows)):
        own = [row for row in rows if row.sampler == label]
        x, spreads = [row.after for row in own], [score(row) for row in own]
        colour = look.family(turn)
        figure.add_trace(_band(x, spreads, label, colour))
        figure.add_trace(
            go.Scatter(
                x=x,
                y=[spread.median for spread in spreads],
                customdata=[[spread.q1, spread.q3] for spread in spreads],
                name=escape(label),
                legendgroup=label,
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": DASHES[turn % len(DASHES)]},
                marker={"symbol": _SYMBOLS[turn % len(_SYMBOLS)], "size": 8},
                hovertemplate=f"{escape(label)} after %{{x}}: %{{y:.3f}} "
                "[%{customdata[0]:.3f}, %{customdata[1]:.3f}]<extra></extra>",
            )
        )
    return figure


def _band(x: Sequence[int], spreads: Sequence[Spread], label: str, colour: str) -> Any:
    """Return the area between the quartiles."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return go.Scatter(
        x=[*x, *reversed(x)],
        y=[*(spread.q1 for spread in spreads), *(spread.q3 for spread in reversed(spreads))],
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.13)",
        line={"width": 0},
        hoverinfo="skip",
        legendgroup=label,
        showlegend=False,
    )
