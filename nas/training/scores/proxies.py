"""Proxies: training-free scores of a network that may predict its error.

    synflow    log of the flow through all weights of the linearised network (Tanaka et al. 2020)
    naswot     log determinant of the kernel of binary ReLU codes (Mellor et al. 2021)
    zico       mean of the gradients over their deviation between batches (Li et al. 2023)
    grad_norm  norm of the gradients of the loss, summed over the layers
    depth      number of convolutions and linear layers: a baseline, like the MAdds

A higher score predicts a lower error. The weights are random, from `initialise`; unlike in
training, the branches of residuals do not start at zero, because then they would contribute nothing
to a score. Networks are in training mode, as in the papers, so that batch norms use the statistics
of the batch; only synflow bypasses them. `nas.results.score_audit` tests whether a score is useful.

The scores use a separate network and a separate random generator, so that they do not change the
training afterwards.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
    outputs_of,
)
from nas.training.data import Split, Task
from nas.training.data.split import take
from nas.training.loop.devices import default_device, is_out_of_memory
from nas.training.loop.memory_batches import Feed
from nas.training.loop.streamed_batches import StreamFeed
from nas.training.network.module import Network, initialise

PROXIES = ("synflow", "naswot", "zico", "grad_norm")

_BATCHES = 2  # the least number of batches for a deviation
_MOST, _FEWEST = 32, 16  # images in a batch; fewer if they are large
_PIXELS = 4096  # in a batch, about: 16 images of 16x16

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]  # the mean loss of outputs for targets


def proxy_batches(task: Task, seed: int, device: torch.device | str | None = None) -> list[Batch]:
    """Return two batches of training images, not augmented, chosen by `seed`.

    Images have shape (N, C, H, W), labels (N,). N is 32 for images of up to 11x11, 16 for 16x16 and
    larger, fewer if the task has too few; with fewer than four images there are no batches.
    """
    device = torch.device(device) if device else default_device()
    _, height, width = task.input
    size = max(_FEWEST, min(_MOST, _PIXELS // (height * width)))
    size = min(size, len(task.train) // _BATCHES)
    if size < 2:  # a batch norm needs two
        return []
    random = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(task.train), generator=random)[: size * _BATCHES]
    some = take(task.train, chosen.numpy())
    if isinstance(some, Split):
        return list(Feed(some, task, device).ordered(size))
    return list(StreamFeed(some, task, device).ordered(size))


def proxy_scores(
    layers: Sequence[Layer], batches: Sequence[Batch], seed: int, loss: Loss = F.cross_entropy
) -> dict[str, float]:
    """Return the scores of a network with random weights.

    `layers` must be lowered for the images of the two `batches`; `seed` draws the weights. Equal
    arguments give equal scores, on one device and number of threads. A score that cannot be
    computed, such as ReLU codes of a network without a ReLU, is omitted. Without batches nothing is
    computed.
    """
    if not batches:
        return {}
    network = Network(layers)
    initialise(network, torch.Generator().manual_seed(seed))
    network.to(batches[0][0].device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    found = {"synflow": synflow(network, layers), **_by_gradients(network, batches, loss)}
    found["depth"] = float(sum(isinstance(layer, Conv | Linear) for layer in layers))
    return {
        name: score for name, score in found.items() if score is not None and math.isfinite(score)
    }


def score_if_it_fits(
    layers: Sequence[Layer], batches: Sequence[Batch], seed: int, loss: Loss = F.cross_entropy
) -> dict[str, float]:
    """Return `proxy_scores`; empty if memory does not suffice.

    The training may still fit: in half precision it needs less memory.
    """
    try:
        return proxy_scores(layers, batches, seed, loss)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return {}


def synflow(network: Network, layers: Sequence[Layer]) -> float | None:
    """Return the log of the synaptic flow: sum of |weight x gradient| of the linearised network.

    Weights are replaced by their absolute values, the input is one image of ones, activations and
    batch norms are bypassed (as in Abdelfattah et al. 2021), the output is the sum of all outputs.
    None if the flow is zero.

    The sum over the weights of a layer equals the sum over its output of value x gradient, because
    the layer is linear without bias here. Values are kept near 1 by separate powers of two, because
    the flow through a hundred layers overflows any float. All terms are positive, so that single
    precision suffices.
    """
    device = next(network.parameters()).device
    image = torch.ones(1, *network.input_shape, device=device, requires_grad=True)
    results = {layers[0].name: _Scaled(image, 0)}
    outputs: list[Tensor] = []
    for layer in layers[1:]:
        read = [results[name] for name in layer.inputs]
        results[layer.name] = _passed(layer, network.get_submodule(layer.name), read, outputs)
    ends = [results[layer.name] for layer in outputs_of(layers)]
    power = max(end.power for end in ends)
    total = torch.stack([end.at(power).sum() for end in ends]).sum()
    gradients = torch.autograd.grad(total, outputs)
    flows = [(y.double() * g.double()).sum() for y, g in zip(outputs, gradients, strict=True)]
    flow = float(torch.stack(flows).sum().detach())
    return math.log(flow) + power * math.log(2) if flow > 0 else None


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A feature map: `value` times 2 to the `power`."""

    value: Tensor
    power: int

    def at(self, power: int) -> Tensor:
        """Return `value` scaled for another power; it may underflow to zero."""
        return self.value * 2.0 ** max(self.power - power, -1000)


