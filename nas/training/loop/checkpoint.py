"""Checkpoint: the state of a training after an epoch or within one, to resume it exactly.

Two files: `state-<epoch>.safetensors` holds the tensors (weights, their average, the optimiser, the
random numbers), `checkpoint.json` names it with its SHA-256 and holds everything else. It is
replaced when the tensors are on the disk, so that a kill at any time leaves a valid checkpoint.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nas.errors import TaskError
from nas.files import write_bytes, write_whole
from nas.study import file_sha256
from nas.training.loop.epoch import BegunEpoch, EpochResult
from nas.training.loop.session import Session

_NAME = "checkpoint.json"


def save_checkpoint(session: Session, folder: Path, history: Sequence[EpochResult]) -> None:
    """Write the state of `session`, which trained the epochs of `history`, into `folder`.

    An epoch that it has begun is continued after its last step.

    Raises:
        TaskError: the folder cannot be written; the previous checkpoint is kept.
    """
    begun = session.begun
    within = f"-{begun.steps}" if begun else ""
    file = folder / f"state-{session.epoch:05d}{within}.safetensors"
    try:
        write_whole(file, lambda part: save_file(_tensors(session), part))
        _settle(file)
        document = {
            "schema": 1,
            "epoch": session.epoch,
            "file": file.name,
            "sha256": file_sha256(file),
            "average_steps": session.average.steps if session.average else 0,
            "begun": {"steps": begun.steps, "seconds": begun.seconds} if begun else None,
            "history": [result.to_row() for result in history],
        }
        text = json.dumps(document, indent=1)
        write_whole(folder / _NAME, lambda part: write_bytes(part, text.encode()))
        for other in folder.glob("state-*.safetensors"):
            if other != file:
                other.unlink()
    except (OSError, SafetensorError) as error:
        raise TaskError(
            f"the checkpoint cannot be written to {folder} ({error}).",
            "Free the disk, or make the folder writable.",
        ) from error


def restore_checkpoint(session: Session, folder: Path) -> list[EpochResult]:
    """Load the checkpoint in `folder` into `session`; return its epochs, [] without one.

    Raises:
        TaskError: it is damaged, or of another network.
    """
    path = folder / _NAME
    if not path.is_file():
        return []
    remedy = f"Delete {folder}: the training then starts again."
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        file = folder / document["file"]
        if file_sha256(file) != document["sha256"]:
            raise OSError(f"{file} has changed since it was written")
        tensors = load_file(file)
        _load(session, tensors, document["average_steps"])
        if begun := document.get("begun"):
            loss, random = tensors["begun.loss"].to(session.device), tensors["begun.random"]
            session.begun = BegunEpoch(begun["steps"], loss, random, begun["seconds"])
        history = [EpochResult.of_row(result) for result in document["history"]]
    except (OSError, ValueError, SafetensorError, RuntimeError, KeyError, TypeError) as error:
        raise TaskError(
            f"the checkpoint {path} cannot be used ({str(error).splitlines()[0][:120]}).", remedy
        ) from error
    session.epoch = document["epoch"]
    return history


def _settle(path: Path) -> None:
    """Wait until a file is on the disk, so that a power cut cannot leave an empty one."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _tensors(session: Session) -> dict[str, Tensor]:
    found = {f"network.{key}": value for key, value in session.network.state_dict().items()}
    if session.average:
        weights = session.average.network.state_dict()
        found |= {f"average.{key}": value for key, value in weights.items()}
    for index, state in session.optimiser.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                found[f"optimiser.{index}.{name}"] = value
    found["random"] = session.random.get_state()
    if session.begun:
        found |= {"begun.loss": session.begun.loss, "begun.random": session.begun.random}
    return {key: value.detach().cpu().contiguous() for key, value in found.items()}


def _load(session: Session, tensors: dict[str, Tensor], average_steps: int) -> None:
    session.network.load_state_dict(_part(tensors, "network."))
    if session.average:
        session.average.network.load_state_dict(_part(tensors, "average."))
        session.average.steps = average_steps
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "optimiser.").items():
        index, _, name = key.partition(".")
        # the layout of the weights; with another one, optimiser steps are slow
        kept = value.to(memory_format=torch.channels_last) if value.ndim == 4 else value
        state.setdefault(int(index), {})[name] = kept
    groups = session.optimiser.state_dict()["param_groups"]
    session.optimiser.load_state_dict({"state": state, "param_groups": groups})
    session.random.set_state(tensors["random"])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
