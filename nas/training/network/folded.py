"""Fold batch normalisations into the convolutions before them.

A batch normalisation is folded if it alone reads the convolution.
"""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_conv_bn_weights

from nas.space import (
    Activation,
    Add,
    BatchNorm,
    Concat,
    Conv,
    GlobalPool,
    Input,
    Layer,
    Linear,
    Pad,
    Pool,
    Shuffle,
    only_reader,
    readers_of,
)
from nas.training.network.module import Network

Arrays = Sequence[NDArray[Any]]
Weights = Mapping[str, Arrays]


def folded(layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """Return the (convolution, batch normalisation) pairs to fold, by name."""
    readers = readers_of(layers)
    return [
        (layer.name, reader.name)
        for layer in layers
        if isinstance(layer, Conv)
        and isinstance(reader := only_reader(layer.name, readers), BatchNorm)
    ]


def fold(network: Network, layers: Sequence[Layer]) -> None:
    """Fold the batch normalisations of a network in eval mode, in place.

    The output is unchanged up to rounding.
    """
    changed: dict[nn.Module, nn.Module] = {}
    for conv, norm in folded(layers):
        convolution, norms = network.get_submodule(conv), network.get_submodule(norm)
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norms, nn.BatchNorm2d)
        changed[convolution] = fuse_conv_bn_eval(convolution, norms)
        changed[norms] = nn.Identity()
    network.change_modules(lambda module: changed.get(module, module))


def folded_weights(network: Network, layers: Sequence[Layer]) -> dict[str, Arrays]:
    """Return the folded arrays of a network on the CPU, float32, by the name of the layer.

    Convolutions have a weight, shape (out, in / groups, kernel, kernel), and a bias, shape (out,),
    if the layer has one or a batch normalisation is folded in. Linear layers have a weight, shape
    (out, in), and a bias. Batch normalisations that are not folded have scale, shift, mean and
    variance, each of shape (channels,). Folding computes in float64; the network is not changed.
    """
    pairs = dict(folded(layers))
    arrays: dict[str, Arrays] = {}
    for layer in layers:
        match layer:
            case Conv():
                own = _own(network, layer.name, layer.bias)
                norm = pairs.get(layer.name)
                arrays[layer.name] = _arrays(_fused(own, network, norm) if norm else own)
            case Linear():
                arrays[layer.name] = _arrays(_own(network, layer.name, bias=True))
            case BatchNorm():
                if layer.name not in pairs.values():
                    arrays[layer.name] = _arrays(_statistics(network, layer.name))
            case Input() | Activation() | Shuffle() | Add() | Concat() | Pool() | Pad():
                continue
            case GlobalPool():
                continue
            case _:
                assert_never(layer)
    return arrays


def _own(network: Network, name: str, bias: bool) -> list[Tensor]:
    """Return the weight of a layer, and its bias if it has one."""
    return [network.get_parameter(f"{name}.{part}") for part in ("weight", "bias")[: 1 + bias]]


def _fused(own: Sequence[Tensor], network: Network, norm: str) -> list[Tensor]:
    """Return weight and bias of a convolution with the batch normalisation `norm` folded in."""
    weight, bias = own[0].double(), own[1].double() if len(own) > 1 else None
    scale, shift, mean, variance = (each.double() for each in _statistics(network, norm))
    module = network.get_submodule(norm)
    assert isinstance(module, nn.BatchNorm2d)
    return list(fuse_conv_bn_weights(weight, bias, mean, variance, module.eps, scale, shift))


def _statistics(network: Network, norm: str) -> list[Tensor]:
    """Return scale, shift, mean and variance of a batch normalisation."""
    return [
        *(network.get_parameter(f"{norm}.{name}") for name in ("weight", "bias")),
        *(network.get_buffer(f"{norm}.{name}") for name in ("running_mean", "running_var")),
    ]


def _arrays(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    return [tensor.detach().to(torch.float32).numpy() for tensor in tensors]
