"""The callbacks that draw the page: figures, tables and the chosen trial."""

from datetime import datetime
from typing import Any

import dash
from dash import ALL, Input, Output, Patch, State, ctx, html, no_update

from nas.dashboards.comparison import comparison
from nas.dashboards.effects import effects
from nas.dashboards.layout import PAGES, compare_hint
from nas.dashboards.navigation import register_navigation, state_of
from nas.dashboards.page_state import PageState
from nas.dashboards.parts import counters, detail, missing, settings, studies_table, trials
from nas.dashboards.reader import Reader, Snapshot
from nas.errors import NasError
from nas.figures import (
    PageTheme,
    front_figure,
    front_marks,
    hypervolume_figure,
    learning_curves_figure,
)

HINT = "Choose a point or a row to see its architecture."
_FIGURES = 10  # outputs of a study


def register(app: dash.Dash, reader: Reader) -> None:
    """Register all callbacks of the page."""
    register_navigation(app, reader)
    _register_pages(app, reader)
    _register_drawing(app, reader)
    _register_table(app, reader)
    _register_effects(app, reader)


def _register_pages(app: dash.Dash, reader: Reader) -> None:
    @app.callback(
        *(Output(page, "hidden") for page in PAGES),
        Output("missing-page", "children"),
        Output("studies", "children"),
        Input("state", "data"),
        Input("beat", "data"),
        Input("find", "value"),
        State("seen", "data"),
    )
    def show_page(data: Any, _beat: Any, find: str | None, seen: Any) -> tuple[Any, ...]:
        if not data:
            return (no_update,) * 5
        state = state_of(data)
        try:
            entries = reader.studies()
        except NasError:
            page = "study-page" if seen else "studies-page"
            return *(name != page for name in PAGES), no_update, no_update
        cause, table = reader.absent(state), no_update
        if cause is not None:
            page = "missing-page"
        elif state.study is not None:
            page = "study-page"
        else:
            page, table = "studies-page", studies_table(entries, reader.database, find)
        absent = missing(cause, state, entries) if cause else None
        return *(name != page for name in PAGES), absent, table


def _register_drawing(app: dash.Dash, reader: Reader) -> None:
    @app.callback(
        Output("front", "figure"),
        Output("curves", "figure"),
        Output("hypervolume", "figure"),
        Output("front-card", "hidden"),
        Output("hypervolume-card", "hidden"),
        Output("name", "children"),
        Output("summary", "children"),
        Output("note", "children"),
        Output("counters", "children"),
        Output("settings", "children"),
        Output("best-under", "children"),
        Output("seen", "data"),
        Output("status", "children"),
        Input("beat", "data"),
        Input("state", "data"),
        Input("look", "data"),
        State("seen", "data"),
        # Otherwise a poll longer than the interval would be dropped every time.
        running=[(Output("tick", "disabled"), True, False)],
    )
    def poll(_beat: Any, data: Any, look: dict[str, bool], seen: Any) -> tuple[Any, ...]:
        unchanged = (no_update,) * (_FIGURES + 2)
        if not data or state_of(data).study is None:
            return *unchanged, _listed(reader)
        state = state_of(data)
        try:
            snapshot = reader.snapshot(str(state.study))
            activity = reader.activity(str(state.study))
        except NasError as error:
            return *unchanged, _stale(error, seen)
        clock = datetime.now().astimezone().strftime("%H:%M:%S")
        status = f"{activity} · read at {clock}"
        drawn = {"study": state.study, "seq": snapshot.seq, "look": look}
        front = drawn | data
        now = {"drawn": drawn, "front": front, "study": state.study, "at": clock}
        now["over"] = snapshot.view.done
        if seen and all(seen[key] == now[key] for key in ("drawn", "front")):
            return *unchanged, status
        figures = _figures(snapshot, state, PageTheme(look["dark"], look["narrow"]), seen, now)
        return *figures, best_under(snapshot, state), now, status


