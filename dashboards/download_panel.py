"""The panel with the files of a trial: buttons, the state of each job, and links."""

from typing import Any

import dash
from dash import ALL, Input, Output, State, ctx, html, no_update

from nas.dashboards.downloads import Built, Downloads, Kind, Wanted
from nas.dashboards.navigation import state_of
from nas.dashboards.reader import Reader
from nas.dashboards.updates import changed
from nas.errors import NasError

_WORDS = {Kind.ONNX: "ONNX file", Kind.SOURCE: "PyTorch source"}
_NAMES = {"card.json": "model card"}


def register_downloads(app: dash.Dash, reader: Reader, downloads: Downloads) -> None:
    """Register the callback of the buttons; it also follows the jobs while some run."""

    @app.callback(
        Output("downloads", "children"),
        Output("job-tick", "disabled"),
        Output("offered", "data"),
        Input("detailed", "data"),
        Input("state", "data"),
        Input("job-tick", "n_intervals"),
        Input({"type": "build", "kind": ALL}, "n_clicks"),
        State("offered", "data"),
    )
    def offer(
        _detailed: Any, data: Any, _ticks: Any, clicks: list[Any], known: Any
    ) -> tuple[Any, ...]:
        if not data or data["study"] is None:
            return (no_update,) * 3
        wanted = _wanted(reader, data)
        kind = ctx.triggered_id["kind"] if isinstance(ctx.triggered_id, dict) else None
        if kind is not None and any(clicks):
            for each in wanted:
                if each.kind == kind:
                    downloads.ask(each)
        states = {each: downloads.state(each) for each in wanted}
        panel = _panel(states)
        parts, digests = changed({"panel": panel}, known or {})
        running = any(state is not None and state.running for state in states.values())
        return parts["panel"], not running, digests


def _wanted(reader: Reader, data: Any) -> list[Wanted]:
    """Return the files that can be built for the chosen trial: without weights only the source."""
    state = state_of(data)
    if state.study is None or state.trial is None:
        return []
    try:
        trial = reader.last(state.study).found.table.get(state.trial)
    except NasError:
        return []
    if trial is None:
        return []
    kinds = list(Kind) if trial.has_weights else [Kind.SOURCE]
    return [Wanted.of(state.study, trial, kind) for kind in kinds]


def _panel(states: dict[Wanted, Built | None]) -> list[Any]:
    if not states:
        return []
    without = Kind.ONNX not in {wanted.kind for wanted in states}
    none = "No weights are recorded for this trial, so there is no ONNX file of it."
    return [
        html.H3("Files"),
        *([html.P(none, className="muted small")] if without else []),
        *(_row(wanted, built) for wanted, built in states.items()),
    ]


def _row(wanted: Wanted, built: Built | None) -> Any:
    words = _WORDS[wanted.kind]
    if built is not None and built.files:
        return html.P([f"{words}, checked: ", *_links(wanted, built)], className="small")
    running = built is not None and built.running
    button = html.Button(
        f"Building the {words} …" if running else f"Build the {words}",
        id={"type": "build", "kind": wanted.kind.value}, type="button", disabled=running,
    )  # fmt: skip
    problem = built.problem if built else ""
    return html.Div([button, html.P(problem, className="bad small", role="alert")])


def _links(wanted: Wanted, built: Built) -> list[Any]:
    links: list[Any] = []
    for name in built.files:
        address = f"/download/{wanted.key}/{wanted.study}/{wanted.trial}/{name}"
        link = html.A(_NAMES.get(name, name), href=address, download="")
        links += [", ", link] if links else [link]
    return links
