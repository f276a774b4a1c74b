"""The local address of the page; imports no drawing library."""

import socket
from dataclasses import dataclass
from urllib.parse import quote

HOST = "127.0.0.1"
PORT = 8050
_TRIED = 50


@dataclass(frozen=True)
class Place:
    """The place at which the page is served: a `port` of this machine, 0 for a free one.

    In a `container` it is served on all addresses, for a port that is published on this machine
    only. `host` is HOST or localhost.
    """

    host: str = HOST
    port: int = PORT
    container: bool = False


def url(port: int, study: str | None = None) -> str:
    """Return the address of the page, opened at `study`."""
    return f"http://{HOST}:{port}/{f'study/{quote(study)}' if study else ''}"


def check_port(port: int) -> None:
    """Check that the page can be served at `port`.

    Raises:
        OSError: another program uses the port, or this user may not use it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))


def free_port() -> int | None:
    """Return the first free port from the default one on, None if there is none."""
    for port in range(PORT, PORT + _TRIED):
        try:
            check_port(port)
        except OSError:
            continue
        return port
    return None
