"""The callbacks of the page: which page is shown, its tables and the chosen trial."""

from typing import Any

import dash
from dash import ALL, ClientsideFunction, Input, Output, Patch, State, ctx, html, no_update

from nas.dashboards.cards import (
    effects,
    register_explanation,
    register_layers,
    register_progress,
    register_timeline,
    scores,
)
from nas.dashboards.changes import StudyEditor, register_changes
from nas.dashboards.comparison import comparison
from nas.dashboards.download_panel import register_downloads
from nas.dashboards.downloads import Downloads
from nas.dashboards.drawing import register_drawing
from nas.dashboards.front import front_marks_of, shown
from nas.dashboards.layout import PAGES, compare_hint
from nas.dashboards.navigation import register_navigation, register_overlay_list, state_of
from nas.dashboards.parts import detail, missing, trials, turned, zone_of
from nas.dashboards.reader import Reader, Snapshot
from nas.dashboards.studies import Listed, studies_table
from nas.dashboards.updates import Shared, changed, prepared
from nas.errors import NasError
from nas.figures import (
    PageTheme,
)

HINT = "Choose a point or a row to see its architecture."


def register(app: dash.Dash, reader: Reader, downloads: Downloads, changes: StudyEditor) -> None:
    """Register all callbacks of the page."""
    shared = Shared()
    register_navigation(app, reader)
    _register_pages(app, reader)
    register_drawing(app, reader, shared)
    _register_table(app, reader, shared)
    _register_detail(app, reader)
    register_layers(app, reader)
    _register_effects(app, reader, shared)
    register_progress(app, reader, shared)
    register_timeline(app, reader, shared)
    register_explanation(app, reader, shared)
    register_overlay_list(app, reader)
    register_downloads(app, reader, downloads)
    register_changes(app, reader, changes)


def _register_pages(app: dash.Dash, reader: Reader) -> None:
    @app.callback(
        *(Output(page, "hidden") for page in PAGES),
        Output("missing-page", "children"),
        Output("studies", "children"),
        Output("listed", "data"),
        Input("state", "data"),
        Input("roll-call", "data"),
        Input("find", "value"),
        Input("list-order", "data"),
        Input("changed", "data"),
        State("seen", "data"),
        State("listed", "data"),
        State("look", "data"),
    )
    def show_page(
        data: Any,
        _called: Any,
        find: str | None,
        order: Any,
        _changed: Any,
        seen: Any,
        listed: Any,
        look: Any,
    ) -> tuple[Any, ...]:
        if not data:
            return (no_update,) * 6
        state = state_of(data)
        absent: Any = no_update
        table: Any = no_update
        try:
            cause = reader.absent(state)
            if cause is not None:
                page, absent = "missing-page", missing(cause, state, reader.studies())
            elif state.study is not None:
                page = "study-page"
            else:
                page, table = "studies-page", _studies(reader, find, order, look, state.theme)
        except NasError:
            page = "study-page" if seen else "studies-page"
        sent, digests = changed({"absent": absent, "table": table}, listed or {})
        return *(name != page for name in PAGES), sent["absent"], sent["table"], digests

    @app.callback(
        Output("list-order", "data"),
        Input({"type": "list-head", "name": ALL}, "n_clicks"),
        State("list-order", "data"),
    )
    def sort_studies(_heads: Any, order: dict[str, Any]) -> Any:
        if not ctx.triggered or not ctx.triggered[0]["value"]:
            return no_update  # the buttons were only redrawn
        return turned(order, ctx.triggered_id["name"])


def _studies(
    reader: Reader, find: str | None, order: Any, look: dict[str, Any], chosen: str | None
) -> Any:
    listed = Listed(reader.studies(), reader.progress(), reader.database, chosen)
    theme = PageTheme(dark=look["dark"])
    return studies_table(listed, find, order, theme, zone_of(look))


