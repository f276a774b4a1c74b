"""Norm: what computes a batch norm in the place of its module, quicker or in another order."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.layers import Activation, BatchNorm, Layer, readers_of

_TOPS = {"relu": math.inf, "relu6": 6.0}


class NormStep:
    """Computes a batch norm, on channels in another order or with the activation behind it.

    Its parameters and statistics stay those of the module. With the activation, training keeps two
    maps for the backward pass, the input and the output, where torch keeps the one between too.
    """

    def __init__(self, norm: nn.BatchNorm2d, order: Tensor | None = None) -> None:
        """Take channel `order[place]` of `norm` for each place."""
        self.norm = norm
        self.top: float | None = None  # of the activation: 6, or infinity; None: there is none
        self._order = None if order is None else order.to(norm.weight.device)

    def __call__(self, x: Tensor) -> Tensor:
        """Return `x`, shape (N, C, H, W), normalised by its own statistics while training."""
        norm, order = self.norm, self._order
        assert norm.running_mean is not None
        assert norm.running_var is not None
        parts = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        mean, variance, gain, shift = parts if order is None else (part[order] for part in parts)
        y = self._normalised(x, (mean, variance), gain, shift)
        if norm.training and order is not None:
            norm.running_mean[order], norm.running_var[order] = mean, variance
        return y

    def _normalised(
        self, x: Tensor, statistics: tuple[Tensor, Tensor], gain: Tensor, shift: Tensor
    ) -> Tensor:
        norm, training = self.norm, self.norm.training
        step = self._step() if training else 0.0
        if self.top is not None and training and torch.is_grad_enabled():
            return _Rectified.apply(x, gain, shift, statistics, (step, norm.eps, self.top))  # type: ignore[no-any-return]
        y = F.batch_norm(x, *statistics, gain, shift, training, step, norm.eps)
        return y if self.top is None else y.clamp_(0.0, self.top)

    def _step(self) -> float:
        """Count the batch, and return its weight in the running statistics."""
        count = self.norm.num_batches_tracked
        assert count is not None
        count.add_(1)
        return 1.0 / float(count) if self.norm.momentum is None else self.norm.momentum


class _Rectified(torch.autograd.Function):
    """A batch norm and the ReLU or ReLU6 behind it, by torch's own kernels for each."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gain: Tensor,
        shift: Tensor,
        statistics: tuple[Tensor, Tensor],
        settings: tuple[float, float, float],
    ) -> Tensor:
        step, eps, top = settings
        y, mean, scale = torch.native_batch_norm(x, gain, shift, *statistics, True, step, eps)
        z: Tensor = y.clamp_(0.0, top)
        ctx.save_for_backward(x, gain, mean, scale, z)
        ctx.eps, ctx.top = eps, top
        return z

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, gain, mean, scale, z = ctx.saved_tensors
        # the output tells as well as the input would where the activation was flat
        inside = torch.ops.aten.hardtanh_backward(gradients[0], z, 0.0, ctx.top)
        if x.is_contiguous(memory_format=torch.channels_last):  # the other layout is far slower
            inside = inside.contiguous(memory_format=torch.channels_last)
        wanted = list(ctx.needs_input_grad[:3])
        found = torch.ops.aten.native_batch_norm_backward(
            inside, x, gain, None, None, mean, scale, True, ctx.eps, wanted
        )
        return (*found, None, None)


def mean_of_map(x: Tensor) -> Tensor:
    """Return the mean of each map of `x`, shape (N, C, H, W), as (N, C, 1, 1).

    The gradient of a sum is one number for each map, that of torch's pooling a map in NCHW, which
    a batch norm in channels-last reads several times as slowly.
    """
    return x.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3])


def rectified(layers: Sequence[Layer]) -> dict[str, tuple[str, float]]:
    """Return the batch norms that only a ReLU or ReLU6 reads: its name, and its upper limit."""
    readers = readers_of(layers)
    found = {}
    for layer in layers:
        following = readers.get(layer.name, [])
        if isinstance(layer, BatchNorm) and len(following) == 1:
            only = following[0]
            if isinstance(only, Activation):
                found[layer.name] = (only.name, _TOPS[only.function])
    return found
