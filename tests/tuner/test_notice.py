"""A node that drains: its trial saves and ends at once, and goes on elsewhere as the same trial."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tuner.ray_cluster import RAY, Driver, RayCluster, stop_node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NODES = """
import sys, ray
ray.init(sys.argv[1], log_to_driver=False)
for node in ray.nodes():
    if node["Alive"] and node["Resources"].get("CPU"):
        sys.stdout.write(node["NodeID"] + "\\n")
"""


def test_a_trial_leaves_a_node_that_drains(tmp_path: Path) -> None:
    with RayCluster("--num-cpus=0") as cluster:
        node = cluster.join("--num-cpus=1")
        found = subprocess.run(
            [sys.executable, "-c", NODES, cluster.address], env=cluster.environment,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        (drained,) = found.stdout.split()
        driver = Driver(cluster, tmp_path / "a", 2, 2.0, "3")
        driver.until("measured", 1)
        subprocess.run(
            [RAY, "drain-node", "--address", cluster.address, "--node-id", drained, "--reason",
             "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot"],
            env=cluster.environment, check=True, capture_output=True,
        )  # fmt: skip
        driver.until("requeued", 1)
        stop_node(node)
        cluster.join("--num-cpus=1")
        driver.until("done", 1)
        attempts = driver.attempts()
    assert [(a.outcome, a.reason) for a in attempts if a.reason] == [("ENVIRONMENT", "preempted")]
    assert [str(a.outcome) for a in attempts].count("COMPLETE") == 2
