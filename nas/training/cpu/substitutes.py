"""Faster functions that compute layers instead of their modules."""

from collections.abc import Callable

from torch import Tensor, nn

from nas.space import BatchNorm, GlobalPool
from nas.training.cpu.batch_norm import NormStep, mean_of_map, rectified, shuffled_order
from nas.training.cpu.depthwise import depthwise_steps
from nas.training.cpu.kernels import Kernels
from nas.training.cpu.norm_pointwise import normed_steps
from nas.training.cpu.pointwise import DensePointwise, folds
from nas.training.network.module import Network


def substitutes_of(network: Network, native: Kernels) -> dict[str, Callable[..., Tensor]]:
    """Return the functions that compute layers of `network`, by layer name."""
    layers = network.layers
    made: dict[str, Callable[..., Tensor]] = {}
    orders: dict[str, Tensor] = {}  # the orders of the channels of permuted batch norms
    for fold in folds(layers):
        conv = network.get_submodule(fold.conv)
        assert isinstance(conv, nn.Conv2d)
        made[fold.conv] = DensePointwise(conv, fold.groups)
        if fold.shuffle:
            made[fold.shuffle] = nn.Identity()
        for name in fold.norms:
            orders[name] = shuffled_order(_norm(network, name).num_features, fold.groups)
    tops = rectified(layers)
    for layer in layers:
        if isinstance(layer, BatchNorm):
            activation, top = tops.get(layer.name, ("", None))
            norm = _norm(network, layer.name)
            made[layer.name] = NormStep(norm, native, top, orders.get(layer.name))
            if activation:
                made[activation] = nn.Identity()
        elif isinstance(layer, GlobalPool):
            made[layer.name] = mean_of_map
    made |= depthwise_steps(network, layers, made)
    made |= normed_steps(network, layers, made)
    return made


def _norm(network: nn.Module, name: str) -> nn.BatchNorm2d:
    norm = network.get_submodule(name)
    assert isinstance(norm, nn.BatchNorm2d)
    return norm
