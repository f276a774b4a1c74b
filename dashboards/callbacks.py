"""The callbacks of the page: polling, drawing, sorting, selection; the address keeps the state."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import dash
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, html, no_update

from nas.dashboards.parts import counters, detail, settings, trials
from nas.dashboards.reader import Reader
from nas.errors import NasError, StoreError
from nas.figures import PageTheme, front_figure, hypervolume_figure, learning_curves_figure
from nas.results import StudyView

HINT = "Choose a point or a row to see its architecture."


def register(app: dash.Dash, reader: Reader, default: str | None) -> None:
    """Register the callbacks; `default` is the study shown if the address names none."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "look"),
        Output("look", "data"),
        Input("tick", "n_intervals"),
        State("look", "data"),
    )
    _register_navigation(app, reader, default)
    _register_drawing(app, reader)
    _register_table(app, reader)


def _register_navigation(app: dash.Dash, reader: Reader, default: str | None) -> None:
    @app.callback(
        Output("url", "search"),
        Output("study", "value"),
        Output("trial", "data"),
        Input("url", "search"),
        Input("study", "value"),
        Input("front", "clickData"),
        Input("curves", "clickData"),
        Input({"type": "row", "number": ALL}, "n_clicks"),
    )
    def navigate(
        search: str | None, study: str | None, front: Any, curves: Any, _rows: Any
    ) -> tuple[Any, Any, Any]:
        match ctx.triggered_id:
            case "front" | "curves" as figure:
                number = _clicked(front if figure == "front" else curves)
            case {"number": row} if ctx.triggered[0]["value"]:
                number = int(row)
            case "study" if study:
                return _search(study, None), no_update, None
            case None | "url" if search is not None:  # None: the browser has not sent it yet
                wanted, number = _read_search(search)
                study = wanted or study or default or _newest(reader)
                return _search(study, number), study, number
            case _:
                return no_update, no_update, no_update
        if number is None:
            return no_update, no_update, no_update
        return _search(study, number), no_update, number


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
        Output("seen", "data"),
        Output("status", "children"),
        Output("study", "options"),
        Input("tick", "n_intervals"),
        Input("study", "value"),
        Input("look", "data"),
        State("seen", "data"),
        # Otherwise a poll longer than the interval would be dropped every time.
        running=[(Output("tick", "disabled"), True, False)],
    )
    def poll(
        _ticks: int | None, study: str | None, look: dict[str, bool], seen: Any
    ) -> tuple[Any, ...]:
        unchanged = (no_update,) * 11
        try:
            options = [entry.name for entry in reversed(reader.studies())]
            if not study:
                return *unchanged, _nothing_yet(reader, options), options
            snapshot = reader.snapshot(study)
        except NasError as error:
            return *unchanged, _stale(error, seen), no_update
        clock = datetime.now().astimezone().strftime("%H:%M:%S")
        status = f"{snapshot.activity} · read at {clock}"
        now = {"study": study, "seq": snapshot.seq, "look": look}
        if seen and now == {key: seen[key] for key in now}:
            return *unchanged, status, options
        return *_drawn(snapshot.view, PageTheme(**look)), now | {"at": clock}, status, options


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
        Input("seen", "data"),
        Input("order", "data"),
        Input("trial", "data"),
    )
    def show(seen: Any, order: dict[str, Any], number: int | None) -> tuple[Any, Any]:
        if not seen:
            return no_update, no_update
        try:
            view = reader.last(seen["study"]).view
        except NasError:
            return no_update, no_update  # the status shows the error
        point = None if number is None else view.point(number)
        side = detail(view, point, reader.database) if point else html.P(HINT, className="muted")
        return trials(view, order, number), side


def _drawn(view: StudyView, look: PageTheme) -> tuple[Any, ...]:
    return (
        no_update if view.fixed else front_figure(view, look),
        learning_curves_figure(view, look),
        no_update if view.fixed else hypervolume_figure(view, look),
        view.fixed,  # a training has neither a front nor a hypervolume
        view.fixed,
        view.name,
        view.summary,
        view.note,
        counters(view),
        settings(view),
    )


def _nothing_yet(reader: Reader, options: list[str]) -> str:
    if options:
        return "Choose a study."
    return f"{reader.database} has no study yet. Start one: nas search"


def _stale(error: NasError, seen: Any) -> list[Any]:
    since = f"Stale since {seen['at']}: " if seen else ""
    return [html.Strong(since, className="bad"), str(error)]


def _clicked(click: Any) -> int | None:
    """Return the number of the clicked trial, None if no trial was clicked."""
    data = click["points"][0].get("customdata") if click else None
    return None if data is None else int(data)


def _newest(reader: Reader) -> str | None:
    try:
        return max((entry.created_at, entry.name) for entry in reader.studies())[1]
    except (StoreError, ValueError):  # unreadable or empty, as the status shows
        return None


def _read_search(search: str) -> tuple[str | None, int | None]:
    query = parse_qs(search.removeprefix("?"))
    study, number = query.get("study", [None])[0], query.get("trial", [""])[0]
    return study, int(number) if number.isdecimal() else None


def _search(study: str | None, number: int | None) -> str:
    query = {"study": study, "trial": number}
    words = urlencode({key: value for key, value in query.items() if value is not None})
    return f"?{words}" if words else ""
