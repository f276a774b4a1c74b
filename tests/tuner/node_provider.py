"""Nodes for Ray's autoscaler: processes of this machine, by the public `NodeProvider`."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.tags import NODE_KIND_HEAD, TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

HEAD = "head"
_RAY = Path(sys.executable).with_name("ray")


class ProcessProvider(NodeProvider):
    """Each node is a `ray start`; the monitor of the head makes one of these."""

    def __init__(self, provider_config: dict[str, Any], cluster_name: str) -> None:
        """Begin with the head, which was started by hand."""
        super().__init__(provider_config, cluster_name)
        self._address = provider_config["address"]
        kinds = {TAG_RAY_NODE_KIND: NODE_KIND_HEAD, TAG_RAY_USER_NODE_TYPE: HEAD}
        self._tags: dict[str, dict[str, str]] = {HEAD: kinds}
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}

    def non_terminated_nodes(self, tag_filters: Mapping[str, str]) -> list[str]:
        """Return the nodes that have these tags."""
        wanted = tag_filters.items()
        return [node for node, tags in self._tags.items() if wanted <= tags.items()]

    def is_running(self, node_id: str) -> bool:
        """Tell whether a node was not terminated."""
        return node_id in self._tags

    def is_terminated(self, node_id: str) -> bool:
        """Tell whether a node was terminated."""
        return node_id not in self._tags

    def node_tags(self, node_id: str) -> dict[str, str]:
        """Return the tags of a node."""
        return self._tags[node_id]

    def set_node_tags(self, node_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to a node."""
        self._tags[node_id] |= tags

    def external_ip(self, node_id: str) -> str:
        """Return its name: all have the same address."""
        return node_id

    def internal_ip(self, node_id: str) -> str:
        """Return its name: all have the same address."""
        return node_id

    def create_node_with_resources_and_labels(
        self, node_config: Any, tags: Mapping[str, str], count: int,
        resources: Mapping[str, float], labels: Mapping[str, str],
    ) -> None:  # fmt: skip
        """Start nodes with these resources."""
        del node_config, labels
        for _ in range(count):
            name = f"node-{os.getpid()}-{len(self._nodes)}"
            self._tags[name] = dict(tags)
            self._nodes[name] = subprocess.Popen(
                [str(_RAY), "start", "--block", "--disable-usage-stats",
                 f"--address={self._address}", "--object-store-memory=100000000",
                 f"--num-cpus={resources.get('CPU', 0):g}",
                 f"--num-gpus={resources.get('GPU', 0):g}"],
                env={**os.environ, "RAY_CLOUD_INSTANCE_ID": name,
                     "RAY_NODE_TYPE_NAME": tags[TAG_RAY_USER_NODE_TYPE]},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip

    def terminate_node(self, node_id: str) -> None:
        """End a node."""
        self._tags.pop(node_id, None)
        if node_id in self._nodes:
            self._nodes[node_id].send_signal(signal.SIGTERM)
