"""Growth: whether a large enough node may still join a cluster on which no trial fits.

Ray reports the launches of its autoscaler, but not its node types. If no node type is large enough
for a trial, no launch is reported.
"""

import math
import time

import ray
from ray.autoscaler.v2.schema import ClusterStatus
from ray.autoscaler.v2.sdk import get_cluster_status

from nas.errors import StudyPausedError
from nas.tuner.room import Room
from nas.tuner.sharing import Resources

GROWTH_SECONDS = 60.0  # patience until an autoscaler, or the user, begins to start a node
_UNREPORTED_SECONDS = 600.0  # the same, if the cluster does not report its launches


class Growth:
    """Measures for how long a cluster has had no large enough node, and has started none."""

    def __init__(self, room: Room) -> None:
        """Observe the cluster of `room`."""
        self._room = room
        self._since: float | None = None

    def check(self) -> None:
        """Check the cluster; called every few seconds while a study waits.

        Raises:
            StudyPausedError: no node is large enough for a trial, and none will join.
        """
        if self._room.fits() >= 1:
            self._since = None
            return
        now, patience = time.monotonic(), self._patience()
        self._since = now if self._since is None or math.isinf(patience) else self._since
        if now - self._since >= patience:
            raise _no_large_node(self._room.each, self._room.nodes, patience)

    def _patience(self) -> float:
        address = ray.get_runtime_context().gcs_address
        try:
            status = get_cluster_status(address)
        except Exception:  # noqa: BLE001 - RayWatch handles a cluster that does not answer
            return math.inf
        return patience_with(status, runs_trials=bool(self._room.nodes))


def patience_with(status: ClusterStatus, runs_trials: bool) -> float:
    """Return the seconds after which a cluster in this state will start no node for a trial.

    `runs_trials` says whether there is a node for smaller trials. If there is neither such a node
    nor an autoscaler, the user may still be adding nodes, and the time is infinite.
    """
    if status.pending_launches or status.pending_nodes or status.failed_launches:
        return math.inf
    if status.stats.autoscaler_version not in (None, "", "0"):
        return GROWTH_SECONDS
    nodes = *status.active_nodes, *status.idle_nodes
    if any(node.ray_node_type_name != f"node_{node.node_id}" for node in nodes):
        return _UNREPORTED_SECONDS  # an autoscaler of the first version
    return GROWTH_SECONDS if runs_trials else math.inf


def _no_large_node(each: Resources, nodes: list[Resources], waited: float) -> StudyPausedError:
    cpus, gpus = max(nodes, key=lambda node: node[::-1], default=(0.0, 0.0))
    found = f"the largest has {cpus:g} CPUs and {gpus:g} GPUs" if nodes else "there is none"
    return StudyPausedError(
        f"a trial needs {each[0]:g} CPUs and {each[1]:g} GPUs, but no node of the cluster has so "
        f"many ({found}), and none has been started for {waited:.0f} s.",
        "Continue with a lower --cpus-per-trial or --gpus-per-trial, or after you have added a "
        "large enough node or node type.",
    )
