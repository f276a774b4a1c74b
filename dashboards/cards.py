"""The cards below the front: workers, progress, effects, choices, distributions and layers."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, cast

import dash
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from nas.cost import LAYER_COLUMNS
from nas.dashboards.front import shown
from nas.dashboards.navigation import state_of
from nas.dashboards.page_state import PageState
from nas.dashboards.parts import scrolled, zone_of
from nas.dashboards.reader import Reader, Snapshot
from nas.dashboards.updates import Prepared, Shared, changed, prepared
from nas.errors import NasError
from nas.figures import (
    CONFIG,
    EFFECTS_HEADERS,
    TIMELINE_MOST,
    PageTheme,
    ProgressBy,
    edf_figure,
    effects_caption,
    effects_figure,
    effects_rows,
    layer_rows,
    parallel_choices,
    parallel_figure,
    parallel_text,
    progress_figure,
    progress_text,
    timeline_figure,
    timeline_text,
)
from nas.results import AUDIT_COLUMNS, Effects, audit_rows, audit_sentences, counted_at

_PARTS = {
    "parallel": "figure", "parallel-text": "children", "parallel-card": "hidden",
    "parallel-room": "style", "edf": "figure", "edf-card": "hidden",
}  # fmt: skip


def register_explanation(app: dash.Dash, reader: Reader, shared: Shared) -> None:
    """Register the callback that draws the cards after the front, from the same trials."""

    @app.callback(
        *(Output(name, what) for name, what in _PARTS.items()),
        Output("chosen-by", "data"),
        Input("why-seen", "data"),
        Input("state", "data"),
        State("chosen-by", "data"),
    )
    def explain(seen: Any, data: Any, known: Any) -> tuple[Any, ...]:
        nothing = (no_update,) * (len(_PARTS) + 1)
        if not seen or not data or data["study"] != seen["study"]:
            return nothing
        wanted = {**seen["drawn"], **{key: data[key] for key in ("x", "y", "along")}}
        try:
            state = state_of(data)
            snapshots = [reader.last(str(state.study)), *reader.overlaid(state)[0]]
            done = sum(len(one.found.complete) for one in snapshots)
            if known and _same(known["wanted"], wanted, known["done"], done):
                return nothing
            look = seen["drawn"]["look"]
            key = ("why", *(one.serial for one in snapshots), state, *look.items())
            parts = shared.get(key, partial(_parts, snapshots, state, look))
        except NasError:
            return nothing  # the status shows the error
        sent, digests = changed(parts, known["digests"] if known else {})
        now = {"wanted": wanted, "done": done, "digests": digests}
        return *(sent[name] for name in _PARTS), now


def _same(known: dict[str, Any], wanted: dict[str, Any], before: int, done: int) -> bool:
    """Tell whether the cards need not be drawn again.

    In a large study one more trial is hardly visible, and drawing the cards takes long.
    """
    numbers = {"seq", "with"}
    same = {key: value for key, value in known.items() if key not in numbers} == {
        key: value for key, value in wanted.items() if key not in numbers
    }
    drawn_with = [[name for name, _ in each["with"]] for each in (known, wanted)]
    few = 0 <= done - before <= done // 100
    return same and drawn_with[0] == drawn_with[1] and few


def _parts(
    snapshots: Sequence[Snapshot], state: PageState, look: dict[str, bool]
) -> dict[str, Prepared]:
    theme, snapshot = PageTheme(look["dark"], look["narrow"]), snapshots[0]
    view = shown(snapshot, state)
    along = state.along if state.along in parallel_choices(snapshot.view) else None
    axes = view.x.name, view.y.name
    views = [view, *(other.shown(*axes, state.selection) for other in snapshots[1:])]
    parallel = parallel_figure(view, theme, along)
    parts = {
        "parallel": parallel,
        "parallel-room": {"minWidth": (parallel.layout.meta or {}).get("width", 0)},
        "parallel-text": parallel_text(view),
        "parallel-card": view.fixed,
        "edf": edf_figure(views, theme),
        "edf-card": view.fixed,
    }
    return prepared(parts)


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


def register_layers(app: dash.Dash, reader: Reader) -> None:
    """Register the callbacks of the table."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "layers"),
        Output("layers-of", "data"),
        Output("layers", "hidden"),
        Input("layers-open", "data"),
        Input("state", "data"),
        State("layers-of", "data"),
    )

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "draw_layers"),
        Input("layer-rows", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("layer-text", "children"),
        Output("layer-rows", "data"),
        Input("layers-of", "data"),
        prevent_initial_call=True,
    )
    def show_layers(chosen: dict[str, Any]) -> tuple[str, Any]:
        try:
            return layers(reader, chosen["study"], chosen["trial"])
        except NasError as error:
            return str(error), {"head": [], "rows": []}


def layers(reader: Reader, study: str, number: int) -> tuple[str, dict[str, Any]]:
    """Return a description, and the table of the layers of a trial as `nas count` prints it.

    Raises:
        NasError: the study cannot be read, or the package that adds its task is not installed.
    """
    snapshot = reader.snapshot(study)
    trial = snapshot.found.table.get(number)
    shown = snapshot.spec.deployed_layers(trial.architecture) if trial else []
    text = f"trial {number} at {counted_at(snapshot.spec, brief=True)}, batch 1"
    return text, {"head": list(LAYER_COLUMNS.values()), "rows": layer_rows(shown)}
