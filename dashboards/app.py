"""The Dash application: one page with the live figures of a study, on this machine only."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import dash
from dash import dcc, html
from werkzeug.serving import make_server

from nas.dashboards.address import HOST, PORT, check_port, url
from nas.dashboards.callbacks import HINT, register
from nas.dashboards.guard import add_health, protect
from nas.dashboards.parts import aria
from nas.dashboards.reader import Reader
from nas.errors import NasError, StoreError
from nas.figures import CONFIG, page_style
from nas.store import open_store

POLL_MILLISECONDS = 2500
_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
<link rel="icon" href="data:,">
<style>STYLE</style>
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>
"""


def create_app(store_url: str | None = None, study: str | None = None) -> dash.Dash:
    """Return the application over the store at `store_url`, opened read-only.

    It shows `study`, or the newest one; `?study=NAME&trial=N` in the address takes precedence.

    Raises:
        StoreError: the store cannot be opened, or has no such study.
    """
    reader = Reader(open_store(store_url, read_only=True))
    if study is not None:
        reader.snapshot(study)
    app = dash.Dash(
        __name__,
        title="nas",
        update_title="",
        serve_locally=True,
        index_string=_INDEX.replace("STYLE", page_style()),
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        health_endpoint="healthz",
        enable_mcp=False,
        add_log_handler=False,
        suppress_callback_exceptions=True,  # rows and headings are dynamic
    )
    app.layout = lambda: _layout(reader)
    register(app, reader, study)
    add_health(app.server, lambda: _check(reader))
    protect(app.server, app.csp_hashes())
    return app


def serve(
    store_url: str | None = None,
    study: str | None = None,
    host: str = HOST,
    port: int = PORT,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the page on this machine until Ctrl-C; `on_ready` is called with its address.

    Raises:
        NasError: the port is in use, or `host` is not local.
        StoreError: as in `create_app`.
    """
    if host not in (HOST, "localhost"):
        raise NasError(
            f"the dashboard does not listen on {host}: it has no password.",
            f"Leave --host out, or connect from elsewhere by: ssh -L {port}:127.0.0.1:{port} HOST",
        )
    app = create_app(store_url, study)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        check_port(port)
    except (OSError, OverflowError) as error:
        raise NasError(
            f"the port {port} cannot be used: {getattr(error, 'strerror', None) or error}.",
            "Give another port with --port, or --port 0 for any free one.",
        ) from error
    server = make_server(HOST, port, app.server, threaded=True)
    if on_ready:
        on_ready(url(server.port, study))
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    server.server_close()


def _check(reader: Reader) -> str | None:
    try:
        reader.ping()
    except StoreError as error:
        return str(error)
    return None


def _layout(reader: Reader) -> Any:
    return html.Main(
        [
            dcc.Location(id="url", refresh=False),
            dcc.Interval(id="tick", interval=POLL_MILLISECONDS),
            dcc.Store(id="look", data={"dark": False, "narrow": False}),
            dcc.Store(id="seen"),
            dcc.Store(id="trial"),
            dcc.Store(id="order", data={"header": None, "descending": False, "page": 0}),
            html.Header(
                [
                    html.Div(
                        [html.Label("Study", htmlFor="study"), _picker(reader)], className="picker"
                    ),
                    html.Div(id="status", role="status", className="small"),
                ],
                className="bar",
            ),
            html.H1(id="name"),
            html.P(id="summary", className="lead", **aria(live="polite")),
            html.P(id="note", className="note"),
            html.Div(id="counters", className="tiles"),
            html.Div([_card("front", "Error against cost"), _detail()], className="columns"),
            _card("curves", "Learning curves"),
            _card("hypervolume", "Progress"),
            html.Section([html.H2("Trials"), html.Div(id="table")], className="card"),
            html.Section([html.H2("Settings"), html.Div(id="settings")], className="card"),
        ]
    )


def _picker(reader: Reader) -> Any:
    """Return the list of studies; without options it would drop the study of the address."""
    names = [] if _check(reader) else [entry.name for entry in reversed(reader.studies())]
    return dcc.Dropdown(names, id="study", clearable=False, className="studies")


def _card(name: str, heading: str) -> Any:
    graph = dcc.Graph(id=name, config=cast("Any", CONFIG), figure={"layout": {"height": 380}})
    return html.Section([html.H2(heading), graph], id=f"{name}-card", className="card")


def _detail() -> Any:
    return html.Section(
        html.P(HINT, className="muted"), id="detail", className="card", **aria(live="polite")
    )