def _passed(
    layer: Layer, module: nn.Module, read: Sequence[_Scaled], outputs: list[Tensor]
) -> _Scaled:
    """Return the output of the linearised `layer`; outputs of weighted layers go to `outputs`."""
    first = read[0]
    match layer:
        case Conv() | Linear():
            y = _weighted(module, first.value)
            outputs.append(y)
            largest = float(y.detach().amax())
            power = math.frexp(largest)[1] if largest > 0 else 0
            return _Scaled(y * 2.0**-power, first.power + power)
        case BatchNorm() | Activation():
            return first
        case Add() | Concat():
            power = max(part.power for part in read)
            return _Scaled(module(*(part.at(power) for part in read)), power)
        case Input() | Shuffle() | Pool() | Pad() | GlobalPool():
            return _Scaled(module(first.value), first.power)
        case _:
            assert_never(layer)


def _weighted(module: nn.Module, x: Tensor) -> Tensor:
    """Return the output of a convolution or the classifier with absolute weights."""
    if isinstance(module, nn.Conv2d):
        weight = module.weight.detach().abs()
        return F.conv2d(
            x, weight, None, module.stride, module.padding, module.dilation, module.groups
        )
    assert isinstance(module, nn.Linear), module
    return F.linear(x.flatten(1), module.weight.detach().abs())


def _by_gradients(
    network: Network, batches: Sequence[Batch], loss: Loss
) -> dict[str, float | None]:
    """Return the scores that need images."""
    weights = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    (images, labels), second = batches
    codes = _Codes(len(images), images.device)
    with _hooked(network, codes):
        logits = network(images)
    one = torch.autograd.grad(loss(logits, labels), weights)
    other = torch.autograd.grad(loss(network(second[0]), second[1]), weights)
    return {
        "naswot": codes.score(),
        "grad_norm": float(torch.stack([g.norm() for g in one]).double().sum()),
        "zico": zico_score(one, other),
    }


class _Codes:
    """The kernel of naswot: for each pair of images, the ReLU units whose states agree."""

    def __init__(self, images: int, device: torch.device) -> None:
        self.units = 0
        self._both = torch.zeros(images, images, dtype=torch.float64, device=device)
        self._on = torch.zeros(images, dtype=torch.float64, device=device)

    def add(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Add the output of one activation, shape (images, C, H, W)."""
        on = (output.detach() > 0).flatten(1).float()
        self.units += on.shape[1]
        self._both += on @ on.T  # counts, exact in single precision
        self._on += on.sum(1)

    def score(self) -> float | None:
        """Return log det (K + 1), K_ij the number of units that agree on the images i and j.

        The published score is log det K, which is minus infinity if two images have equal codes, as
        in networks with few ReLUs. Adding the identity acts as one more unit that is active for one
        image only, which is negligible with thousands of units. None without a ReLU.
        """
        if not self.units:
            return None
        both, on = self._both.cpu(), self._on.cpu()
        kernel = self.units - on[:, None] - on[None, :] + 2 * both
        return float(torch.linalg.slogdet(kernel + torch.eye(len(kernel)))[1])


@contextmanager
def _hooked(network: nn.Module, codes: _Codes) -> Iterator[None]:
    """Pass the output of every activation to `codes`."""
    units = [part for part in network.modules() if isinstance(part, nn.ReLU | nn.ReLU6)]
    handles = [part.register_forward_hook(codes.add) for part in units]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def zico_score(one: Sequence[Tensor], other: Sequence[Tensor]) -> float | None:
    """Return the sum over layers of log(sum of mean |g| / deviation of g between two batches).

    `one` and `other` are the gradients of the two batches, layer by layer. As in the authors' code,
    the deviation is that of the signed gradients, and weights without deviation are omitted. None
    if no gradient varies.
    """
    sums = []
    for a, b in zip(one, other, strict=True):
        apart = (a - b).abs_()  # twice the deviation of two values
        ratio = (a.abs() + b.abs()).div_(apart)
        sums.append(ratio.masked_fill_(apart == 0, 0.0).sum(dtype=torch.float64))
    found = torch.stack(sums)
    return float(found[found > 0].log().sum()) if bool((found > 0).any()) else None
