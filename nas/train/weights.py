"""Weights: those of a network in a safetensors file."""

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from nas.errors import TaskError
from nas.train.files import write_whole


def save_weights(network: nn.Module, path: Path) -> str:
    """Write the weights as safetensors, whole or not at all; return the file's SHA-256.

    Raises:
        TaskError: the file cannot be written.
    """
    weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    digest = ""

    def write(temporary: Path) -> None:
        nonlocal digest
        save_file(weights, temporary)
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()

    try:
        write_whole(path, write)
    except (OSError, SafetensorError) as error:
        raise TaskError(
            f"the weights cannot be written to {path} ({error}).",
            "Free the disk, or choose a folder that you may write to.",
        ) from error
    return digest


def load_weights(network: nn.Module, path: Path) -> None:
    """Take over the weights in a file that `save_weights` wrote for an equal network.

    Raises:
        TaskError: the file is missing, broken, or belongs to another network.
    """
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise TaskError(
            f"{path} does not hold the weights of this network "
            f"({str(error).strip().splitlines()[0][:120]}).",
            "Give the file that was saved for this trial.",
        ) from error
