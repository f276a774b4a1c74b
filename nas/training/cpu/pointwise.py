"""Grouped 1x1 convolutions and the shuffles after them, as dense convolutions if that is faster.

A grouped 1x1 convolution equals a dense one whose weight is zero outside its blocks. A channel
shuffle after it, with only batch norms and activations between, permutes the rows of that weight
and the entries of those batch norms. So one dense convolution can compute both; the additional
products are with zero. The modules, parameters, state dict and traces of the network are unchanged.

The rule for the CPU is from `benchmarks/results/pointwise.md`. It depends on shapes only, so that
trainings with equal seeds have bitwise equal results.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.space import Activation, BatchNorm, Conv, Layer, Shuffle, only_reader, readers_of
from nas.training.cpu.batch_norm import shuffled_order

Made: TypeAlias = Mapping[str, Callable[..., Tensor]]  # substitutes by layer name

_MOST_INTENSITY = 28.0  # products per channel read or written; above it, arithmetic takes longer
_LEAST_PIXELS = 32 * 32  # smaller maps stay in the cache, and dense convolutions gain nothing
_LEAST_PIXELS_SHUFFLED = 16 * 16  # the same if a permutation is saved as well


@dataclass(frozen=True, slots=True)
class Fold:
    """A 1x1 convolution to compute densely, with the layers after it.

    `norms` are the batch norms whose channels are permuted like the rows of the convolution;
    `shuffle` is the shuffle that is omitted, empty if there is none.
    """

    conv: str
    groups: int = 1
    shuffle: str = ""
    norms: tuple[str, ...] = ()


@dataclass
class _Chain:
    """The layers after a convolution that treat each channel separately."""

    norms: list[str] = field(default_factory=list)
    shuffle: Shuffle | None = None


def folds(layers: Sequence[Layer]) -> list[Fold]:
    """Return the convolutions of `layers` that one CPU thread computes faster densely."""
    found, readers = [], readers_of(layers)
    for layer in layers:
        if isinstance(layer, Conv) and is_pointwise(layer):
            chain = _layers_after(layer, readers)
            if _is_faster_dense(layer, chain.shuffle is not None):
                found.append(_fold(layer, chain))
    return [fold for fold in found if fold is not None]


def is_pointwise(conv: Conv) -> bool:
    """Tell whether `conv` is a 1x1 convolution of every pixel, without bias."""
    return (conv.kernel, conv.stride, conv.padding, conv.bias) == (1, 1, 0, False)


def _is_faster_dense(conv: Conv, shuffled: bool) -> bool:
    """Tell whether a dense convolution is faster, by the measured rule of this module."""
    one, other = conv.in_channels, conv.shape.channels
    least = _LEAST_PIXELS_SHUFFLED if shuffled else _LEAST_PIXELS
    large = conv.shape.height * conv.shape.width >= least
    return large and one * other <= _MOST_INTENSITY * (one + other)


def _layers_after(conv: Conv, readers: Mapping[str, Sequence[Layer]]) -> _Chain:
    """Return the batch norms after `conv` up to a shuffle, each with one reader."""
    chain, last = _Chain(), conv.name
    while (layer := only_reader(last, readers)) is not None:
        if isinstance(layer, Shuffle):
            chain.shuffle = layer
            break
        if not isinstance(layer, BatchNorm | Activation):
            break
        if isinstance(layer, BatchNorm):
            chain.norms.append(layer.name)
        last = layer.name
    return chain


def _fold(conv: Conv, chain: _Chain) -> Fold | None:
    if chain.shuffle is not None:
        return Fold(conv.name, chain.shuffle.groups, chain.shuffle.name, tuple(chain.norms))
    return Fold(conv.name) if conv.groups > 1 else None


def block_index(rows: int, columns: int, groups: int, order: Tensor) -> Tensor:
    """Return the index of each entry of a grouped weight in the dense one, both flattened.

    The grouped weight has shape (rows, columns / groups), the dense one (rows, columns); its row
    `place` is row `order[place]` of the grouped one. int64, shape (rows * columns / groups,)
    """
    place = torch.empty_like(order)
    place[order] = torch.arange(rows)
    first = torch.arange(rows) // (rows // groups) * (columns // groups)
    inside = torch.arange(columns // groups)
    return (place[:, None] * columns + first[:, None] + inside).reshape(-1)


class DensePointwise:
    """Computes a grouped 1x1 convolution, and the permutation of its output, as one dense one."""

    def __init__(self, conv: nn.Conv2d, groups: int = 1) -> None:
        """Replace `conv` and a shuffle between `groups` groups after it."""
        self.conv = conv
        rows, columns = conv.out_channels, conv.in_channels
        order = shuffled_order(rows, groups)
        self._shape = (rows, columns, 1, 1)
        self._index = block_index(rows, columns, conv.groups, order).to(conv.weight.device)

    def weight(self) -> Tensor:
        """Return the dense weight, shape (rows, columns, 1, 1)."""
        weight = self.conv.weight
        dense = weight.new_zeros(self._shape[0] * self._shape[1])
        return dense.index_copy(0, self._index, weight.reshape(-1)).reshape(self._shape)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the permuted convolution, shape (N, rows, H, W), of `x`, (N, columns, H, W)."""
        return F.conv2d(x, self.weight())


Pointwise: TypeAlias = nn.Conv2d | DensePointwise


def weight_of(conv: Pointwise) -> Tensor:
    """Return the weight that a 1x1 convolution is computed with."""
    return conv.weight() if isinstance(conv, DensePointwise) else conv.weight


def groups_of(conv: Pointwise) -> int:
    """Return the number of groups of that weight."""
    return 1 if isinstance(conv, DensePointwise) else conv.groups


def pointwise_of(network: nn.Module, name: str, made: Made) -> Pointwise:
    """Return the 1x1 convolution `name` of `network`, or its dense form in `made`."""
    instead = made.get(name)
    if isinstance(instead, DensePointwise):
        return instead
    conv = network.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    return conv


def pointwise_gradients(g: Tensor, z: Tensor, weight: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Return the gradients of the input `z` and of `weight`; `g` is the gradient of the output."""
    of_input, of_weight, _ = torch.ops.aten.convolution_backward(
        g, z, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], groups, [True, True, False]
    )
    return of_input, of_weight