def _register_table(app: dash.Dash, reader: Reader, shared: Shared) -> None:
    @app.callback(
        Output("order", "data"),
        Input({"type": "head", "name": ALL}, "n_clicks"),
        Input({"type": "page", "to": ALL}, "n_clicks"),
        State("order", "data"),
    )
    def sort(_heads: Any, _pages: Any, order: dict[str, Any]) -> Any:
        if not ctx.triggered or not ctx.triggered[0]["value"]:
            return no_update  # the buttons were only redrawn
        match ctx.triggered_id:
            case {"name": header}:
                return {**turned(order, header), "page": 0}
            case {"to": page}:
                return order | {"page": page}
        return no_update

    @app.callback(
        Output("table", "children"),
        Output("tabled", "data"),
        Input("table-seen", "data"),
        Input("order", "data"),
        State("tabled", "data"),
        State("state", "data"),
    )
    def show_table(seen: Any, order: dict[str, Any], tabled: Any, data: Any) -> tuple[Any, ...]:
        if not seen:
            return (no_update,) * 2
        now = {"drawn": seen["drawn"], "order": order, "digests": (tabled or {}).get("digests", {})}
        snapshot = _last(reader, seen["study"])
        if snapshot is None or now == tabled or data["study"] != seen["study"]:
            return (no_update,) * 2
        state = state_of(data)
        key = ("table", snapshot.serial, state.x, state.y, state.selection, *order.items())
        table = shared.get(key, lambda: prepared({"table": trials(shown(snapshot, state), order)}))
        parts, now["digests"] = changed(table, now["digests"])
        return parts["table"], now


def _register_detail(app: dash.Dash, reader: Reader) -> None:
    # The browser marks the chosen row: a click does not draw the table again.
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "mark"), Input("state", "data"), Input("table", "children")
    )

    @app.callback(
        Output("detail", "children"),
        Output("compare", "children"),
        Output("detailed", "data"),
        Input("seen", "data"),
        Input("state", "data"),
        State("look", "data"),
        State("detailed", "data"),
    )
    def show_detail(seen: Any, data: Any, look: dict[str, bool], detailed: Any) -> tuple[Any, ...]:
        if not seen or not data or data["study"] != seen["study"]:
            return (no_update,) * 3
        state, snapshot = state_of(data), _last(reader, seen["study"])
        if snapshot is None:
            return (no_update,) * 3
        point = None if state.trial is None else snapshot.view.point(state.trial)
        side: Any = html.P(HINT, className="muted")
        if point:
            theme = PageTheme(dark=look["dark"])
            pictures = reader.examples(snapshot, point.number)
            chosen = point.number in state.compared
            side = detail(snapshot, point, reader.database, theme, chosen, pictures)
        compared = comparison(snapshot, state.compared) if state.compared else compare_hint()
        known = dict(detailed or {})
        again = bool(known.pop("again", None) is not None)
        parts, digests = changed({"detail": side, "compare": compared}, known)
        news = no_update if digests == known else digests | {"again": again}
        return parts["detail"], parts["compare"], news

    # This follows the details, because a browser needs long to draw a large figure again.
    @app.callback(
        Output("front", "figure", allow_duplicate=True),
        Input("detailed", "data"),
        State("state", "data"),
        State("seen", "data"),
        prevent_initial_call=True,
    )
    def mark(detailed: Any, data: Any, seen: Any) -> Any:
        if not seen or not detailed["again"] or data["study"] != seen["study"]:
            return no_update  # at the first details, the figure already has the marks
        state, snapshot, look = state_of(data), _last(reader, seen["study"]), seen["drawn"]["look"]
        if snapshot is None:
            return no_update
        try:
            shown_too = [snapshot, *reader.overlaid(state)[0]]
            marks = front_marks_of(shown_too, state, PageTheme(look["dark"], look["narrow"]))
        except NasError:
            return no_update  # the status shows the error
        if marks is None:
            return no_update
        patch = Patch()
        patch["data"][0] = marks
        return patch


def _last(reader: Reader, study: str) -> Snapshot | None:
    """Return the last read state of a study; None if it cannot be read; the status shows why."""
    try:
        return reader.last(study)
    except NasError:
        return None


def _register_effects(app: dash.Dash, reader: Reader, shared: Shared) -> None:
    @app.callback(
        Output("effects", "children"),
        Output("scores", "children"),
        Output("explained", "data"),
        Input("effects-seen", "data"),
        State("explained", "data"),
    )
    def explain(seen: Any, known: Any) -> tuple[Any, ...]:
        snapshot = _last(reader, seen["study"]) if seen else None
        if snapshot is None:
            return (no_update,) * 3
        look, done = seen["drawn"]["look"], len(snapshot.found.complete)
        now = {"study": seen["study"], "look": look, "done": done}
        # The estimates of a large study take half of the time, and one trial hardly changes them.
        if known and known | {"done": done} == now and 0 <= done - known["done"] <= done // 100:
            return (no_update,) * 3
        theme = PageTheme(look["dark"], look["narrow"])
        key = ("effects", snapshot.serial, theme)
        return *shared.get(key, lambda: (effects(snapshot, theme), scores(snapshot))), now
