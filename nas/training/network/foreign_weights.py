"""Weights of a backbone from a file of another library, such as torchvision's MobileNetV2.

Both networks must have equal convolutions and batch norms in an equal order. If the file has all
names and shapes of the network, as a file of `nas export` does, weights are taken by name. Else the
tensors are paired in their order, and every pair must have equal shapes.
"""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from nas.errors import NasError, WeightsError
from nas.space import Layer, outputs_of
from nas.training.network.module import Network
from nas.training.network.weights_file import read_weights

_COUNTER = "num_batches_tracked"  # a buffer of batch norms; missing in old files, and not needed
_WRAPPED = ("state_dict", "model_state_dict", "model")  # keys of checkpoints
_SAVE = "Save the weights: torch.save(model.state_dict(), FILE)."


def foreign_weights(file: Path, layers: Sequence[Layer]) -> bytes:
    """Return the weights in `file` for a classifier of `layers`, in the safetensors format.

    The last layers of both networks are left out, because their classes differ. `file` is a state
    dict that was saved by torch, or a safetensors file. Equal files and layers give equal bytes.

    Raises:
        NasError: the file cannot be read, or the weights are those of another network.
    """
    last = {layer.name for layer in outputs_of(layers)}
    own = {
        name: value.shape
        for name, value in Network(layers).state_dict().items()
        if not name.endswith(_COUNTER) and name.rpartition(".")[0] not in last
    }
    given = {name: value for name, value in _read(file).items() if not name.endswith(_COUNTER)}
    if all(name in given and given[name].shape == shape for name, shape in own.items()):
        return save({name: given[name].contiguous() for name in own})
    _check(file, own, given)
    pairs = zip(own, given.values(), strict=False)
    return save({name: value.contiguous().clone() for name, value in pairs})


def _check(file: Path, own: Mapping[str, torch.Size], given: Mapping[str, Tensor]) -> None:
    """Compare the tensors in their order.

    Raises:
        NasError: there are too few or too many tensors, or one has another shape.
    """
    remedy = "Give the weights of this architecture, or leave --from out."
    for (name, shape), (other, value) in zip(own.items(), given.items(), strict=False):
        if shape != value.shape:
            theirs, ours = _shape(value.shape), _shape(shape)
            raise NasError(
                f"{file} is of another network: its {other} is {theirs}, {name} is {ours}.", remedy
            )
    if len(given) < len(own):
        first = list(own)[len(given)]
        raise NasError(
            f"{file} is of another network: it has {len(given)} tensors, the backbone has "
            f"{len(own)}, and {first} is missing.",
            remedy,
        )
    rest = list(given.items())[len(own) :]
    if len(rest) > 2 or (rest and rest[0][1].ndim != 2):
        raise NasError(
            f"{file} is of another network: after the backbone it has {len(rest)} more tensors, "
            f"from {rest[0][0]} on, instead of one linear layer.",
            remedy,
        )


def _shape(shape: torch.Size) -> str:
    return "x".join(map(str, shape)) or "a number"


def _read(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise NasError(f"there is no file {file}.", "Name a file of weights, a study or a trial.")
    if file.suffix == ".safetensors":
        try:
            return read_weights(file)
        except WeightsError as error:
            raise NasError(error.cause, "Name a file of weights.") from error
    try:
        found: Any = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NasError(f"{file} cannot be read: {error.strerror}.", "Correct this.") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
        raise NasError(f"{file} is not a state dict that torch can read safely.", _SAVE) from error
    wrapped = [found[key] for key in _WRAPPED if isinstance(found, dict) and key in found]
    weights = wrapped[0] if wrapped else found
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise NasError(f"{file} has values that are not tensors, or is not a dict.", _SAVE)
    if not weights:
        raise NasError(f"{file} is empty.", _SAVE)
    return weights
