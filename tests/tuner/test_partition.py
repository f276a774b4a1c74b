"""A node that cannot be reached for a while: its trial goes on, or begins again elsewhere."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from nas.interruption import descendants
from tests.tuner.ray_cluster import Driver, RayCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Ray's head declares a node dead after five seconds without an answer.
QUICK = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
}


def send(node: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to all processes of a node; stopped, they answer nobody."""
    for pid in (node.pid, *descendants(node.pid)):
        os.kill(pid, number)


def test_a_trial_outlives_a_short_partition_and_leaves_in_a_long_one(tmp_path: Path) -> None:
    with RayCluster("--num-cpus=0", **QUICK) as cluster:
        node = cluster.join("--num-cpus=1")
        driver = Driver(cluster, tmp_path / "a", 3, 1.0, "3")
        driver.until("measured 0 1", 1)
        send(node, signal.SIGSTOP)
        time.sleep(1.5)
        send(node, signal.SIGCONT)
        driver.until("finished 0", 1)
        assert driver.count("requeued") == 0

        driver.until("measured 1 1", 1)
        send(node, signal.SIGSTOP)
        driver.until("requeued 1", 1)
        cluster.join("--num-cpus=1")
        driver.until("measured 1 1", 2)
        send(node, signal.SIGCONT)  # what it measured meanwhile comes too late
        driver.until("done", 1)
        attempts = driver.attempts()
    assert [str(attempt.outcome) for attempt in attempts].count("COMPLETE") == 3
    assert {attempt.reason for attempt in attempts if attempt.reason} == {"node"}
    assert driver.count("finished") == 3
