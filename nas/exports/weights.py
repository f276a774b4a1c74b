"""The weights of an exported network, trained or drawn from a seed, and their file."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from nas.errors import ExportError, WeightsError
from nas.exports.files import copy, write_bytes
from nas.exports.format import ExportJob, Written
from nas.exports.request import ExportRequest, WeightsOrigin
from nas.space import Layer, Shape
from nas.study import file_sha256
from nas.training import Network, build

_NOISE_IMAGES = 8


class WeightsFormat:
    """A safetensors file; for a trained network an exact copy."""

    name = "weights"
    libraries = ("safetensors",)
    settings = ()

    def write(self, job: ExportJob, directory: Path) -> Written:
        """Write `weights.safetensors`, with the keys of the network's state dict.

        Raises:
            ExportError: the file contains other weights than the network.
            WeightsError: the recorded weights were changed.
        """
        path, own = directory / "weights.safetensors", job.network.state_dict()
        if job.request.training is None:
            write_bytes(path, save({key: value.contiguous() for key, value in own.items()}))
        else:
            copy(job.request.training.weights, path)
            _check_recorded(job.request.training, path)
        found = load_file(path)
        if found.keys() != own.keys() or not all(own[key].equal(found[key]) for key in own):
            raise ExportError(
                f"{path.name} does not contain the weights of the network.",
                "No file was kept. Is another program writing the weights of this trial?",
            )
        return Written((path,))


FORMAT = WeightsFormat()


def prepare_network(request: ExportRequest, layers: Sequence[Layer]) -> Network:
    """Return the network of the request with its weights, in eval mode.

    Raises:
        WeightsError: the trained weights are missing or were changed.
        ExportError: they belong to another network.
    """
    network = build(layers, torch.Generator().manual_seed(request.seed))
    if request.training is None:
        settle_statistics(network, request.input, request.seed)
        if request.source is not None:
            _take_fitting(network, _recorded(request.source))
    else:
        load_weights(network, _recorded(request.training))
    return network.eval()


def _take_fitting(network: nn.Module, path: Path) -> None:
    """Load the weights of a file that fit `network` by name and shape, except its head.

    Batch-norm statistics are loaded too. The head is for other classes, even if their number is
    equal.
    """
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise ExportError(f"{path} contains no weights: {error}.", "Restore the file.") from error
    own = network.state_dict()
    fitting = {
        key: value
        for key, value in found.items()
        if key in own and own[key].shape == value.shape and not key.startswith("classifier.")
    }
    network.load_state_dict(own | fitting)


def load_weights(network: nn.Module, path: Path) -> None:
    """Load a safetensors file with exactly the keys and shapes of `network`.

    Raises:
        ExportError: it has others, or is not a safetensors file.
    """
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        detail = [line for line in str(error).splitlines() if line.strip()][:2][-1].strip()
        raise ExportError(
            f"the weights do not fit the network: {detail[:200]}",
            "Give the weights of this trial, or export without weights: --arch.",
        ) from error


def _recorded(training: WeightsOrigin) -> Path:
    """Return the file of recorded weights, checked to be unchanged."""
    if not training.weights.is_file():
        raise WeightsError(
            f"the weights {training.weights} are missing.",
            "Restore the file, or export the architecture without weights: --arch.",
        )
    _check_recorded(training, training.weights)
    return training.weights


def _check_recorded(training: WeightsOrigin, path: Path) -> None:
    """Check that `path` has the recorded content."""
    if training.sha256 and file_sha256(path) != training.sha256:
        raise WeightsError(
            f"the weights {training.weights} have changed since they were recorded.",
            "Restore the original file, or export the architecture without weights: --arch.",
        )


@torch.no_grad()
def settle_statistics(network: nn.Module, shape: Shape, seed: int) -> None:
    """Set the batch-norm statistics from eight images of N(0, 1) noise.

    With initial statistics an untrained deep network overflows, which would hide errors in folding
    batch norms into convolutions.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    generator = torch.Generator().manual_seed(seed)
    network.train()
    network(torch.randn(_NOISE_IMAGES, *shape, generator=generator))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
