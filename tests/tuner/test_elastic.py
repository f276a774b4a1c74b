"""A cluster that begins without a node that could run a trial, grows, shrinks and grows again."""

import time
from pathlib import Path

import pytest

from tests.tuner.ray_cluster import Driver, RayCluster, kill_node, stop_node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_study_waits_for_nodes_and_survives_their_end(tmp_path: Path) -> None:
    with RayCluster("--num-cpus=0") as cluster:
        driver = Driver(
            cluster, tmp_path / "a", 30, 1.0, NAS_TEST_GPUS="1", NAS_TEST_MOST="2",
        )  # fmt: skip
        driver.until("waiting for nodes with 1 CPUs and 1 GPUs", 1)
        assert driver.running() == 0
        nodes = [cluster.join("--num-cpus=1", "--num-gpus=1") for _ in range(2)]
        driver.until("finished", 3)
        deadline = time.monotonic() + 60
        while driver.running() < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        stop_node(nodes[0])
        kill_node(nodes[1])
        cluster.join("--num-cpus=1", "--num-gpus=1")
        driver.until("done", 1)
        ends = [str(attempt.outcome) for attempt in driver.attempts()]
    assert ends.count("COMPLETE") == 30
    assert {*ends} <= {"COMPLETE", "ENVIRONMENT"}  # no trial pays for a node


def test_an_autoscaler_adds_two_nodes_and_takes_them_back(tmp_path: Path) -> None:
    with RayCluster("--num-cpus=0", grows={"CPU": 1, "GPU": 4}) as cluster:
        huge = Driver(cluster, tmp_path / "a", 1, 1.0, NAS_TEST_GPUS="8")
        driver = Driver(cluster, tmp_path / "b", 20, 1.0, NAS_TEST_GPUS="4", NAS_TEST_MOST="2")
        driver.until("finished", 5)
        deadline = time.monotonic() + 60
        while driver.running() < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        driver.until("done", 1)
        huge.until("waiting for nodes with 1 CPUs and 8 GPUs", 1)
        huge.until("nas.errors.StudyPausedError", 1)
        assert "(there is none), and none has been started for 60 s." in huge.lines[-1]
