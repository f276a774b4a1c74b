"""The weights of an exported network, which are trained or drawn from a seed, and their file."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import nn

from nas.errors import ExportError
from nas.exports.format import ExportJob, Written
from nas.exports.request import ExportRequest
from nas.files import write_bytes
from nas.space import Layer, Shape, outputs_of
from nas.training import Network, build, load_fitting, load_weights

_NOISE_IMAGES = 8


class WeightsFormat:
    """A safetensors file; for a trained network, an exact copy of its weights file."""

    name = "weights"
    libraries = ("safetensors",)
    settings = ()

    def write(self, job: ExportJob, directory: Path) -> Written:
        """Write `weights.safetensors`, with the keys of the network's state dict.

        Raises:
            ExportError: the file contains other weights than the network.
        """
        path, own = directory / "weights.safetensors", job.network.state_dict()
        if job.request.training is None:
            write_bytes(path, save({key: value.contiguous() for key, value in own.items()}))
        else:
            write_bytes(path, job.request.training.weights.read_bytes())
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
        WeightsError: the trained weights are missing, were changed, or are of another network.
    """
    network = build(layers, torch.Generator().manual_seed(request.seed))
    if request.training is None:
        settle_statistics(network, request.input, request.seed)
        if request.source is not None:
            last = [layer.name for layer in outputs_of(layers)]
            load_fitting(network, request.source.weights, request.source.sha256, last)
    else:
        load_weights(network, request.training.weights, request.training.sha256)
    return network.eval()


@torch.no_grad()
def settle_statistics(network: nn.Module, shape: Shape, seed: int) -> None:
    """Set the batch-norm statistics from eight images of N(0, 1) noise.

    With their initial values the outputs of a deep untrained network overflow, which would hide
    errors in the folding of batch norms into convolutions.
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
