"""Weights of a network in a safetensors file."""

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import nn

from nas.errors import TaskError
from nas.files import write_whole


def save_weights(network: nn.Module, path: Path) -> str:
    """Write the weights as safetensors atomically; return the file's SHA-256.

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
            "Free disk space, or choose a writable folder.",
        ) from error
    return digest


def load_weights(network: nn.Module, path: Path, sha256: str | None) -> None:
    """Load the weights from a file that `save_weights` wrote for an equal network.

    `sha256` is its recorded hash; None if there is none.

    Raises:
        TaskError: the file is missing, broken, changed, or belongs to another network.
    """
    try:
        content = path.read_bytes()
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise TaskError(
                f"{path} has changed since it was recorded.", "Restore the original file."
            )
        network.load_state_dict(load(content))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise TaskError(
            f"{path} does not contain the weights of this network "
            f"({str(error).strip().splitlines()[0][:120]}).",
            "Give the file that was saved for this trial.",
        ) from error
