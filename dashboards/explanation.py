"""The cards that explain a study: parallel coordinates and distributions of the shown trials."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import dash
from dash import Input, Output, State, no_update

from nas.dashboards.front import shown
from nas.dashboards.navigation import state_of
from nas.dashboards.page_state import PageState
from nas.dashboards.reader import Reader, Snapshot
from nas.dashboards.shared import Shared
from nas.dashboards.updates import Prepared, changed, prepared
from nas.errors import NasError
from nas.figures import (
    PageTheme,
    edf_figure,
    parallel_choices,
    parallel_figure,
    parallel_text,
)

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
