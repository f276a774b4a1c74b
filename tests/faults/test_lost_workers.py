"""Why a worker was lost: it, its node or the cluster."""

import socket
from typing import Any

import pytest
import ray
from ray.exceptions import NodeDiedError, RayActorError, RaySystemError

from nas.study import Reason
from nas.tuner.lost_workers import Nodes, fault_of

BEFORE = Nodes({"1": "here", "2": "there"})
DIED = RayActorError(error_msg="the actor died")


def nodes(*alive: str) -> list[dict[str, Any]]:
    hosts = {"1": "here", "2": "there"}
    raylet = {"NodeManagerAddress": "127.0.0.1", "NodeManagerPort": 1}
    return [
        {"NodeID": n, "NodeManagerHostname": hosts[n], "Alive": n in alive, **raylet} for n in hosts
    ]


@pytest.mark.parametrize(
    ("error", "alive", "host", "reason"),
    [
        (DIED, ("1", "2"), "there", Reason.WORKER_LOST),
        (None, ("1", "2"), None, Reason.WORKER_LOST),
        (DIED, ("1",), "there", Reason.NODE),
        (DIED, ("1",), None, Reason.NODE),  # it may have been there
        (DIED, ("1",), "here", Reason.WORKER_LOST),
        (NodeDiedError("lost"), ("1", "2"), "there", Reason.NODE),  # type: ignore[no-untyped-call]
        (RayActorError(preempted=True), ("1",), "there", Reason.PREEMPTED),
    ],
)
def test_a_trial_is_blamed_for_a_worker_that_ends_while_its_node_lives(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, alive: tuple[str, ...],
    host: str | None, reason: Reason,
) -> None:  # fmt: skip
    monkeypatch.setattr(ray, "nodes", lambda: nodes(*alive))
    assert fault_of(error, BEFORE, host).reason is reason


def test_a_node_that_ended_a_moment_ago_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "nodes", lambda: nodes("1", "2"))  # as the cluster still says
    with socket.create_server(("127.0.0.1", 0)) as raylet:
        before = Nodes(BEFORE.hosts, {"2": raylet.getsockname()})
        assert fault_of(DIED, before, "there").reason is Reason.WORKER_LOST
    assert fault_of(DIED, before, "there").reason is Reason.NODE
    assert fault_of(DIED, before, "here").reason is Reason.WORKER_LOST


def test_a_cluster_that_does_not_answer_is_no_fault_of_a_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent() -> None:
        raise RaySystemError("no answer")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(ray, "nodes", silent)
    assert fault_of(DIED, BEFORE, "here").reason is Reason.NODE
