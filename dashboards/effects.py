"""The cards that explain a study: the effects of its choices, and the audit of its scores."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from dash import dcc, html

from nas.dashboards.parts import scrolled
from nas.dashboards.reader import Snapshot
from nas.figures import (
    CONFIG,
    EFFECTS_HEADERS,
    PageTheme,
    effects_caption,
    effects_figure,
    effects_rows,
)
from nas.results import AUDIT_COLUMNS, Effects, audit_rows, audit_sentences


def effects(snapshot: Snapshot, look: PageTheme) -> list[Any]:
    """Return the card of the effects; empty for a study without a search."""
    found = snapshot.why.effects
    if found is None:
        return []
    caption = html.P(effects_caption(found), className="muted small")
    shown = [html.H2("Why: the effects of the choices"), caption]
    return shown + (_effects(found, look) if found.effects else [])


def scores(snapshot: Snapshot) -> list[Any]:
    """Return the card of the audit of scores; empty for a study without a search."""
    found = snapshot.why.audit
    if found is None:
        return []
    table = _table(AUDIT_COLUMNS.values(), [[*row.values()] for row in audit_rows(found)])
    return [
        html.H2("Why: the scores without training"),
        *(html.P(text) for text in audit_sentences(found, snapshot.why.compute)),
        *([scrolled(table, "Scores")] if found.scored else []),
    ]


def _effects(found: Effects, look: PageTheme) -> list[Any]:
    figure = effects_figure(found, look)
    height = figure.layout.height
    return [
        dcc.Graph(figure=figure, config=cast("Any", CONFIG), style={"height": height}),
        scrolled(_table(EFFECTS_HEADERS, effects_rows(found)), "Effects"),
    ]


def _table(headers: Iterable[str], rows: Sequence[Sequence[str]]) -> Any:
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in headers]))
    body = [
        html.Tr([html.Th(first, scope="row"), *(html.Td(cell) for cell in rest)])
        for first, *rest in rows
    ]
    return html.Table([head, html.Tbody(body)], className="facts small")
