"""The card of the progress of a search, with the selection of its axes."""

from typing import Any

import dash
from dash import Input, Output, State, no_update

from nas.dashboards.navigation import state_of
from nas.dashboards.page_state import PageState
from nas.dashboards.reader import Reader, Snapshot
from nas.dashboards.shared import Shared
from nas.dashboards.updates import Prepared, changed, prepared
from nas.errors import NasError
from nas.figures import PageTheme, ProgressBy, progress_figure, progress_text


def register_progress(app: dash.Dash, reader: Reader, shared: Shared) -> None:
    """Register the callback that draws the card after the front, and after a change of its axes."""

    @app.callback(
        Output("progress", "figure"),
        Output("progress-text", "children"),
        Output("progress-of", "data"),
        Input("progress-seen", "data"),
        Input("state", "data"),
        State("progress-of", "data"),
    )
    def draw(seen: Any, data: Any, known: Any) -> tuple[Any, ...]:
        if not seen or not data or data["study"] != seen["study"]:
            return (no_update,) * 3
        state, look = state_of(data), seen["drawn"]["look"]
        now = {"seq": seen["drawn"]["seq"], "study": state.study, "look": look}
        now |= {"options": [state.shows, state.against]}
        if known and known | now == known:
            return (no_update,) * 3
        try:
            snapshot = reader.last(str(state.study))
            if snapshot.view.fixed:
                return (no_update,) * 3
            key = ("progress", snapshot.serial, state.progress_options, *look.items())
            parts = shared.get(key, lambda: _progress(reader, snapshot, state, look))
        except NasError:
            return (no_update,) * 3  # the status shows the error
        sent, digests = changed(parts, known["digests"] if known else {})
        return sent["figure"], sent["text"], now | {"digests": digests}


def _progress(
    reader: Reader, snapshot: Snapshot, state: PageState, look: dict[str, Any]
) -> dict[str, Prepared]:
    options, view = state.progress_options, snapshot.view
    timed = options.by is ProgressBy.DEVICE_TIME
    spent = reader.device_seconds(view.name) if timed else []
    figure = progress_figure(view, PageTheme(look["dark"], look["narrow"]), options, spent)
    return prepared({"figure": figure, "text": progress_text(view, options)})
