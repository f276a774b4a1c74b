"""Networks as they are shipped: batch normalisations folded into the convolutions before them."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nas.layers import Layer
from nas.train.latency.weights import Arrays, folded
from nas.train.network import Network, build


def shipped_network(layers: Sequence[Layer], seed: int = 0) -> Network:
    """Return the network of `layers` with random weights, in eval mode, on the CPU, folded."""
    network = build(layers, torch.Generator().manual_seed(seed)).eval()
    fold(network, layers)
    return network


def fold(network: Network, layers: Sequence[Layer]) -> None:
    """Fold every batch normalisation that alone reads a convolution into it, in place.

    The network must be in eval mode; its output stays the same up to rounding.
    """
    changed: dict[nn.Module, nn.Module] = {}
    for conv, norm in folded(layers):
        convolution, norms = network.get_submodule(conv), network.get_submodule(norm)
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norms, nn.BatchNorm2d)
        changed[convolution] = fuse_conv_bn_eval(convolution, norms)
        changed[norms] = nn.Identity()
    network.change_modules(lambda module: changed.get(module, module))


def weights(network: Network, layers: Sequence[Layer]) -> dict[str, Arrays]:
    """Return the arrays of a network by the name of their layer, in the order of ONNX's operators.

    Convolutions and linear layers: weight and bias; batch normalisations that were not folded:
    scale, shift, mean, variance.
    """
    found: dict[str, Arrays] = {}
    modules = dict(network.named_modules())
    for layer in layers:
        module = modules.get(layer.name)
        match module:
            case nn.Conv2d() | nn.Linear():
                tensors = [module.weight, module.bias]
            case nn.BatchNorm2d():
                tensors = [module.weight, module.bias, module.running_mean, module.running_var]
            case _:
                continue
        found[layer.name] = [t.detach().numpy() for t in tensors if t is not None]
    return found
