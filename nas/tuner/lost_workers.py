"""Lost workers: did the worker end alone, perhaps because of its trial, or with its node?"""

from dataclasses import dataclass, field

import ray
from ray.exceptions import (
    ActorUnavailableError,
    NodeDiedError,
    RayActorError,
    RayError,
    RuntimeEnvSetupError,
)

from nas.study import Fault, Reason, last_line
from nas.tuner.ray_watch import refused

_CONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class Nodes:
    """The nodes of the cluster that were alive at one time.

    `hosts` has their host names, `raylets` the addresses of their raylets, both by node id.
    """

    hosts: dict[str, str]
    raylets: dict[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def alive(cls) -> "Nodes":
        """Return the nodes that are alive now."""
        found = ray.nodes()  # type: ignore[no-untyped-call]
        alive = {node["NodeID"]: node for node in found if node["Alive"]}
        return cls(
            {key: node["NodeManagerHostname"] for key, node in alive.items()},
            {k: (node["NodeManagerAddress"], node["NodeManagerPort"]) for k, node in alive.items()},
        )

    def lost_since(self, host: str | None) -> list[str]:
        """Return the host names of the nodes that ended since; only `host`, if it is known.

        The cluster notices the end of a node later than that of its workers. Therefore a connection
        to the raylet of each node is tried.

        Raises:
            RayError: the cluster does not answer.
        """
        now = Nodes.alive().hosts
        return [
            name
            for node, name in self.hosts.items()
            if host in (None, name) and (node not in now or self._refuses(node))
        ]

    def _refuses(self, node: str) -> bool:
        return node in self.raylets and refused(self.raylets[node], _CONNECT_SECONDS) is True


def fault_of(error: Exception | None, before: Nodes, host: str | None) -> Fault:
    """Return why a worker was lost, given Ray's `error`.

    The reason is WORKER_LOST only if its node and the cluster still run. `before` are the nodes
    that were alive when the attempt began. `host` is that of the worker; None if it is unknown.
    """
    message = last_line(str(error or ""))[:200]
    if isinstance(error, RayActorError) and error.preempted:
        return Fault(Reason.PREEMPTED, "its node was preempted")
    if isinstance(error, RuntimeEnvSetupError) or (
        isinstance(error, RayActorError) and error.actor_init_failed
    ):
        return Fault(Reason.SETUP, f"the worker cannot start: {message}")
    if isinstance(error, ActorUnavailableError | NodeDiedError):
        return Fault(Reason.NODE, f"the connection to its node was lost: {message}")
    try:
        lost_nodes = before.lost_since(host)
    except (RayError, OSError, RuntimeError):
        return Fault(Reason.NODE, "the Ray cluster does not answer")
    if lost_nodes:
        return Fault(Reason.NODE, f"its node ended: {lost_nodes[0]}")
    detail = f"its worker ended: {message}" if message else "its worker ended"
    return Fault(Reason.WORKER_LOST, detail)
