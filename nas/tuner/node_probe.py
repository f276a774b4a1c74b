"""The nodes of a cluster: each must see the study's folder in the storage, before trial 0.

Every node writes a random text into the folder, which the driver reads back. A node without the
storage, or with another folder at its path, would train for nothing: its weights are not found.
"""

import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas.errors import StorageError, StudyPausedError
from nas.storage import Storage, is_uri, open_storage
from nas.study import folder_owner

ANSWER_SECONDS = 60.0
_VISIBLE_SECONDS = 10.0  # network file systems show a new file of another machine later


def probe_nodes(
    folder: Storage,
    study_id: str,
    seconds: float = ANSWER_SECONDS,
    interrupted: Callable[[], bool] = lambda: False,
) -> None:
    """Check that every node that can run trials sees `folder`, which belongs to the study.

    The nodes have `seconds` to answer; the check ends early when `interrupted`.

    Raises:
        StudyPausedError: one does not; the cause names it.
    """
    known = ray.nodes()  # type: ignore[no-untyped-call]
    nodes = [node for node in known if node["Alive"] and _runs_trials(node["Resources"])]
    nonces = [secrets.token_hex(8) for _ in nodes]
    answers = [
        _answer.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(folder.text, study_id, nonce)
        for node, nonce in zip(nodes, nonces, strict=True)
    ]
    last, left = time.monotonic() + seconds, answers
    while left and not interrupted() and time.monotonic() < last:
        _, left = ray.wait(answers, num_returns=len(answers), timeout=0.5)
    if interrupted():
        return
    told = [
        (str(node["NodeManagerHostname"]), problem)
        for node, nonce, answer in zip(nodes, nonces, answers, strict=True)
        if (problem := _problem(answer, folder, nonce))
    ]
    for nonce in nonces:
        with suppress(OSError, StorageError):
            folder.delete(_name(nonce))
    if told:
        raise _blind(folder, told)


@ray.remote(num_cpus=0, max_retries=0)
def _answer(place: str, study_id: str, nonce: str) -> str | None:
    """Write `nonce` into the folder of the study; return what is wrong with the folder, if so."""
    folder = open_storage(place)
    try:
        owner = folder_owner(folder)
        if owner != study_id:
            return "is missing there" if owner is None else "belongs to another study there"
        folder.write(_name(nonce), nonce.encode())
    except StorageError as error:
        return f"is not usable there ({error.cause.rstrip('.')})"
    except OSError as error:
        return f"is not writable there ({error.strerror or error})"
    return None


def _problem(answer: "ray.ObjectRef[str | None]", folder: Storage, nonce: str) -> str | None:
    """Return what is wrong with a node, by its answer and by the file that it wrote."""
    try:
        found = ray.get(answer, timeout=0)
    except GetTimeoutError:
        return "was not checked: the node does not answer"
    except RayError as error:
        return f"was not checked ({str(error).strip().splitlines()[-1][:160]})"
    if found is not None:
        return found
    last = time.monotonic() + _VISIBLE_SECONDS
    while time.monotonic() < last:
        with suppress(OSError, StorageError):
            if folder.read(_name(nonce)) == nonce.encode():
                return None
        time.sleep(0.2)
    return f"is another one there: what it writes is not seen on {socket.gethostname()}"


def _blind(folder: Storage, told: list[tuple[str, str]]) -> StudyPausedError:
    """Return the error for (host, problem) of nodes."""
    nodes = "; ".join(f"on {host} it {problem}" for host, problem in told[:3])
    more = f"; and on {len(told) - 3} more nodes" if len(told) > 3 else ""
    if is_uri(folder.text):
        cause = f"not every node can use the storage {folder}"
        remedy = "Give every node the credentials, or correct what the nodes say."
    else:
        cause = f"not every node sees the weights folder {folder}"
        remedy = "Give a folder that all nodes share with --results, or an s3:// --storage."
    return StudyPausedError(f"{cause}: {nodes}{more}.", remedy)


def _runs_trials(resources: dict[str, float]) -> bool:
    return resources.get("CPU", 0.0) > 0 or resources.get("GPU", 0.0) > 0


def _name(nonce: str) -> str:
    return f".node-{nonce}"
