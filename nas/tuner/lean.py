"""What a Ray of our own leaves out: processes that nobody asks, and a reason to start workers anew.

Ray has no documented settings for these, so that they are taken from its inside, and only where it
looks as expected; another Ray runs as it comes, and starts a few seconds later.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray._private.node import Node

_UNASKED = ("start_monitor", "start_log_monitor", "start_api_server")


@contextmanager
def few_processes() -> Iterator[None]:
    """Have a Ray that is started inside run no autoscaler, log monitor and dashboard server.

    The first has nothing to scale on one machine, the second forwards what `log_to_driver` turns
    off, the third serves nothing without the dashboard, but Ray's start waits for it. Together they
    take two seconds of processor time while the workers load.
    """
    with _replaced(Node, dict.fromkeys(_UNASKED, _nothing)):
        yield


@contextmanager
def waiting_workers() -> Iterator[None]:
    """Have a Tune run inside use the worker processes that wait; only where Ray is our own.

    Tune gives trials environment variables, for frameworks that we do not use and for the nodes of
    a cluster. Ray starts new processes for such an environment, and ends those that have loaded
    everything. The workers of our own Ray have the driver's environment anyway.
    """
    from ray.tune.execution import class_cache

    names: dict[str, Any] = {"DEFAULT_ENV_VARS": {}, "ENV_VARS_TO_PROPAGATE": frozenset()}
    with _replaced(class_cache, names):
        yield


@contextmanager
def _replaced(owner: Any, values: dict[str, Any]) -> Iterator[None]:
    """Set attributes for a while, if all of them are there; else none."""
    before = {name: getattr(owner, name) for name in values if hasattr(owner, name)}
    if len(before) < len(values):
        yield
        return
    try:
        for name, value in values.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def _nothing(*_: object, **__: object) -> None:
    """Start nothing."""
