"""The card of the workers: the trials that each of them trained, and when."""

from typing import Any

import dash
from dash import Input, Output, State, no_update

from nas.dashboards.clock import zone_of
from nas.dashboards.reader import Reader
from nas.dashboards.shared import Shared
from nas.dashboards.updates import Prepared, changed, prepared
from nas.errors import NasError
from nas.figures import TIMELINE_MOST, PageTheme, timeline_figure, timeline_text


def register_timeline(app: dash.Dash, reader: Reader, shared: Shared) -> None:
    """Register the callback that draws the card after the front."""

    @app.callback(
        Output("timeline", "figure"),
        Output("timeline", "style"),
        Output("timeline-text", "children"),
        Output("timeline-of", "data"),
        Input("timeline-seen", "data"),
        State("timeline-of", "data"),
    )
    def draw(seen: Any, known: Any) -> tuple[Any, ...]:
        if not seen or (known and seen["drawn"] == known["drawn"]):
            return (no_update,) * 4
        look, study = seen["drawn"]["look"], seen["study"]
        try:
            key = ("timeline", reader.last(study).serial, *look.items())
            parts = shared.get(key, lambda: _timeline(reader, study, look))
        except NasError:
            return (no_update,) * 4  # the status shows the error
        sent, digests = changed(parts, known["digests"] if known else {})
        now = {"drawn": seen["drawn"], "digests": digests}
        return sent["figure"], sent["style"], sent["text"], now


def _timeline(reader: Reader, study: str, look: dict[str, Any]) -> dict[str, Prepared]:
    attempts = reader.timeline(study, TIMELINE_MOST)
    theme = PageTheme(look["dark"], look["narrow"])
    figure = timeline_figure(attempts, theme, zone=zone_of(look))
    height = {"height": figure.layout.height}
    return prepared({"figure": figure, "style": height, "text": timeline_text(attempts)})
