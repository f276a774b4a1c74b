"""A node of a cluster that cannot train the study is left out; the rest goes on."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

from nas.errors import StudyPausedError
from nas.study.execution import NodeChecked
from nas.tuner.node_probe import CheckedNodes, NodeAnswer, differences, most_common
from tests.conftest import ROOT
from tests.tuner.ray_cluster import Driver, RayCluster

GOOD = {"nas": "1", "torch": "2.10", "CUDA": "12.8", "Ray": "2.60", "Python": "3.11.7"}


def test_versions_are_compared_with_those_of_most_nodes() -> None:
    old, other = {**GOOD, "torch": "2.9"}, {**GOOD, "Python": "3.11.8"}
    assert most_common([]) == {}
    assert most_common([old, GOOD, other]) == GOOD
    assert most_common([old, GOOD]) == old  # the first of equally many
    assert differences(GOOD, other) == []
    assert differences(GOOD, old) == ["torch 2.9, not 2.10"]
    assert differences({"nas": "1"}, {}) == ["nas none, not 1"]
    assert differences({}, GOOD) == []


def test_each_node_is_told_once_and_again_if_it_becomes_unfit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[NodeChecked] = []
    nodes = CheckedNodes(told.append)
    alive = [{"NodeID": name, "Alive": True, "Resources": {"CPU": 1}} for name in "ab"]
    alive.append({"NodeID": "head", "Alive": True, "Resources": {"CPU": 0}})
    monkeypatch.setattr(ray, "nodes", lambda: alive)
    assert nodes.labels == {}
    for _ in range(2):
        nodes.take("a", "one", NodeAnswer(GOOD))
    assert nodes.reference == GOOD
    for _ in range(2):
        nodes.take("b", "two", NodeAnswer({**GOOD, "nas": "2"}, "it has nas 2", "Install 1."))
    nodes.check_some_fit()
    nodes.take("a", "one", NodeAnswer(GOOD, "there is no data", "Copy it."))
    nodes.take("a", "one", NodeAnswer(GOOD))  # of another worker, too late
    assert [(event.node, event.problem) for event in told] == [
        ("a", None), ("b", "it has nas 2"), ("a", "there is no data"),
    ]  # fmt: skip
    assert nodes.labels == {"ray.io/node-id": "!in(a,b)"}
    with pytest.raises(
        StudyPausedError,
        match=r"no node .* can train the study .one: there is no data; two: it has nas 2",
    ):
        nodes.check_some_fit()
    alive.append({"NodeID": "c", "Alive": True, "Resources": {"GPU": 1}})
    nodes.check_some_fit()


@pytest.fixture
def places(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Return a cluster with a folder that some nodes do not see, and a torch of another version."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("no mount namespaces")
    apart, other = tmp_path / "apart", tmp_path / "other"
    apart.mkdir()
    (other / "torch").mkdir(parents=True)
    (other / "torch" / "__init__.py").touch()
    (other / "torch" / "version.py").write_text('__version__ = "0.1"\ncuda = None\n')
    blind = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {apart} && exec "$@"', "sh"]
    old = ["env", f"PYTHONPATH={other}:{ROOT}"]
    with RayCluster("--num-cpus=1") as cluster:
        yield SimpleNamespace(cluster=cluster, apart=apart, blind=blind, old=old)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_study_goes_on_without_nodes_that_differ(places: SimpleNamespace) -> None:
    cluster = places.cluster
    cluster.join("--num-cpus=1", within=places.blind)
    cluster.join("--num-cpus=1", within=places.old)
    driver = Driver(cluster, places.apart / "run", 12, 2.0)
    driver.until("left out", 2)
    driver.until("measured", 1)
    cluster.join("--num-cpus=1", within=places.blind)  # its first worker checks it
    driver.until("left out", 3)
    driver.until("done", 1)
    assert driver.process.wait(60) == 0
    said = "".join(driver.lines)
    assert driver.count("checked") == 1
    assert said.count("is missing there\n") == 2
    assert "left out it has torch 0.1, not " in said
    assert driver.count("left out") == 3
    assert driver.count("finished") == 12
    assert "FAILED" not in said
    # The nodes of one machine share a folder of Ray, which each new one clears.
    reasons = {attempt.reason for attempt in driver.attempts()}
    assert {"unfit_node"} <= reasons <= {None, "unfit_node", "worker_lost"}
    assert not list(places.apart.rglob(".node-*"))