def _figures(
    snapshot: Snapshot, state: PageState, look: PageTheme, seen: Any, now: dict[str, Any]
) -> tuple[Any, ...]:
    """Return what has changed: everything, the front alone, or only the marked trials."""
    view = snapshot.along(state.x, state.y)
    if not seen or seen["drawn"] != now["drawn"]:
        whole = snapshot.view
        return (
            no_update if whole.fixed else front_figure(view, look, state.options),
            learning_curves_figure(whole, look),
            no_update if whole.fixed else hypervolume_figure(whole, look),
            whole.fixed,
            whole.fixed,
            whole.name,
            whole.summary,
            whole.note,
            counters(whole),
            settings(whole),
        )
    rest = (no_update,) * (_FIGURES - 1)
    before, after = seen["front"], now["front"]
    changed = {name for name in after if before.get(name) != after[name]}
    measured = view.columns.measured.any()
    if changed <= {"trial", "compared"} and measured:
        places, marks = front_marks(view, state.options), Patch()
        marks["data"][0]["x"], marks["data"][0]["y"] = places["x"], places["y"]
        return marks, *rest
    return front_figure(view, look, state.options), *rest


def best_under(snapshot: Snapshot, state: PageState) -> str:
    """Return the best complete candidate up to the reader's ceiling, in words."""
    if state.under is None:
        return ""
    view = snapshot.along(state.x, state.y)
    found = view.best_under(state.under)
    ceiling = f"{view.x.show(state.under)} {view.x.name}"
    if found is None:
        return f"no complete candidate up to {ceiling}"
    return f"best up to {ceiling}: {found.label}, {view.y.show(found.y)}"


def _register_table(app: dash.Dash, reader: Reader) -> None:
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
                down = order["header"] == header and not order["descending"]
                return {"header": header, "descending": down, "page": 0}
            case {"to": page}:
                return order | {"page": page}
        return no_update

    @app.callback(
        Output("table", "children"),
        Output("detail", "children"),
        Output("compare", "children"),
        Input("seen", "data"),
        Input("order", "data"),
        Input("state", "data"),
        State("look", "data"),
    )
    def show(seen: Any, order: dict[str, Any], data: Any, look: dict[str, bool]) -> tuple[Any, ...]:
        if not seen or not data or data["study"] != seen["study"]:
            return (no_update,) * 3
        state = state_of(data)
        try:
            snapshot = reader.last(seen["study"])
        except NasError:
            return (no_update,) * 3  # the status shows the error
        view = snapshot.view
        point = None if state.trial is None else view.point(state.trial)
        side: Any = html.P(HINT, className="muted")
        if point:
            theme = PageTheme(dark=look["dark"])
            side = detail(snapshot, point, reader.database, theme, point.number in state.compared)
        compared = comparison(snapshot, state.compared) if state.compared else compare_hint()
        return trials(view, order, state.trial), side, compared


def _register_effects(app: dash.Dash, reader: Reader) -> None:
    @app.callback(
        Output("effects", "children"),
        Output("explained", "data"),
        Input("seen", "data"),
        State("explained", "data"),
    )
    def explain(seen: Any, known: Any) -> tuple[Any, Any]:
        if not seen or seen["drawn"] == known:
            return no_update, no_update
        try:
            snapshot = reader.last(seen["study"])
        except NasError:
            return no_update, no_update  # the status shows the error
        look = seen["drawn"]["look"]
        return effects(snapshot, PageTheme(look["dark"], look["narrow"])), seen["drawn"]


def _listed(reader: Reader) -> str:
    try:
        count = len(reader.studies())
    except NasError as error:
        return str(error)
    if not count:
        return f"{reader.database} has no study yet. Start one: nas search"
    return f"{count} {'study' if count == 1 else 'studies'} in {reader.database}"


def _stale(error: NasError, seen: Any) -> list[Any]:
    since = f"Stale since {seen['at']}: " if seen else ""
    return [html.Strong(since, className="bad"), str(error)]
