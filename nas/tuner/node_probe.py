"""The nodes of a cluster: each shows that it can train the study before it gets a trial.

A node must see the folder of the study in the storage, and the data, and have the versions of nas,
torch, CUDA and Ray that the other nodes have. One that differs is left out: the study continues
with the rest, and no trial fails. All nodes are checked before trial 0; a node that joins later is
checked by the first worker on it, before that trains.
"""

import secrets
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas.errors import StorageError, StudyPausedError
from nas.storage import Storage, is_uri
from nas.study import NodeChecked, WorkerPlan, folder_owner
from nas.tuner.fingerprint import Fingerprint, differences, most_common, node_fingerprint
from nas.tuner.room import training_nodes

ANSWER_SECONDS = 60.0
_VISIBLE_SECONDS = 10.0  # network file systems show a new file of another machine later
_SHARED = "Give a folder that all nodes share with --results, or an s3:// --storage."
_CREDENTIALS = "Give every node the credentials, or correct what the nodes say."
_DATA = "Put the same data on it, under the same path."


@dataclass(frozen=True)
class NodeAnswer:
    """What a node says of itself: its versions, and what keeps it from training, with a remedy."""

    fingerprint: Fingerprint
    problem: str | None = None
    remedy: str = ""


class CheckedNodes:
    """The nodes of the cluster that were checked for one study, by Ray's ids of them.

    `unfit` are those that get no trial, with their hosts and answers; `reference` has the versions
    that a node must have. It is empty until one node has passed.
    """

    def __init__(self, emit: Callable[[NodeChecked], None] = lambda event: None) -> None:
        """Tell `emit` of each node once, and again if it becomes unfit."""
        self._emit = emit
        self.unfit: dict[str, tuple[str, NodeAnswer]] = {}
        self.reference: Fingerprint = {}
        self._fit: set[str] = set()

    def take(self, node: str, host: str, answer: NodeAnswer) -> None:
        """Note the answer of a node."""
        if node in self.unfit or (answer.problem is None and node in self._fit):
            return
        if answer.problem is None:
            self._fit.add(node)
            self.reference = self.reference or answer.fingerprint
        else:
            self._fit.discard(node)
            self.unfit[node] = host, answer
        self._emit(NodeChecked(node, host, dict(answer.fingerprint), answer.problem, answer.remedy))

    def check_some_fit(self) -> None:
        """Check that not every node of the cluster is unfit.

        Raises:
            StudyPausedError: each is.
        """
        alive = {str(node["NodeID"]) for node in training_nodes()}
        if alive and alive <= self.unfit.keys():
            raise _none_passed([self.unfit[node] for node in sorted(alive)])

    @property
    def labels(self) -> dict[str, str]:
        """The label selector for a worker: any node but the unfit ones."""
        unfit = ",".join(sorted(self.unfit))
        return {"ray.io/node-id": f"!in({unfit})"} if unfit else {}


def probe_nodes(
    plan: WorkerPlan,
    checked: CheckedNodes,
    seconds: float = ANSWER_SECONDS,
    interrupted: Callable[[], bool] = lambda: False,
) -> None:
    """Let every node that can run trials answer, and note it in `checked`.

    The nodes have `seconds`; the check ends early when `interrupted`.

    Raises:
        StudyPausedError: there are nodes, but none can train the study; the cause names them.
    """
    nodes, folder = training_nodes(), plan.files
    nonces = [secrets.token_hex(8) for _ in nodes]
    calls = [
        _answer.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(str(node["NodeID"]), soft=False)
        ).remote(plan, nonce)
        for node, nonce in zip(nodes, nonces, strict=True)
    ]
    last, left = time.monotonic() + seconds, calls
    while left and not interrupted() and time.monotonic() < last:
        _, left = ray.wait(calls, num_returns=len(calls), timeout=0.5)
    if interrupted():
        return
    answers = [_seen(call, folder, nonce) for call, nonce in zip(calls, nonces, strict=True)]
    for nonce in nonces:
        with suppress(OSError, StorageError):
            folder.delete(_name(nonce))
    checked.reference = most_common([one.fingerprint for one in answers if one.problem is None])
    hosts = [str(node["NodeManagerHostname"]) for node in nodes]
    answers = [_compared(answer, checked.reference) for answer in answers]
    if nodes and all(answer.problem for answer in answers):
        raise _none_passed(list(zip(hosts, answers, strict=True)))
    for node, host, answer in zip(nodes, hosts, answers, strict=True):
        checked.take(str(node["NodeID"]), host, answer)


