"""A poll: reads a study, and draws the parts at the top of its page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import dash
from dash import Input, Output, State, html, no_update

from nas.dashboards.front import front_of, shown
from nas.dashboards.navigation import state_of
from nas.dashboards.page_state import PageState
from nas.dashboards.parts import counters, now_in, settings, zone_of
from nas.dashboards.reader import Reader, Snapshot
from nas.dashboards.updates import Prepared, Shared, changed, prepared
from nas.errors import NasError
from nas.figures import (
    PageTheme,
    front_revision,
    learning_curves_figure,
)
from nas.results import StudyView

_PARTS = {
    "front": "figure", "curves": "figure", "front-card": "hidden", "progress-card": "hidden",
    "name": "children", "summary": "children", "note": "children", "counters": "children",
    "settings": "children", "best-under": "children", "overlay-text": "children",
    "all-trials": "hidden", "front-heading": "children",
}  # fmt: skip


def register_drawing(app: dash.Dash, reader: Reader, shared: Shared) -> None:
    """Register the callback of a poll: it reads a study, and draws the parts that changed."""

    @app.callback(
        *(Output(name, what) for name, what in _PARTS.items()),
        Output("seen", "data"),
        Output("status", "children"),
        Input("beat", "data"),
        Input("state", "data"),
        Input("look", "data"),
        Input("window", "data"),
        Input("due", "data"),
        State("seen", "data"),
        State("near", "data"),
        # Otherwise a poll longer than the interval would be dropped every time.
        running=[(Output("tick", "disabled"), True, False)],
    )
    def poll(
        _beat: Any, data: Any, look: dict[str, bool], window: Any, _due: Any, seen: Any, near: Any
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
        came = _came(seen, near)
        if seen and not came and all(seen[key] == now[key] for key in ("drawn", "front")):
            return *unchanged, status
        try:
            what = "all" if came else _what_changed(snapshot, seen, now)
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
        same = bool(seen) and seen["study"] == state.study
        left = _left_out(parts, near) if same else set()
        parts = {name: part for name, part in parts.items() if name not in left}
        before = set(seen["stale"]) if same else set()
        now["stale"] = sorted(left | (before - parts.keys()))
        sent, now["digests"] = changed(parts, now["digests"])
        return *(sent.get(name, no_update) for name in _PARTS), now, status


def _came(seen: Any, near: Any) -> bool:
    """Tell whether a figure that an earlier poll left out has come into view."""
    return bool(seen) and any(f"{name}-card" in (near or ()) for name in seen["stale"])


def _left_out(parts: Mapping[str, Any], near: Any) -> set[str]:
    """Return the figures out of view; none before the page has reported its visible cards."""
    if near is None:
        return set()
    return {name for name in ("front", "curves") if name in parts and f"{name}-card" not in near}


def _what_changed(snapshot: Snapshot, seen: Any, now: dict[str, Any]) -> str:
    """Return what to draw again: `all`, the `front`, or `none` if only the marks changed."""
    if not seen or seen["drawn"] != now["drawn"]:
        return "all"
    before, after = seen["front"], now["front"]
    differ = {name for name in after if before.get(name) != after[name]}
    marks = {"trial", "compared", "along", "shows", "against", "theme"}
    if snapshot.view.fixed or differ <= marks:
        return "none"  # the callback `mark` draws the marks
    return "front"


def _parts(
    what: str,
    snapshots: Sequence[Snapshot],
    problems: Sequence[str],
    state: PageState,
    look: dict[str, Any],
) -> dict[str, Prepared]:
    """Draw the parts that changed; `problems` state why other studies are not drawn."""
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
    """Return the visible part of the front; None if it belongs to another figure."""
    own = window and window["of"] == front_revision(view, state.options)
    return tuple(window["ends"]) if own else None


def best_under(snapshot: Snapshot, state: PageState) -> str:
    """Return the best complete candidate up to the reader's ceiling, as text."""
    if state.under is None:
        return ""
    view = snapshot.along(state.x, state.y)
    found = view.best_under(state.under)
    ceiling = f"{view.x.show(state.under)} {view.x.name}"
    if found is None:
        return f"no complete candidate up to {ceiling}"
    return f"best up to {ceiling}: {found.label}, {view.y.show(found.y)}"


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
