"""The check of the nodes of a cluster: a node gets trials only if it can train the study.

A node must have access to the folder of the study in the storage and to the data, and must have
the same versions of nas, torch, CUDA and Ray as the other nodes. A node that differs is left out:
the study continues on the others, and no trial fails. All nodes are checked before trial 0; a node
that joins later is checked by its first worker before it trains.
"""

import platform
import runpy
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import nas
from nas.errors import StorageError, StudyPausedError
from nas.storage import Storage, is_uri
from nas.study import NodeChecked, WorkerPlan, folder_owner
from nas.tuner.room import training_nodes

Fingerprint: TypeAlias = Mapping[str, str]  # version by name

ANSWER_SECONDS = 60.0
_COMPARED = ("nas", "torch", "CUDA", "Ray")  # Ray itself compares the versions of Python
_VISIBLE_SECONDS = 10.0  # network file systems show a new file of another machine with a delay
_SHARED = "Give a folder that all nodes share with --results, or an s3:// --storage."
_CREDENTIALS = "Give every node the credentials, or correct what the nodes say."
_DATA = "Put the same data on it, under the same path."


@dataclass(frozen=True)
class NodeAnswer:
    """The answer of a node: its versions, and the `problem` that prevents training, if any."""

    fingerprint: Fingerprint
    problem: str | None = None
    remedy: str = ""


class CheckedNodes:
    """The nodes of the cluster that were checked for one study, by Ray's id of the node.

    `unfit` has the host and the answer of each node that gets no trial. `reference` has the
    versions that a node must have; it is empty until one node has passed.
    """

    def __init__(self, emit: Callable[[NodeChecked], None] = lambda event: None) -> None:
        """Call `emit` once for each node, and again if the node becomes unfit."""
        self._emit = emit
        self.unfit: dict[str, tuple[str, NodeAnswer]] = {}
        self.reference: Fingerprint = {}
        self._fit: set[str] = set()

    def take(self, node: str, host: str, answer: NodeAnswer) -> None:
        """Record the answer of a node."""
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
        """Check that not all nodes of the cluster are unfit.

        Raises:
            StudyPausedError: all nodes are unfit.
        """
        alive = {str(node["NodeID"]) for node in training_nodes()}
        if alive and alive <= self.unfit.keys():
            raise _none_passed([self.unfit[node] for node in sorted(alive)])

    @property
    def labels(self) -> dict[str, str]:
        """The label selector for a worker: any node except the unfit ones."""
        unfit = ",".join(sorted(self.unfit))
        return {"ray.io/node-id": f"!in({unfit})"} if unfit else {}


def probe_nodes(
    plan: WorkerPlan,
    checked: CheckedNodes,
    seconds: float = ANSWER_SECONDS,
    interrupted: Callable[[], bool] = lambda: False,
) -> None:
    """Check every node that can run trials, and record the answers in `checked`.

    A node that does not answer within `seconds` is unfit. The check ends early if `interrupted`.

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
    deadline, pending = time.monotonic() + seconds, calls
    while pending and not interrupted() and time.monotonic() < deadline:
        _, pending = ray.wait(calls, num_returns=len(calls), timeout=0.5)
    if interrupted():
        return
    answers = [
        _verified_answer(call, folder, nonce) for call, nonce in zip(calls, nonces, strict=True)
    ]
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

    The `nonce`, if given, is written to a file in the folder of the study, which the driver reads.
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
    """Return an answer; if its versions differ from `reference`, with this as its problem."""
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


def _verified_answer(call: "ray.ObjectRef[NodeAnswer]", folder: Storage, nonce: str) -> NodeAnswer:
    """Return the answer of a node, with a problem if the driver cannot read the file it wrote."""
    try:
        found = ray.get(call, timeout=0)
    except GetTimeoutError:
        return NodeAnswer({}, "it does not answer", "Restart the node.")
    except RayError as error:
        message = str(error).strip().splitlines()[-1][:160]
        return NodeAnswer({}, f"it cannot be checked ({message})", "Install the same nas on it.")
    if found.problem is not None:
        return found
    deadline = time.monotonic() + _VISIBLE_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError, StorageError):
            if folder.read(_name(nonce)) == nonce.encode():
                return found
        time.sleep(0.2)
    problem = (
        f"{_place(folder)} is a different one there: {socket.gethostname()} does not see its files"
    )
    return replace(found, problem=problem, remedy=_SHARED)


def _none_passed(answers: list[tuple[str, NodeAnswer]]) -> StudyPausedError:
    """Return the error for the (host, answer) of nodes, none of which can train."""
    nodes = "; ".join(f"{host}: {answer.problem}" for host, answer in answers[:3])
    more = f"; and {len(answers) - 3} more nodes" if len(answers) > 3 else ""
    return StudyPausedError(
        f"no node of the cluster can train the study ({nodes}{more}).", answers[0][1].remedy
    )


def _place(folder: Storage) -> str:
    return f"the {'storage' if is_uri(folder.text) else 'weights folder'} {folder}"


def _name(nonce: str) -> str:
    return f".node-{nonce}"


def node_fingerprint() -> dict[str, str]:
    """Return the versions of this node, without importing torch."""
    found = {"nas": nas.__version__, "Ray": ray.__version__, "Python": platform.python_version()}
    spec = find_spec("torch")
    if spec is not None and spec.origin is not None:
        torch_version = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
        found["torch"] = str(torch_version["__version__"])
        found["CUDA"] = str(torch_version.get("cuda") or "none")
    return found


def differences(reference: Fingerprint, found: Fingerprint) -> list[str]:
    """Return the versions of `found` that differ from `reference`, as `torch 2.9, not 2.10`."""
    return [
        f"{name} {found.get(name, 'none')}, not {reference[name]}"
        for name in _COMPARED
        if name in reference and found.get(name) != reference[name]
    ]


def most_common(found: Sequence[Fingerprint]) -> Fingerprint:
    """Return the versions that most nodes have, in a tie the first ones; empty without nodes."""
    keys = [tuple(one.get(name, "none") for name in _COMPARED) for one in found]
    if not keys:
        return {}
    most = Counter(keys).most_common(1)[0][0]
    return found[keys.index(most)]