def check_node(plan: WorkerPlan, reference: Fingerprint, nonce: str = "") -> NodeAnswer:
    """Check this node for the study of `plan`; called on the node.

    With a `nonce` it is written into the folder of the study, for the driver to read.
    """
    own = node_fingerprint()
    answer = _compared(NodeAnswer(own), {**reference, "nas": plan.version})
    if answer.problem is not None:
        return answer
    remedy = _CREDENTIALS if is_uri(plan.files.text) else _SHARED
    if (problem := _folder_problem(plan.files, plan.study_id, nonce)) is not None:
        return NodeAnswer(own, f"{_place(plan.files)} {problem}", remedy)
    if plan.data_dir is not None and not Path(plan.data_dir).exists():
        return NodeAnswer(own, f"there is no data in {plan.data_dir}", _DATA)
    return answer


@ray.remote(num_cpus=0, max_retries=0)
def _answer(plan: WorkerPlan, nonce: str) -> NodeAnswer:
    return check_node(plan, {}, nonce)


def _compared(answer: NodeAnswer, reference: Mapping[str, str]) -> NodeAnswer:
    """Return an answer with the problem that its versions are others, if it has no other one."""
    found = differences(reference, answer.fingerprint)
    if answer.problem is not None or not found:
        return answer
    problem = f"it has {', '.join(found)}"
    return replace(answer, problem=problem, remedy="Install the same versions on every node.")


def _folder_problem(folder: Storage, study_id: str, nonce: str) -> str | None:
    try:
        owner = folder_owner(folder)
        if owner != study_id:
            return "is missing there" if owner is None else "belongs to another study there"
        if nonce:
            folder.write(_name(nonce), nonce.encode())
    except StorageError as error:
        return f"is not usable there ({error.cause.rstrip('.')})"
    except OSError as error:
        return f"is not writable there ({error.strerror or error})"
    return None


def _seen(call: "ray.ObjectRef[NodeAnswer]", folder: Storage, nonce: str) -> NodeAnswer:
    """Return what a node answers, and whether the file that it wrote is seen here."""
    try:
        found = ray.get(call, timeout=0)
    except GetTimeoutError:
        return NodeAnswer({}, "it does not answer", "Restart the node.")
    except RayError as error:
        told = str(error).strip().splitlines()[-1][:160]
        return NodeAnswer({}, f"it cannot be checked ({told})", "Install the same nas on it.")
    if found.problem is not None:
        return found
    last = time.monotonic() + _VISIBLE_SECONDS
    while time.monotonic() < last:
        with suppress(OSError, StorageError):
            if folder.read(_name(nonce)) == nonce.encode():
                return found
        time.sleep(0.2)
    problem = (
        f"{_place(folder)} is another one there: {socket.gethostname()} does not see its files"
    )
    return replace(found, problem=problem, remedy=_SHARED)


def _none_passed(told: list[tuple[str, NodeAnswer]]) -> StudyPausedError:
    """Return the error for the (host, answer) of nodes, none of which can train."""
    nodes = "; ".join(f"{host}: {answer.problem}" for host, answer in told[:3])
    more = f"; and {len(told) - 3} more nodes" if len(told) > 3 else ""
    return StudyPausedError(
        f"no node of the cluster can train the study ({nodes}{more}).", told[0][1].remedy
    )


def _place(folder: Storage) -> str:
    return f"the {'storage' if is_uri(folder.text) else 'weights folder'} {folder}"


def _name(nonce: str) -> str:
    return f".node-{nonce}"
