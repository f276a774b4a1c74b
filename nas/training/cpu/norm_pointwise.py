"""A 1x1 convolution fused with the batch norm before it, to save memory.

The backward pass of the convolution needs the output of the norm, the backward pass of the norm its
input. The fused step stores only the input and recomputes the output.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.space import BatchNorm, Conv, Layer, only_reader, readers_of
from nas.training.cpu.batch_norm import NormStep
from nas.training.cpu.kernels import Kernels, NormValues, Running
from nas.training.cpu.pointwise import (
    Made,
    Pointwise,
    groups_of,
    is_pointwise,
    pointwise_gradients,
    pointwise_of,
    weight_of,
)


class NormedPointwise:
    """Computes a norm, with its activation, and the 1x1 convolution that alone reads it."""

    def __init__(self, norm: NormStep, conv: Pointwise) -> None:
        """Take the norm and the convolution to fuse."""
        self.norm, self.conv = norm, conv

    def __call__(self, x: Tensor) -> Tensor:
        """Return the convolution of the normalised `x`, shape (N, C, H, W)."""
        weight, groups = weight_of(self.conv), groups_of(self.conv)
        if not self.norm.norm.training:
            return F.conv2d(self.norm(x), weight, groups=groups)
        x = x.contiguous(memory_format=torch.channels_last)
        running = self.norm.begin()
        settings = self.norm.native, self.norm.limits, groups, running
        y: Tensor = _NativeNormPointwise.apply(x, weight, *self.norm.parameters(), settings)
        self.norm.end(running)
        return y


class _NativeNormPointwise(torch.autograd.Function):
    """A norm and a 1x1 convolution in training; the kernels compute the norm."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        gain: Tensor,
        bias: Tensor,
        settings: tuple[Kernels, tuple[float, float], int, Running],
    ) -> Tensor:
        native, limits, groups, running = settings
        mean, scale = native.statistics(x, running)
        ctx.save_for_backward(x, weight, gain, bias, mean, scale)
        ctx.settings = native, limits, groups
        return F.conv2d(
            native.apply(x, NormValues(gain, bias, mean, scale, *limits)), weight, groups=groups
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        native, limits, groups = ctx.settings
        x, weight, *values = ctx.saved_tensors
        norm = NormValues(*values, *limits)
        g = gradients[0].contiguous(memory_format=torch.channels_last)
        g, of_weight = pointwise_gradients(g, native.apply(x, norm), weight, groups)
        g = g.contiguous(memory_format=torch.channels_last)
        dx, gain, bias = native.backward(x, g, norm, instead=True)
        return dx, of_weight, gain, bias, None


def normed_steps(
    network: nn.Module, layers: Sequence[Layer], made: Made
) -> dict[str, Callable[..., Tensor]]:
    """Return fused steps for pairs of norm and 1x1 convolution that `made` computes singly."""
    readers = readers_of(layers)
    found: dict[str, Callable[..., Tensor]] = {}
    for layer in layers:
        norm = made.get(layer.name)
        conv = _pointwise_after(layer, readers, made)
        if isinstance(layer, BatchNorm) and isinstance(norm, NormStep) and conv:
            found[layer.name] = nn.Identity()
            found[conv.name] = NormedPointwise(norm, pointwise_of(network, conv.name, made))
    return found


def _pointwise_after(
    layer: Layer, readers: Mapping[str, Sequence[Layer]], made: Made
) -> Conv | None:
    """Return the 1x1 convolution that alone reads `layer`; identities are skipped."""
    while (reader := only_reader(layer.name, readers)) is not None:
        if isinstance(reader, Conv):
            return reader if is_pointwise(reader) else None
        if not isinstance(made.get(reader.name), nn.Identity):
            return None
        layer = reader
    return None
