"""Checkpoint: the state of a training after an epoch or within one, to resume it exactly.

There are two files: `state-<epoch>.safetensors` has the tensors (weights, their average, the
optimiser, the random generator), `checkpoint.json` has its name, its SHA-256 and all other values.
`checkpoint.json` is replaced after the tensors are written, so that a valid checkpoint remains if
the process is killed at any time.
"""

import hashlib
import json
from collections.abc import Sequence

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nas.errors import StorageError, TaskError
from nas.storage import Storage
from nas.training.loop.epoch import EpochResult, EpochState
from nas.training.loop.session import Session

_NAME = "checkpoint.json"
_STATE = "state-"


def save_checkpoint(session: Session, folder: Storage, history: Sequence[EpochResult]) -> None:
    """Write the state of `session`, which trained the epochs of `history`, into `folder`.

    An unfinished epoch will be continued after its last step.

    Raises:
        TaskError: the folder cannot be written; the previous checkpoint is kept.
        StorageError: the storage cannot be reached, or refuses; it is kept, too.
    """
    epoch = session.unfinished
    within = f"-{epoch.steps}" if epoch else ""
    name = f"{_STATE}{session.epoch:05d}{within}.safetensors"
    try:
        sha256 = folder.write(name, save(_tensors(session)))
        document = {
            "schema": 1,
            "epoch": session.epoch,
            "file": name,
            "sha256": sha256,
            "average_steps": session.average.steps if session.average else 0,
            "begun": {"steps": epoch.steps, "seconds": epoch.seconds} if epoch else None,
            "history": [result.to_row() for result in history],
        }
        folder.write(_NAME, json.dumps(document, indent=1).encode())
        for other in folder.sizes():
            if other.startswith(_STATE) and other != name:
                folder.delete(other)
    except OSError as error:
        raise TaskError(
            f"the checkpoint cannot be written to {folder} ({error}).",
            "Free the disk, or make the folder writable.",
        ) from error


def restore_checkpoint(session: Session, folder: Storage) -> list[EpochResult]:
    """Load the checkpoint in `folder` into `session`; return its epochs, [] without a checkpoint.

    Raises:
        TaskError: it is damaged, or belongs to another network.
        StorageError: the storage cannot be reached, or refuses.
    """
    if not folder.has(_NAME):
        return []
    try:
        document = json.loads(folder.read(_NAME))
        content = folder.read(document["file"])
        if hashlib.sha256(content).hexdigest() != document["sha256"]:
            raise OSError(f"{folder.file(document['file'])} has changed since it was written")
        tensors = load(content)
        _load(session, tensors, document["average_steps"])
        if begun := document.get("begun"):
            loss, random = tensors["begun.loss"].to(session.device), tensors["begun.random"]
            session.unfinished = EpochState(begun["steps"], loss, random, begun["seconds"])
        history = [EpochResult.of_row(result) for result in document["history"]]
    except StorageError:  # it is also a ValueError
        raise
    except (OSError, ValueError, SafetensorError, RuntimeError, KeyError, TypeError) as error:
        detail = str(error).splitlines()[0][:120]
        raise TaskError(
            f"the checkpoint {folder.file(_NAME)} cannot be used ({detail}).",
            f"Delete {folder}: the training then starts again.",
        ) from error
    session.epoch = document["epoch"]
    return history


def _tensors(session: Session) -> dict[str, Tensor]:
    found = {f"network.{key}": value for key, value in session.network.state_dict().items()}
    if session.average:
        weights = session.average.network.state_dict()
        found |= {f"average.{key}": value for key, value in weights.items()}
    for number, state in session.optimiser.state.items():
        found |= {f"optimiser.{number}.{name}": value for name, value in state.items()}
    found["random"] = session.random.get_state()
    if epoch := session.unfinished:
        found |= {"begun.loss": epoch.loss, "begun.random": epoch.random}
    return {key: value.detach().cpu().contiguous() for key, value in found.items()}


def _load(session: Session, tensors: dict[str, Tensor], average_steps: int) -> None:
    session.network.load_state_dict(_part(tensors, "network."))
    if session.average:
        session.average.network.load_state_dict(_part(tensors, "average."))
        session.average.steps = average_steps
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "optimiser.").items():
        number, _, name = key.partition(".")
        # use the memory layout of the weights: with another one, optimiser steps are slow
        kept = value.to(memory_format=torch.channels_last) if value.ndim == 4 else value
        state.setdefault(int(number), {})[name] = kept
    session.optimiser.load(state)
    session.random.set_state(tensors["random"])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
