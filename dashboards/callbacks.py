"""The callbacks that draw the page: figures, tables and the chosen trial."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import dash
from dash import ALL, ClientsideFunction, Input, Output, Patch, State, ctx, html, no_update

from nas.dashboards.changes import Changes, register_changes
from nas.dashboards.clock import now_in, zone_of
from nas.dashboards.comparison import comparison
from nas.dashboards.download_panel import register_downloads
from nas.dashboards.downloads import Downloads
from nas.dashboards.effects import effects, scores
from nas.dashboards.explanation import register_explanation
from nas.dashboards.front import front_marks_of, front_of, shown
from nas.dashboards.layers import register_layers
from nas.dashboards.layout import PAGES, compare_hint
from nas.dashboards.navigation import register_navigation, register_overlay_list, state_of
from nas.dashboards.page_state import PageState
from nas.dashboards.parts import counters, detail, missing, settings, trials, turned
from nas.dashboards.progress_card import register_progress
from nas.dashboards.reader import Reader, Snapshot
from nas.dashboards.shared import Shared
from nas.dashboards.studies import Listed, studies_table
from nas.dashboards.timeline import register_timeline
from nas.dashboards.updates import Prepared, changed, prepared
from nas.errors import NasError
from nas.figures import (
    PageTheme,
    front_revision,
    learning_curves_figure,
)
from nas.results import StudyView

HINT = "Choose a point or a row to see its architecture."
_PARTS = {
    "front": "figure", "curves": "figure", "front-card": "hidden", "progress-card": "hidden",
    "name": "children", "summary": "children", "note": "children", "counters": "children",
    "settings": "children", "best-under": "children", "overlay-text": "children",
    "all-trials": "hidden", "front-heading": "children",
}  # fmt: skip


def register(app: dash.Dash, reader: Reader, downloads: Downloads, changes: Changes) -> None:
    """Register all callbacks of the page."""
    shared = Shared()
    register_navigation(app, reader)
    _register_pages(app, reader)
    _register_drawing(app, reader, shared)
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


def _register_drawing(app: dash.Dash, reader: Reader, shared: Shared) -> None:
    @app.callback(
        *(Output(name, what) for name, what in _PARTS.items()),
        Output("seen", "data"),
        Output("status", "children"),
        Input("beat", "data"),
        Input("state", "data"),
        Input("look", "data"),
        Input("window", "data"),
        State("seen", "data"),
        # Otherwise a poll longer than the interval would be dropped every time.
        running=[(Output("tick", "disabled"), True, False)],
    )
    def poll(
        _beat: Any, data: Any, look: dict[str, bool], window: Any, seen: Any
    ) -> tuple[Any, ...]:
        unchanged = (no_update,) * (len(_PARTS) + 1)
        if not data or state_of(data).study is None:
            return *unchanged, _listed(reader)
        state = state_of(data)
        try:
            snapshot = reader.snapshot(str(state.study))
            others, problems = reader.overlaid(state)
            activity = reader.activity(str(state.study))
        except NasError as error:
            return *unchanged, _stale(error, seen)
        clock = now_in(zone_of(look))
        status = f"{activity} · read at {clock}"
        drawn: dict[str, Any] = {"study": state.study, "seq": snapshot.seq, "look": look}
        drawn |= {"with": [[each.spec.name, each.seq] for each in others]}
        drawn |= {name: data[name] for name in ("hidden", "top", "box")}
        state = replace(state, window=_ends(window, snapshot.along(state.x, state.y), state))
        now = {
            "drawn": drawn,
            "front": drawn | data | {"window": state.window and [*state.window]},
            "study": state.study,
            "at": clock,
        }
        now |= {"over": snapshot.view.done, "digests": seen["digests"] if seen else {}}
        if seen and all(seen[key] == now[key] for key in ("drawn", "front")):
            return *unchanged, status
        try:
            what = _what_changed(snapshot, seen, now)
            key = (
                what,
                *(one.serial for one in (snapshot, *others)),
                *problems,
                state,
                *look.items(),
            )
            draw = partial(_parts, what, [snapshot, *others], problems, state, look)
            parts: dict[str, Any] = {**shared.get(key, draw)}
        except NasError as error:
            return *unchanged, _stale(error, seen)
        parts["best-under"] = best_under(snapshot, state)
        parts["all-trials"] = state.box is None
        sent, now["digests"] = changed(parts, now["digests"])
        return *(sent.get(name, no_update) for name in _PARTS), now, status


def _what_changed(snapshot: Snapshot, seen: Any, now: dict[str, Any]) -> str:
    """Return what to draw again: `all`, the `front`, or `none`: only the marked trials."""
    if not seen or seen["drawn"] != now["drawn"]:
        return "all"
    before, after = seen["front"], now["front"]
    differ = {name for name in after if before.get(name) != after[name]}
    marks = {"trial", "compared", "along", "shows", "against", "theme"}
    if snapshot.view.fixed or differ <= marks:
        return "none"  # `mark` follows
    return "front"


def _parts(
    what: str,
    snapshots: Sequence[Snapshot],
    problems: Sequence[str],
    state: PageState,
    look: dict[str, Any],
) -> dict[str, Prepared]:
    """Draw what changed; `problems` say why other studies are not drawn."""
    snapshot, theme = snapshots[0], PageTheme(look["dark"], look["narrow"])
    whole, parts = snapshot.view, dict[str, Any]()
    if not whole.fixed and what != "none":
        parts |= _front(snapshots, problems, state, theme)
    if what != "all":
        return prepared(parts)
    parts |= {
        "curves": learning_curves_figure(shown(snapshot, state), theme),
        "front-card": whole.fixed,
        "progress-card": whole.fixed,
        "name": whole.name,
        "summary": whole.summary,
        "note": whole.note,
        "counters": counters(whole),
        "settings": settings(whole),
    }
    return prepared(parts)


def _front(
    snapshots: Sequence[Snapshot], problems: Sequence[str], state: PageState, look: PageTheme
) -> dict[str, Any]:
    figure, text = front_of(snapshots, state, look)
    return {
        "front": figure,
        "front-heading": shown(snapshots[0], state).front_title,
        "overlay-text": " ".join([*problems, text]),
    }


def _ends(window: Any, view: StudyView, state: PageState) -> Any:
    """Return the visible part of the front; None if another figure was drawn then."""
    own = window and window["of"] == front_revision(view, state.options)
    return tuple(window["ends"]) if own else None


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
        Input("seen", "data"),
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
    # The chosen row is marked in the browser: a click draws no table.
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

    # After the details, because a browser draws all of a large figure again, which takes long.
    @app.callback(
        Output("front", "figure", allow_duplicate=True),
        Input("detailed", "data"),
        State("state", "data"),
        State("seen", "data"),
        prevent_initial_call=True,
    )
    def mark(detailed: Any, data: Any, seen: Any) -> Any:
        if not seen or not detailed["again"] or data["study"] != seen["study"]:
            return no_update  # the first details follow a figure that has the marks
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
    """Return the last read state of a study; None if it cannot be read, as the status says."""
    try:
        return reader.last(study)
    except NasError:
        return None


def _register_effects(app: dash.Dash, reader: Reader, shared: Shared) -> None:
    @app.callback(
        Output("effects", "children"),
        Output("scores", "children"),
        Output("explained", "data"),
        Input("seen", "data"),
        State("explained", "data"),
    )
    def explain(seen: Any, known: Any) -> tuple[Any, ...]:
        snapshot = _last(reader, seen["study"]) if seen else None
        if snapshot is None:
            return (no_update,) * 3
        look, done = seen["drawn"]["look"], len(snapshot.found.complete)
        now = {"study": seen["study"], "look": look, "done": done}
        # The estimates of a large study take as long as all else, and hardly change by one trial.
        if known and known | {"done": done} == now and 0 <= done - known["done"] <= done // 100:
            return (no_update,) * 3
        theme = PageTheme(look["dark"], look["narrow"])
        key = ("effects", snapshot.serial, theme)
        return *shared.get(key, lambda: (effects(snapshot, theme), scores(snapshot))), now


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
