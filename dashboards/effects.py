"""The card that explains a study: the effect of each choice on what is measured."""

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
from nas.results import study_effects


def effects(snapshot: Snapshot, look: PageTheme) -> list[Any]:
    """Return the caption, the figure and the table; nothing if the study searches for nothing."""
    found = study_effects(snapshot.spec, snapshot.found.trials)
    if found is None:
        return []
    shown: list[Any] = [
        html.H2("Why: the effects of the choices"),
        html.P(effects_caption(found), className="muted small"),
    ]
    if not found.effects:
        return shown
    figure = effects_figure(found, look)
    height = figure.layout.height
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in EFFECTS_HEADERS]))
    rows = [
        html.Tr([html.Th(first, scope="row"), *(html.Td(cell) for cell in rest)])
        for first, *rest in effects_rows(found)
    ]
    table = html.Table([head, html.Tbody(rows)], className="compared small")
    return [
        *shown,
        dcc.Graph(figure=figure, config=cast("Any", CONFIG), style={"height": height}),
        scrolled(table, "Effects"),
    ]
