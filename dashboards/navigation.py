"""The callbacks that keep the address and the controls of the page consistent."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import dash
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, no_update

from nas.cost import parse_budgets
from nas.dashboards.front import views_of
from nas.dashboards.layout import CARDS, SYSTEM, hidden_groups, shown_groups
from nas.dashboards.page_state import MOST_OVERLAID, THEMES, PageState
from nas.dashboards.reader import Reader, Snapshot
from nas.errors import NasError
from nas.figures import colour_names, nearest_trial, parallel_choices
from nas.metrics import metric
from nas.results import Box, StudyView, axis_names, seeds_of_one_search
from nas.store import StudySummary
from nas.study import StudySpec

_CONTROLS = (
    "x", "y", "colour", "under", "scales", "shown", "others", "top", "along", "shows",
    "against", "theme",
)  # fmt: skip
_LISTS = ("x", "y", "colour", "others", "along")  # controls with options of the study
_KEPT: tuple[Any, ...] = (no_update,) * (len(_LISTS) + 1 + len(_CONTROLS))
_UNDER = len(_LISTS) + 1 + _CONTROLS.index("under")


def register_navigation(app: dash.Dash, reader: Reader) -> None:
    """Register the callbacks of the address; every view of a page has one."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "look"),
        Output("look", "data"),
        Output("beat", "data"),
        Output("roll-call", "data"),
        Input("tick", "n_intervals"),
        Input("theme", "value"),
        State("look", "data"),
        State("seen", "data"),
        State("state", "data"),
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "gate"),
        *(Output(f"{card['name']}-seen", "data") for card in CARDS),
        Output("due", "data"),
        Input("seen", "data"),
        Input("near", "data"),
        State("cards", "data"),
    )
    # Figures and tables also report that they were drawn or resized. Dash drops the response to a
    # call when it makes the next one: if these reports reached `navigate`, a click could be lost.
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "action"),
        Output("action", "data"),
        Output("front", "clickData"),
        Output("curves", "clickData"),
        Input("front", "clickData"),
        Input("front", "selectedData"),
        Input("all-trials", "n_clicks"),
        Input("curves", "clickData"),
        Input("front", "relayoutData"),
        Input({"type": "row", "number": ALL}, "n_clicks"),
        Input({"type": "close", "number": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "window"),
        Output("window", "data"),
        Input("front", "relayoutData"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("url", "pathname"),
        Output("url", "search"),
        Output("state", "data"),
        *(Output(name, "options") for name in _LISTS),
        Output("colour", "disabled"),
        *(Output(name, "value") for name in _CONTROLS),
        Input("url", "pathname"),
        Input("url", "search"),
        *(Input(name, "value") for name in _CONTROLS),
        Input("action", "data"),
        State("state", "data"),
    )
    def navigate(path: str | None, search: str | None, *values: Any) -> tuple[Any, ...]:
        state = PageState.of(path, search)
        *controls, action, shown = values
        if not ctx.triggered or any(each["prop_id"].startswith("url.") for each in ctx.triggered):
            if shown and state == state_of(shown):
                return (no_update,) * 3 + _KEPT  # the browser itself changed the address
            return _opened(state, _snapshot(reader, state))
        given = dict(zip(_CONTROLS, controls, strict=True)) | {"action": action}
        theme = ctx.triggered_id == "theme"  # every page has one
        new = _themed(state, given["theme"]) if theme else _changed(reader, state, given)
        if new is None or new == state:
            return (no_update,) * 3 + _KEPT
        if new.study != state.study:
            return _opened(new, _snapshot(reader, new))
        kept = list(_KEPT)
        kept[len(_LISTS)] = bool(new.others)
        if ctx.triggered_id == "action" and new.under != state.under:  # the line was moved
            kept[_UNDER] = _written(new, _snapshot(reader, new))
        return new.path, new.search, asdict(new), *kept


def register_overlay_list(app: dash.Dash, reader: Reader) -> None:
    """Register the callback that lists the studies to draw with one, after the other parts."""

    @app.callback(
        Output("others", "options", allow_duplicate=True),
        Input("chosen-by", "data"),
        Input("state", "data"),
        State("others", "options"),
        prevent_initial_call=True,
    )
    def offer(drawn: Any, data: Any, offered: Any) -> Any:
        state = state_of(data)
        if ctx.triggered_id == "state" and len(offered or ()) > len(state.others):
            return no_update  # a click does not change the list of studies
        snapshot = _snapshot(reader, state) if drawn else None
        if snapshot is None:
            return no_update
        try:
            return _options(state, reader.comparable(snapshot.spec), snapshot.spec)
        except NasError:
            return no_update  # the status shows the error


def _options(
    state: PageState, studies: Sequence[StudySummary], spec: StudySpec
) -> list[dict[str, str]]:
    """Return `studies` to choose from, and those that the address names."""
    known = {each.name for each in studies}
    words = {
        each.name: f"{each.name} (seed {each.spec.seed} of the same search)"
        for each in studies
        if seeds_of_one_search(spec, each.spec)
    }
    names = [each.name for each in studies] + [name for name in state.others if name not in known]
    return [{"label": words.get(name, name), "value": name} for name in names]


def state_of(data: dict[str, Any]) -> PageState:
    """Return the state that a page keeps as JSON."""
    names = ("hidden", "compared", "others", "box")
    lists = {name: tuple(data[name]) for name in names if data[name] is not None}
    return PageState(**{**data, **lists})


def _snapshot(reader: Reader, state: PageState) -> Snapshot | None:
    try:
        return reader.last(state.study) if state.study else None
    except NasError:
        return None  # the page shows the error


def _opened(state: PageState, snapshot: Snapshot | None) -> tuple[Any, ...]:
    """Return the outputs for an address that was opened: the controls follow it."""
    data = asdict(state)
    if snapshot is None:
        return state.path, state.search, data, *_KEPT[:-1], state.theme or SYSTEM
    view = snapshot.along(state.x, state.y)
    axes = [{"label": metric(name).label, "value": name} for name in axis_names(snapshot.spec)]
    scales = [name for name in ("log_x", "log_y") if getattr(state, name)]
    along = [{"label": f"{name} of each stage", "value": name} for name in parallel_choices(view)]
    options = (axes, axes, list(colour_names(view)), _options(state, [], snapshot.spec), along)
    values = (
        view.x.name, view.y.name, state.colour, _written(state, snapshot), scales,
        shown_groups(state.hidden), list(state.others), state.top, state.along,
        state.shows, state.against, state.theme or SYSTEM,
    )  # fmt: skip
    return state.path, state.search, data, *options, bool(state.others), *values


def _written(state: PageState, snapshot: Snapshot | None) -> str:
    """Return the ceiling of the state as the text that a user types."""
    if state.under is None or snapshot is None:
        return ""
    return snapshot.along(state.x, state.y).x.show(state.under)


def _changed(reader: Reader, state: PageState, controls: dict[str, Any]) -> PageState | None:
    """Return the state after an action or a change of a control; None if nothing changes."""
    snapshot = _snapshot(reader, state)
    if snapshot is None:
        return None
    match ctx.triggered_id:
        case "action":
            return _acted(state, controls["action"], _fronts(reader, snapshot, state))
        case "under":
            return replace(state, under=_ceiling(controls["under"], snapshot, state))
        case "x" | "y" as axis:
            return _turned(state, axis, controls[axis], getattr(snapshot.view, axis).name)
        case "colour" | "along" | "shows" | "against" as name:
            return replace(state, **{name: controls[name]})
        case "scales":
            chosen = controls["scales"]
            return replace(state, log_x="log_x" in chosen, log_y="log_y" in chosen)
        case "shown":
            return replace(state, hidden=hidden_groups(controls["shown"]))
        case "others":
            return replace(state, others=tuple(controls["others"] or ())[:MOST_OVERLAID])
        case "top":
            return replace(state, top=_share(controls["top"]))
    return None


def _themed(state: PageState, chosen: str | None) -> PageState:
    return replace(state, theme=chosen if chosen in THEMES else None)


def _turned(state: PageState, axis: str, name: str | None, usual: str) -> PageState | None:
    """Return the state with another metric on one axis; the default one is not in the address."""
    if name is None or name == (getattr(state, axis) or usual):
        return None
    chosen = None if name == usual else name
    if axis == "y":
        return replace(state, y=chosen)
    return replace(state, x=chosen, under=None)


def _acted(
    state: PageState, action: dict[str, Any], views: Sequence[StudyView]
) -> PageState | None:
    """Return the state after a click, a selection by a box, or a move of the ceiling's line."""
    view = views[0]
    match action:
        case {"type": "near", "at": [x, y]}:
            near = nearest_trial(views, state.options, x, y)
            named = near and {"type": "row", "study": near[0], "number": near[1]}
            return _acted(state, named, views) if named else None
        case {"type": "moved", "at": at}:
            return replace(state, under=at / view.x.factor) if at > 0 else None
        case {"type": "brushed", "box": box}:
            return replace(state, box=box and _exact(box, view))
        case {"type": "row", "number": int(number), "study": str(study)} if study != state.study:
            names = tuple(name for name in (state.study, *state.others) if name and name != study)
            return replace(state, study=study, trial=number, others=names, compared=())
        case {"type": "row", "number": int(number)}:
            return replace(state, trial=number)
        case {"type": "close"}:
            return replace(state, trial=None)
    return None


def _share(percent: float | None) -> float | None:
    """Return the share to keep; None for all."""
    return percent if percent and percent < 100 else None


def _fronts(reader: Reader, snapshot: Snapshot, state: PageState) -> list[StudyView]:
    """Return the views of the front; all trials if the filtered ones cannot be read."""
    try:
        return views_of([snapshot, *reader.overlaid(state)[0]], state)
    except NasError:
        return [snapshot.along(state.x, state.y)]


def _exact(box: list[float], view: StudyView) -> Box:
    """Return a box in exact units; if its lower end is below all positive values, it is zero.

    A logarithmic axis shows a zero at its lower end.
    """
    left, right, low, high = box
    low, positive = low / view.y.factor, view.columns.y[view.columns.y > 0]
    if len(positive) and low < positive.min():
        low = min(low, 0.0)
    found = (left / view.x.factor, right / view.x.factor, low, high / view.y.factor)
    return tuple(float(f"{end:.6g}") for end in found)  # type: ignore[return-value]


def _ceiling(text: str | None, snapshot: Snapshot, state: PageState) -> float | None:
    """Return a typed ceiling on the x axis in its exact unit; None if it cannot be read."""
    axis = snapshot.along(state.x, state.y).x
    typed = (text or "").strip().replace(" ", "")
    if not typed:
        return None
    try:
        if not axis.metric.known:
            return float(typed.rstrip("%")) / axis.factor
        device = "@cpu" if axis.name == "latency" else ""
        return float(parse_budgets([f"{typed}-{axis.name}{device}"])[0].limit)
    except (NasError, ValueError):
        return state.under
