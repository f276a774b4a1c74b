"""What a Ray of our own leaves out: processes that serve nobody.

Ray has no documented settings for these, so that they are taken from its inside, and only where it
looks as expected; another Ray runs as it comes, and starts a few seconds later.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ray._private.node import Node

_UNASKED = ("start_monitor", "start_log_monitor", "start_api_server")


@contextmanager
def few_processes() -> Iterator[None]:
    """Have a Ray that is started inside run no autoscaler, log monitor and dashboard server.

    The first has nothing to scale on one machine, the second forwards what `log_to_driver` turns
    off, the third serves nothing without the dashboard, but Ray's start waits for it. Together they
    take two seconds of processor time while the workers load.
    """
    before = {name: getattr(Node, name) for name in _UNASKED if hasattr(Node, name)}
    names = before if len(before) == len(_UNASKED) else {}
    try:
        for name in names:
            setattr(Node, name, _nothing)
        yield
    finally:
        for name, value in names.items():
            setattr(Node, name, value)


def _nothing(*_: object, **__: object) -> None:
    """Start nothing."""
