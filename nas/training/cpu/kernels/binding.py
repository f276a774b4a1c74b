"""The C functions of `norm.c` and `depthwise.c`, called with tensors.

All maps are float32 on the CPU in channels-last order; callers ensure this.
"""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

_LENGTH, _AT = ctypes.c_ssize_t, ctypes.c_void_p
_FLOAT, _DOUBLE = ctypes.c_float, ctypes.c_double
MOST_TAPS = 7  # the largest kernel of a depthwise convolution


class _Given(ctypes.Structure):
    _fields_ = (
        *((name, _AT) for name in ("gain", "bias", "mean", "scale")),
        ("low", _FLOAT),
        ("top", _FLOAT),
    )


class _Shape(ctypes.Structure):
    _fields_ = tuple(
        (name, _LENGTH)
        for name in (
            *("images", "height", "width", "channels", "kernel", "stride", "padding"),
            *("out_height", "out_width"),
        )
    )


class NormValues(NamedTuple):
    """A batch norm with its statistics, and the limits of the activation, `low` and `top`.

    The tensors have shape (channels,); `scale` is 1 / sqrt(variance + eps).
    """

    gain: Tensor
    bias: Tensor
    mean: Tensor
    scale: Tensor
    low: float = -math.inf
    top: float = math.inf


class Running(NamedTuple):
    """The running statistics of a batch norm, updated in place by `step`."""

    mean: Tensor
    variance: Tensor
    step: float
    eps: float


@dataclass(frozen=True, slots=True)
class Taps:
    """The kernel size, stride and padding of a depthwise convolution, in pixels."""

    kernel: int
    stride: int
    padding: int

    def out(self, size: int) -> int:
        """Return the height or width of the output for an input of height or width `size`."""
        return (size + 2 * self.padding - self.kernel) // self.stride + 1


class Kernels:
    """The functions of one compiled library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Declare the functions of `library`."""
        norm: list[Any] = [*[_AT] * 4, *[_FLOAT] * 2]
        around: list[Any] = [ctypes.POINTER(_Shape), _AT, *[ctypes.POINTER(_Given)] * 2]
        self._statistics = library.norm_statistics
        self._statistics.argtypes = [_AT, *[_LENGTH] * 2, *[_AT] * 2, *[_DOUBLE] * 2, *[_AT] * 2]
        self._apply = library.norm_apply
        self._apply.argtypes = [*[_AT] * 2, *[_LENGTH] * 2, *norm]
        self._backward = library.norm_backward
        self._backward.argtypes = [*[_AT] * 3, *[_LENGTH] * 2, *norm, *[_AT] * 2]
        self._forward = library.depthwise_forward
        self._forward.argtypes = [*[_AT] * 2, *around, *[_AT] * 2, *[_DOUBLE] * 2, *[_AT] * 2]
        self._back = library.depthwise_backward
        self._back.argtypes = [*[_AT] * 3, *around, *[_AT] * 6]

    def __deepcopy__(self, memo: object) -> Kernels:
        """Return itself: a process has one library."""
        return self

    def statistics(self, x: Tensor, running: Running) -> tuple[Tensor, Tensor]:
        """Return mean and 1 / sqrt(variance + eps) of each channel of `x`, shape (N, C, H, W)."""
        mean, scale = x.new_empty(x.shape[1]), x.new_empty(x.shape[1])
        _check(
            self._statistics(
                x.data_ptr(), *_size(x), running.mean.data_ptr(), running.variance.data_ptr(),
                running.step, running.eps, mean.data_ptr(), scale.data_ptr(),
            )
        )  # fmt: skip
        return mean, scale

    def apply(self, x: Tensor, norm: NormValues) -> Tensor:
        """Return `x`, shape (N, C, H, W), after `norm` and its activation."""
        y = torch.empty_like(x)
        _check(self._apply(x.data_ptr(), y.data_ptr(), *_size(x), *_flat(norm)))
        return y

    def backward(
        self, x: Tensor, g: Tensor, norm: NormValues, instead: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of `x`, gain and bias; `g` is the gradient after the activation.

        With `instead`, the gradient of `x` overwrites `g`.
        """
        dx = g if instead else torch.empty_like(x)
        gain, bias = torch.empty_like(norm.gain), torch.empty_like(norm.bias)
        _check(
            self._backward(
                x.data_ptr(), g.data_ptr(), dx.data_ptr(), *_size(x), *_flat(norm),
                gain.data_ptr(), bias.data_ptr(),
            )
        )  # fmt: skip
        return dx, gain, bias

    def depthwise(
        self,
        x: Tensor,
        weights: Tensor,
        taps: Taps,
        before: NormValues | None,
        after: NormValues | Running | None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the convolution of `x` after `before`, and its statistics if requested.

        `weights` have shape (C, 1, kernel, kernel). `after` is a norm to apply to the result, or
        running statistics to update; mean and scale of the result are then returned.
        """
        n, c, h, w = x.shape
        size = (n, c, taps.out(h), taps.out(w))
        y = torch.empty(size, dtype=x.dtype, memory_format=torch.channels_last)
        applied = after if isinstance(after, NormValues) else None
        taken = after if isinstance(after, Running) else None
        mean = scale = None
        tail: list[int | float | None] = [None, None, 0.0, 0.0, None, None]
        if taken is not None:
            mean, scale = x.new_empty(c), x.new_empty(c)
            tail = [taken.mean.data_ptr(), taken.variance.data_ptr(), taken.step, taken.eps,
                    mean.data_ptr(), scale.data_ptr()]  # fmt: skip
        _check(
            self._forward(
                x.data_ptr(), y.data_ptr(), _shape(x, y, taps), weights.data_ptr(),
                _given(before), _given(applied), *tail,
            )
        )  # fmt: skip
        return y, mean, scale

    def depthwise_backward(
        self,
        maps: tuple[Tensor, Tensor, Tensor],
        weights: Tensor,
        taps: Taps,
        before: NormValues | None,
        after: NormValues | None,
    ) -> tuple[Tensor, ...]:
        """Return the gradients of x, the weights, and gain and bias of `before` and of `after`.

        `maps` are x, the output of the convolution, and the gradient after `after`. The gradients
        of an absent norm are empty.
        """
        x, y, g = maps
        found = [torch.empty_like(x), torch.empty_like(weights)]
        for norm in (before, after):
            like = x.new_empty(0) if norm is None else norm.gain
            found += [torch.empty_like(like), torch.empty_like(like)]
        _check(
            self._back(
                x.data_ptr(), y.data_ptr(), g.data_ptr(), _shape(x, y, taps), weights.data_ptr(),
                _given(before), _given(after), *(tensor.data_ptr() for tensor in found),
            )
        )  # fmt: skip
        return tuple(found)


def _size(x: Tensor) -> tuple[int, int]:
    """Return pixels and channels of a map."""
    n, c, h, w = x.shape
    return n * h * w, c


def _flat(norm: NormValues) -> tuple[int | float, ...]:
    return (*(tensor.data_ptr() for tensor in norm[:4]), norm.low, norm.top)


def _given(norm: NormValues | None) -> _Given | None:
    return None if norm is None else _Given(*_flat(norm))


def _shape(x: Tensor, y: Tensor, taps: Taps) -> _Shape:
    n, c, h, w = x.shape
    return _Shape(n, h, w, c, taps.kernel, taps.stride, taps.padding, y.shape[2], y.shape[3])


def _check(failed: int) -> None:
    if failed:
        raise MemoryError("there is no memory for the scratch buffer of a kernel")
