"""Checkpoint: a training as it stood after an epoch, to go on from exactly there.

Two files: `state-<epoch>.safetensors` holds the tensors (weights, their average, the optimiser, the
random numbers), `checkpoint.json` names it with its SHA-256 and holds everything else. The second
is replaced when the first is on the disk, so that a kill at any moment leaves a whole checkpoint.
"""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nas.errors import TaskError
from nas.files import write_whole
from nas.study import DataIdentity, file_sha256
from nas.text_file import decode_text
from nas.training.loop.session import EpochResult, Session

NAME = "checkpoint.json"
_LATER = ("data", "input")  # of an identity: what older records do not have
_REMEDY = "Give another --out, or delete that folder to train anew."


def save_checkpoint(
    session: Session, folder: Path, identity: Mapping[str, Any], history: Sequence[EpochResult]
) -> None:
    """Write the state of `session` into `folder`; `identity` says whose it is.

    Raises:
        TaskError: the folder cannot be written; the checkpoint before this one is still there.
    """
    file = folder / f"state-{session.epoch:05d}.safetensors"
    try:
        write_whole(file, lambda part: save_file(_tensors(session), part))
        _settle(file)
        document = {
            "schema": 1,
            "epoch": session.epoch,
            "file": file.name,
            "sha256": file_sha256(file),
            "average_steps": session.average.steps if session.average else 0,
            "identity": dict(identity),
            "history": [result.to_row() for result in history],
        }
        text = json.dumps(document, indent=1)
        write_whole(folder / NAME, lambda part: write_text(text, part))
        for other in folder.glob("state-*.safetensors"):
            if other != file:
                other.unlink()
    except (OSError, SafetensorError) as error:
        raise TaskError(
            f"the checkpoint cannot be written to {folder} ({error}).",
            "Free the disk, or choose a folder that you may write to; then type --resume.",
        ) from error


def restore_checkpoint(
    session: Session, folder: Path, identity: Mapping[str, Any]
) -> list[EpochResult]:
    """Bring `session` to the checkpoint in `folder`; return the epochs so far, none if none is.

    Raises:
        TaskError: it is broken, or that of another network, task, recipe or seed.
    """
    path = folder / NAME
    if not path.is_file():
        return []
    document = read_document(path)
    check_identity(document.get("identity"), identity, path)
    try:
        file = folder / document["file"]
        if file_sha256(file) != document["sha256"]:
            raise TaskError(f"{file} has changed since it was written.", _REMEDY)
        _load(session, load_file(file), document["average_steps"])
        history = [EpochResult.of_row(result) for result in document["history"]]
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError) as error:
        raise TaskError(
            f"the checkpoint {path} cannot be used ({str(error).splitlines()[0][:120]}).", _REMEDY
        ) from error
    session.epoch = document["epoch"]
    return history


def discard_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of a training that is over; its weights are elsewhere."""
    with contextlib.suppress(OSError):
        (folder / NAME).unlink(missing_ok=True)
        for file in folder.glob("state-*.safetensors"):
            file.unlink()


def read_document(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of ours.

    Raises:
        TaskError: it cannot be read.
    """
    try:
        document = json.loads(decode_text(path.read_bytes(), str(path), TaskError))
    except (OSError, ValueError) as error:
        raise TaskError(f"{path} cannot be read ({error}).", _REMEDY) from error
    if not isinstance(document, dict):
        raise TaskError(f"{path} is no record of a training.", _REMEDY)
    return document


def check_identity(found: Any, expected: Mapping[str, Any], path: Path) -> None:
    """Refuse the record of another training.

    Raises:
        TaskError: `found` differs from `expected`; the error names the first difference.
    """
    theirs = found if isinstance(found, dict) else {}
    _check_data(theirs.get("data"), expected.get("data"), path)
    for key, value in expected.items():
        if key in _LATER and theirs and key not in theirs:
            continue  # a record of before these were kept
        if theirs.get(key) != value:
            raise TaskError(
                f"{path} is of another training: its {key} is "
                f"{_brief(theirs.get(key))}, not {_brief(value)}.",
                _REMEDY,
            )


def _check_data(found: Any, expected: Any, path: Path) -> None:
    then, now = DataIdentity.from_json(found), DataIdentity.from_json(expected)
    change = then.change(now) if then and now else ""
    if change:
        raise TaskError(
            f"the data of the training in {path.parent} changed: {change}.",
            "Restore the data, or train in another folder.",
        )


def _brief(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 100 else f"{text[:97]}…"


def write_text(text: str, path: Path) -> None:
    """Write `text`, and wait until it is on the disk."""
    path.write_text(text, encoding="utf-8")
    _settle(path)


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
    return {key: value.detach().cpu().contiguous() for key, value in found.items()}


def _load(session: Session, tensors: dict[str, Tensor], average_steps: int) -> None:
    session.network.load_state_dict(_part(tensors, "network."))
    if session.average:
        session.average.network.load_state_dict(_part(tensors, "average."))
        session.average.steps = average_steps
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "optimiser.").items():
        index, _, name = key.partition(".")
        # the layout of the weights, or else every step of the optimiser takes the slow way
        kept = value.to(memory_format=torch.channels_last) if value.ndim == 4 else value
        state.setdefault(int(index), {})[name] = kept
    groups = session.optimiser.state_dict()["param_groups"]
    session.optimiser.load_state_dict({"state": state, "param_groups": groups})
    session.random.set_state(tensors["random"])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
