"""Substitutes for batch norms, faster or with permuted channels."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nas.space import Activation, BatchNorm, Layer, only_reader, readers_of
from nas.training.cpu.kernels import Kernels, NormValues, Running

_TOPS = {"relu": math.inf, "relu6": 6.0}


class NormStep:
    """Computes a batch norm with the activation after it, optionally on permuted channels.

    It reads and updates the parameters and statistics of the module. Training stores one map for
    the backward pass, the input; torch also stores the map between norm and activation.
    """

    def __init__(
        self,
        norm: nn.BatchNorm2d,
        native: Kernels,
        top: float | None = None,
        order: Tensor | None = None,
    ) -> None:
        """Compute `norm` with channel `order[i]` at position i.

        `top` is the upper limit of the activation, 6 or infinity; None: there is no activation.
        """
        self.norm, self.native = norm, native
        self._top, self._order = top, order

    def __call__(self, x: Tensor) -> Tensor:
        """Return `x`, shape (N, C, H, W), normalised by its own statistics while training."""
        x = x.contiguous(memory_format=torch.channels_last)
        if not self.norm.training:
            return self.native.apply(x, self.values())
        gain, bias = self.parameters()
        running = self.begin()
        y: Tensor = _NativeBatchNorm.apply(x, gain, bias, running, (self.native, self.limits))
        self.end(running)
        return y

    def reordered(self, order: Tensor) -> "NormStep":
        """Return this step on channels in `order`; it must not have an order yet."""
        assert self._order is None
        return NormStep(self.norm, self.native, self._top, order)

    @property
    def limits(self) -> tuple[float, float]:
        """The limits of the activation; infinite if there is none."""
        return (-math.inf, math.inf) if self._top is None else (0.0, self._top)

    def parameters(self) -> tuple[Tensor, Tensor]:
        """Return gain and bias, in the order of this step."""
        norm, order = self.norm, self._order
        return (norm.weight, norm.bias) if order is None else (norm.weight[order], norm.bias[order])

    def begin(self) -> Running:
        """Count the batch, and return the running statistics for `end`."""
        mean, variance = self._running()
        return Running(mean, variance, self._step(), self.norm.eps)

    def end(self, running: Running) -> None:
        """Write the running statistics back if they are permuted."""
        norm, order = self.norm, self._order
        if order is not None:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean[order], norm.running_var[order] = running.mean, running.variance

    def values(self) -> NormValues:
        """Return the norm as inference computes it."""
        mean, variance = self._running()
        scale = torch.rsqrt(variance + self.norm.eps)
        return NormValues(*self.parameters(), mean, scale, *self.limits)

    def _running(self) -> tuple[Tensor, Tensor]:
        norm, order = self.norm, self._order
        assert norm.running_mean is not None
        assert norm.running_var is not None
        if order is None:
            return norm.running_mean, norm.running_var
        return norm.running_mean[order], norm.running_var[order]

    def _step(self) -> float:
        """Count the batch, and return its weight in the running statistics."""
        count = self.norm.num_batches_tracked
        assert count is not None
        count.add_(1)
        return 1.0 / float(count) if self.norm.momentum is None else self.norm.momentum


class _NativeBatchNorm(torch.autograd.Function):
    """A batch norm and the activation after it, computed by the kernels."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gain: Tensor,
        bias: Tensor,
        running: Running,
        settings: tuple[Kernels, tuple[float, float]],
    ) -> Tensor:
        native, limits = settings
        mean, scale = native.statistics(x, running)
        ctx.save_for_backward(x, gain, bias, mean, scale)
        ctx.settings = settings
        return native.apply(x, NormValues(gain, bias, mean, scale, *limits))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        native, limits = ctx.settings
        x, *values = ctx.saved_tensors
        g = gradients[0].contiguous(memory_format=torch.channels_last)
        ours = g.data_ptr() != gradients[0].data_ptr()  # a copy, used only here
        return (*native.backward(x, g, NormValues(*values, *limits), ours), None, None)


def shuffled_order(channels: int, groups: int) -> Tensor:
    """Return the channel that a shuffle moves to each position; int64, shape (channels,)."""
    return torch.arange(channels).reshape(groups, -1).t().reshape(-1)


def mean_of_map(x: Tensor) -> Tensor:
    """Return the mean of each map of `x`, shape (N, C, H, W), as (N, C, 1, 1).

    The gradient of a sum is one number per map. The gradient of torch's pooling is a map in NCHW,
    which a batch norm in channels-last reads several times more slowly.
    """
    return x.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3])


def rectified(layers: Sequence[Layer]) -> dict[str, tuple[str, float]]:
    """Return, by batch norm, the name and upper limit of the ReLU or ReLU6 that alone reads it."""
    readers = readers_of(layers)
    found = {}
    for layer in layers:
        reader = only_reader(layer.name, readers)
        if isinstance(layer, BatchNorm) and isinstance(reader, Activation):
            found[layer.name] = (reader.name, _TOPS[reader.function])
    return found
