"""Draining nodes: nodes that the cluster will remove soon, for instance spot instances."""

from collections.abc import Callable
from threading import Event, Thread

import ray
from ray.autoscaler.v2.sdk import get_cluster_status

_PERIOD_SECONDS = 2.0


class DrainWatch:
    """A thread that calls `notice` with the id of each node that begins to drain, until `close`."""

    def __init__(self, notice: Callable[[str], None]) -> None:
        """Watch the cluster that this process is connected to."""
        self._notice, self._known, self._over = notice, set[str](), Event()
        self._address = ray.get_runtime_context().gcs_address
        self._thread = Thread(target=self._watch, name="nas-draining", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(_PERIOD_SECONDS):
            try:
                found = get_cluster_status(self._address)
            except Exception:  # noqa: BLE001 - RayWatch handles a cluster that does not answer
                continue
            nodes = (*found.active_nodes, *found.idle_nodes)
            draining = {n.node_id for n in nodes if n.node_id and n.node_status == "DRAINING"}
            for node in draining - self._known:
                self._known.add(node)
                self._notice(node)
