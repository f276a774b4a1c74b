"""Guard: access to the page, its content security policy, and the two health addresses."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

_LOCAL = ("127.0.0.1", "localhost", "[::1]")


def protect(server: Flask, script_hashes: Sequence[str]) -> None:
    """Accept only local host names (against DNS rebinding), and load nothing from other sites.

    Pages of other sites can only send reading requests, and cannot see the responses.
    """
    scripts = " ".join(("'self'", *script_hashes))
    headers = {
        # Plotly writes style attributes, and compiles its WebGL shaders' bindings.
        "Content-Security-Policy": (
            f"default-src 'self'; script-src {scripts} 'unsafe-eval'; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }

    @server.before_request
    def only_local() -> None:
        host, _, port = request.host.rpartition(":")
        if (host if port.isdigit() else request.host) not in _LOCAL:
            abort(421, "This page is served at 127.0.0.1 and localhost only.")

    @server.before_request
    def only_own_pages() -> None:
        origin = request.headers.get("Origin")
        reads = request.method in ("GET", "HEAD")
        if not reads and origin is not None and urlsplit(origin).netloc != request.host:
            abort(403, "Only pages of this server may send this request.")

    @server.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(headers)
        return response


def add_health(server: Flask, check: Callable[[], str | None]) -> None:
    """Answer /readyz with 200, or with 503 and the cause from `check`."""

    @server.route("/readyz")
    def readyz() -> tuple[str, int, dict[str, str]]:
        cause = check()
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        return (cause, 503, plain) if cause else ("ready", 200, plain)


def answer_missing(server: Flask, exists: Callable[[str], bool]) -> None:
    """Answer with status 404 if a path does not exist; the page itself shows the reason."""

    @server.after_request
    def mark(response: Response) -> Response:
        page = request.endpoint == "/<path:path>" or request.path == "/"
        if page and response.status_code == 200 and not exists(request.path):
            response.status_code = 404
        return response
