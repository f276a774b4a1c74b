"""The Dash application: one page with the live figures of a study, on this machine only."""

import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress

import dash
import plotly.graph_objects as go
from werkzeug.serving import make_server

from nas.dashboards.address import HOST, Place, check_port, url
from nas.dashboards.callbacks import register
from nas.dashboards.changes import StudyEditor
from nas.dashboards.downloads import Downloads
from nas.dashboards.guard import add_health, answer_missing, protect
from nas.dashboards.layout import page_layout
from nas.dashboards.page_state import PageState
from nas.dashboards.reader import Reader
from nas.errors import NasError, StoreError
from nas.figures import PageTheme, page_style
from nas.store import open_store

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


def create_app(
    store_url: str | None = None, study: str | None = None, key: str | None = None
) -> dash.Dash:
    """Return the application over the store at `store_url`, opened read-only.

    `/` lists the studies, `/study/NAME` and `/study/NAME/trial/N` show one. If `study` is given, it
    must exist. Pages that are opened with `?key=` and this `key` can rename and delete studies.

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
        compress=True,
        index_string=_INDEX.replace("STYLE", page_style()),
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        health_endpoint="healthz",
        enable_mcp=False,
        add_log_handler=False,
        suppress_callback_exceptions=True,  # rows and headings are dynamic
    )
    app.layout = page_layout()
    downloads = Downloads(store_url)
    register(app, reader, downloads, StudyEditor(store_url, key))
    downloads.serve(app.server)
    add_health(app.server, lambda: _check(reader))
    protect(app.server, app.csp_hashes())
    answer_missing(app.server, lambda path: _exists(reader, path))
    return app


def _exists(reader: Reader, path: str) -> bool:
    try:
        return reader.absent(PageState.of(path, None)) is None
    except NasError:
        return True  # the database cannot be read; the page shows the error


def serve(
    store_url: str | None = None,
    study: str | None = None,
    place: Place = Place(),  # noqa: B008  # it is frozen
    on_ready: Callable[[str], None] | None = None,
    allow_changes: bool = False,
) -> None:
    """Serve the page until Ctrl-C; `on_ready` is called with its address.

    If `allow_changes`, the address has a new key, with which a page can rename and delete studies.

    Raises:
        NasError: the port is in use, or the host is not local.
        StoreError: as in `create_app`.
    """
    port = place.port
    if place.host not in (HOST, "localhost"):
        raise NasError(
            f"the dashboard does not listen on {place.host}: it has no password.",
            f"Leave --host out; from another machine use: ssh -L {port}:127.0.0.1:{port} HOST",
        )
    key = secrets.token_urlsafe(16) if allow_changes else None
    app = create_app(store_url, study, key)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        check_port(port)
    except (OSError, OverflowError) as error:
        raise NasError(
            f"the port {port} cannot be used: {getattr(error, 'strerror', None) or error}.",
            "Give another port with --port, or --port 0 for any free one.",
        ) from error
    server = make_server("0.0.0.0" if place.container else HOST, port, app.server, threaded=True)
    threading.Thread(target=_prepare, daemon=True).start()
    if on_ready:
        on_ready(url(server.port, study) + (f"?key={key}" if key else ""))
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    server.server_close()


def _prepare() -> None:
    """Draw an empty figure, because plotly needs a third of a second longer for the first one."""
    go.Figure([go.Scatter(), go.Scattergl()], layout=PageTheme().frame(100))


def _check(reader: Reader) -> str | None:
    try:
        reader.ping()
    except StoreError as error:
        return str(error)
    return None
