"""A depthwise convolution fused with the layers around it.

In the blocks of IGCV3, MobileNetV1/V2 and ShuffleNetV1 a depthwise convolution is between two batch
norms, in some blocks with activations and a channel shuffle. All these layers treat each channel
separately, so that the kernels compute them row by row in the cache, and never store the whole map
before the convolution. A 1x1 convolution follows. Its backward pass recomputes the second norm, so
that the step stores only two maps: its input, and the output of the depthwise convolution.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.space import Activation, BatchNorm, Conv, Layer, Shuffle, only_reader, readers_of
from nas.training.cpu.batch_norm import NormStep, shuffled_order
from nas.training.cpu.kernels import MOST_TAPS, NormValues, Running, Taps
from nas.training.cpu.pointwise import (
    Made,
    Pointwise,
    groups_of,
    is_pointwise,
    pointwise_gradients,
    pointwise_of,
    weight_of,
)


@dataclass(frozen=True, slots=True)
class Chain:
    """The names of a depthwise convolution and of the layers fused with it; empty if absent.

    `before` and `after` are the batch norms, `shuffle` is the shuffle between `before` and the
    convolution, with `groups` groups, and `last` is the 1x1 convolution that alone reads `after`.
    `between` are the activations.
    """

    conv: str
    before: str = ""
    shuffle: str = ""
    groups: int = 1
    after: str = ""
    between: tuple[str, ...] = ()
    last: str = ""


def chains(layers: Sequence[Layer]) -> list[Chain]:
    """Return the depthwise convolutions of `layers` with a norm before or after them."""
    readers = readers_of(layers)
    by_name = {layer.name: layer for layer in layers}
    found = [
        _chain(layer, by_name, readers)
        for layer in layers
        if isinstance(layer, Conv)
        and 1 < layer.groups == layer.in_channels == layer.shape.channels
        and 1 < layer.kernel <= MOST_TAPS
    ]
    return [chain for chain in found if chain.before or chain.after]


def _chain(
    conv: Conv, by_name: Mapping[str, Layer], readers: Mapping[str, Sequence[Layer]]
) -> Chain:
    """Follow the layers before and after `conv` while each has one reader."""
    before, shuffle, groups, above = "", "", 1, []
    layer = by_name[conv.inputs[0]]
    while len(readers[layer.name]) == 1 and not before:
        match layer:
            case BatchNorm():
                before = layer.name
            case Activation():
                above.append(layer.name)
            case Shuffle() if not shuffle and not above:
                shuffle, groups = layer.name, layer.groups
            case _:
                break
        layer = by_name[layer.inputs[0]]
    if not before or len(above) > 1:
        before, shuffle, above = "", "", []
    after, below, last = _layers_after(conv, readers)
    return Chain(conv.name, before, shuffle, groups, after, (*above, *below), last)


def _layers_after(conv: Conv, readers: Mapping[str, Sequence[Layer]]) -> tuple[str, list[str], str]:
    """Return the norm, the activation and the 1x1 convolution after `conv`, if present."""
    norm = only_reader(conv.name, readers)
    if not isinstance(norm, BatchNorm):
        return "", [], ""
    following = only_reader(norm.name, readers)
    activations = [following.name] if isinstance(following, Activation) else []
    if isinstance(following, Activation):
        following = only_reader(following.name, readers)
    pointwise = isinstance(following, Conv) and is_pointwise(following)
    return norm.name, activations, following.name if following and pointwise else ""


class DepthwiseStep:
    """Computes a depthwise convolution between `before` and `after`, and then `last`."""

    def __init__(
        self,
        conv: nn.Conv2d,
        norms: tuple[NormStep | None, NormStep | None],
        last: Pointwise | None,
    ) -> None:
        """Fuse the modules of a chain, with at least one norm; norms include their activations."""
        self.conv, self.last = conv, last
        self.before, self.after = norms
        norm = self.before or self.after
        assert norm is not None
        self._kernels = norm.native
        size, stride, padding = conv.kernel_size[0], conv.stride[0], conv.padding[0]
        assert isinstance(padding, int)
        self.taps = Taps(size, stride, padding)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the output for `x`, shape (N, C, H, W)."""
        x = x.contiguous(memory_format=torch.channels_last)
        return self._trained(x) if self.conv.training else self._inferred(x)

    def _inferred(self, x: Tensor) -> Tensor:
        before = self.before.values() if self.before else None
        after = self.after.values() if self.after else None
        x = self._kernels.depthwise(x, self.conv.weight, self.taps, before, after)[0]
        return self._pointwise(x)

    def _trained(self, x: Tensor) -> Tensor:
        weights = [self.conv.weight, weight_of(self.last) if self.last else None]
        runnings = []
        for norm in (self.before, self.after):
            weights += norm.parameters() if norm else (None, None)
            runnings.append(norm.begin() if norm else None)
        y: Tensor = _NativeDepthwise.apply(x, *weights, runnings, self)
        for norm, running in zip((self.before, self.after), runnings, strict=True):
            if norm is not None and running is not None:
                norm.end(running)
        return y

    def trained(
        self, x: Tensor, weights: Sequence[Tensor | None], runnings: Sequence[Running | None]
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Return the output and the tensors that `gradients` needs.

        `weights` are the weights of both convolutions, then gain and bias of each norm.
        """
        weight, last, *pairs = weights
        assert weight is not None
        first, second = runnings
        statistics = self._kernels.statistics(x, first) if first is not None else (None, None)
        before = self._norm(0, (*pairs[:2], *statistics))
        y, *found = self._kernels.depthwise(x, weight, self.taps, before, second)
        kept = [x, y, weight, last, *pairs[:2], *statistics, *pairs[2:], *found]
        after = self._norm(1, kept[-4:])
        z = self._normalised(y, after)
        return z if last is None else F.conv2d(z, last, groups=self._groups), kept

    def gradients(self, g: Tensor, kept: Sequence[Tensor]) -> list[Tensor | None]:
        """Return the gradients of x, both weights, and gain and bias of each norm.

        `g` is the gradient of the output, `kept` the tensors that `trained` returned.
        """
        x, y, weight, last, *values = kept
        before, after = self._norm(0, values[:4]), self._norm(1, values[4:])
        g = g.contiguous(memory_format=torch.channels_last)
        of_last = None
        if last is not None:
            g, of_last = pointwise_gradients(g, self._normalised(y, after), last, self._groups)
        dx, dw, *rest = self._kernels.depthwise_backward(
            (x, y, g), weight, self.taps, before, after
        )
        norms = (before, before, after, after)
        return [
            dx,
            dw,
            of_last,
            *(None if n is None else d for n, d in zip(norms, rest, strict=True)),
        ]

    @property
    def _groups(self) -> int:
        return groups_of(self.last) if self.last else 1

    def _pointwise(self, x: Tensor) -> Tensor:
        return F.conv2d(x, weight_of(self.last), groups=self._groups) if self.last else x

    def _normalised(self, y: Tensor, after: NormValues | None) -> Tensor:
        return y if after is None else self._kernels.apply(y, after)

    def _norm(self, place: int, values: Sequence[Tensor | None]) -> NormValues | None:
        """Return gain, bias, mean and scale with the limits of the norm at `place`, if any."""
        step = (self.before, self.after)[place]
        if step is None:
            return None
        gain, bias, mean, scale = cast(Sequence[Tensor], values)
        return NormValues(gain, bias, mean, scale, *step.limits)


class _NativeDepthwise(torch.autograd.Function):
    """A depthwise step in training, computed by the kernels."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        x, *weights, runnings, ctx.step = given
        y, kept = ctx.step.trained(x, weights, runnings)
        ctx.save_for_backward(*kept)
        return y  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return (*ctx.step.gradients(gradients[0], ctx.saved_tensors), None, None)


def depthwise_steps(
    network: nn.Module, layers: Sequence[Layer], made: Made
) -> dict[str, Callable[..., Tensor]]:
    """Return the substitutes of the chains of `layers` in `network`, by layer name.

    `made` are the substitutes so far, including those of all norms.
    """
    found: dict[str, Callable[..., Tensor]] = {}
    for chain in chains(layers):
        before, after = (_norm_of(name, made) for name in (chain.before, chain.after))
        names = (chain.before, chain.shuffle, chain.after, *chain.between, chain.last)
        found |= {name: nn.Identity() for name in names if name}
        if before is not None and chain.shuffle and chain.shuffle not in made:
            shuffle = network.get_submodule(chain.shuffle)
            found[chain.before] = shuffle  # moved before the reordered norm
            before = before.reordered(shuffled_order(before.norm.num_features, chain.groups))
        conv = network.get_submodule(chain.conv)
        assert isinstance(conv, nn.Conv2d)
        last = pointwise_of(network, chain.last, made) if chain.last else None
        found[chain.conv] = DepthwiseStep(conv, (before, after), last)
    return found


def _norm_of(name: str, made: Made) -> NormStep | None:
    norm = made.get(name)
    assert norm is None or isinstance(norm, NormStep)
    return norm
