"""The dashboard, served by this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from nas.dashboards.app import create_app


@contextmanager
def served(database: Path | str, key: str | None = None) -> Iterator[str]:
    """Yield the address of the list of studies of a database, which the `key` lets change."""
    server = make_server("127.0.0.1", 0, create_app(str(database), key=key).server, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
