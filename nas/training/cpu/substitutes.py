"""Substitutes: what computes layers of a network in the place of their modules, but quicker."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from nas.space import BatchNorm, GlobalPool, Layer
from nas.training.cpu.batch_norm import NormStep, mean_of_map, rectified, shuffled_order
from nas.training.cpu.depthwise import depthwise_steps
from nas.training.cpu.kernels import kernels
from nas.training.cpu.norm_pointwise import normed_steps
from nas.training.cpu.pointwise import DensePointwise, Form, Made, folds


def substitutes(
    network: nn.Module, layers: Sequence[Layer], form: Form, device: str
) -> dict[str, Callable[..., Tensor]]:
    """Return what computes a layer in the place of its module, by the name of the layer.

    `network` has the modules of `layers` on `device`, a type; see `folds` for `form`.
    """
    made: dict[str, Callable[..., Tensor]] = {}
    for fold in folds(layers, form, device):
        conv = network.get_submodule(fold.conv)
        assert isinstance(conv, nn.Conv2d)
        made[fold.conv] = DensePointwise(conv, fold.groups)
        if fold.shuffle:
            made[fold.shuffle] = nn.Identity()
        for name in fold.norms:
            norm = _norm(network, name)
            made[name] = NormStep(norm, shuffled_order(norm.num_features, fold.groups))
    if device == "cpu":
        native = kernels()
        made |= _norms(network, layers, made, native is not None)
        made |= {layer.name: mean_of_map for layer in layers if isinstance(layer, GlobalPool)}
        if native is not None:
            made |= depthwise_steps(network, layers, made, native)
            made |= normed_steps(network, layers, made)
    return made


def _norms(
    network: nn.Module, layers: Sequence[Layer], made: Made, all_of_them: bool
) -> dict[str, Callable[..., Tensor]]:
    """Return what computes batch norms together with the activations behind them.

    And, if it is to be all of them, those that no activation alone reads.
    """
    steps: dict[str, Callable[..., Tensor]] = {}
    tops = rectified(layers)
    every = [layer.name for layer in layers if isinstance(layer, BatchNorm)]
    for name in every if all_of_them else tops:
        step = made.get(name) or NormStep(_norm(network, name))
        assert isinstance(step, NormStep)
        steps[name] = step
        if name in tops:
            activation, step.top = tops[name]
            steps[activation] = nn.Identity()
    return steps


def _norm(network: nn.Module, name: str) -> nn.BatchNorm2d:
    norm = network.get_submodule(name)
    assert isinstance(norm, nn.BatchNorm2d)
    return norm
