"""Write and read the weights of a network as a safetensors file."""

import hashlib
from collections.abc import Collection

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from nas.errors import TaskError, WeightsError
from nas.storage import File, write_file


def save_weights(network: nn.Module, file: File) -> str:
    """Write the weights as a safetensors file, atomically; return its SHA-256.

    Raises:
        TaskError: the file cannot be written.
        StorageError: the storage cannot be reached, or refuses.
    """
    weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    try:
        return write_file(file, save(weights))
    except OSError as error:
        raise TaskError(
            f"the weights cannot be written to {file} ({error}).",
            "Free disk space, or choose a writable folder.",
        ) from error


def read_weights(path: File, sha256: str | None = None) -> dict[str, Tensor]:
    """Return the weights in a safetensors file, by their names in the state dict.

    `sha256` is the recorded hash of the file; None if there is none.

    Raises:
        WeightsError: the file is missing, changed, or not a safetensors file.
        StorageError: the storage cannot be reached, or refuses.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"the weights {path} cannot be read: {error.strerror or error}.",
            "Restore the file, or export the architecture without weights: --arch.",
        ) from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise WeightsError(
            f"the weights {path} have changed since they were recorded.",
            "Restore the original file, or export the architecture without weights: --arch.",
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise WeightsError(f"{path} contains no weights: {error}.", "Restore the file.") from error


def load_fitting(network: nn.Module, path: File, sha256: str | None, last: Collection[str]) -> int:
    """Load the weights in a file that fit `network` by name and shape.

    Weights of the layers `last` are not loaded, because their classes may differ. Return the number
    of loaded tensors called `weight`.

    Raises:
        WeightsError: as in `read_weights`.
    """
    own = network.state_dict()
    fitting = {
        key: value
        for key, value in read_weights(path, sha256).items()
        if key in own and own[key].shape == value.shape and key.rpartition(".")[0] not in last
    }
    network.load_state_dict(own | fitting)
    return sum(key.endswith("weight") for key in fitting)


def load_weights(network: nn.Module, path: File, sha256: str | None = None) -> None:
    """Load a safetensors file with exactly the keys and shapes of `network`.

    Raises:
        WeightsError: as in `read_weights`, or the weights belong to another network.
    """
    try:
        network.load_state_dict(read_weights(path, sha256))
    except RuntimeError as error:
        detail = [line for line in str(error).splitlines() if line.strip()][:2][-1].strip()
        raise WeightsError(
            f"the weights {path} do not fit the network: {detail[:200]}",
            "Restore the weights of this trial, or export without weights: --arch.",
        ) from error
