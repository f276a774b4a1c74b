"""Pointwise: grouped 1x1 convolutions, and the permutations behind them, in their quickest form.

A grouped 1x1 convolution equals a dense one whose weight is zero outside its blocks; a channel
shuffle behind it, with nothing but batch norms and activations between, equals another order of
the rows of that weight and of the entries of those batch norms. So both can be computed by one
dense convolution, whose added products are with zero. Where that is quicker it is how a network
computes; what it is stays grouped: modules, parameters, state dict, and whatever traces it.

The rule for the CPU is from `benchmarks/results/pointwise.md`. It reads shapes only, no clock, so
that one seed trains to the same bits every time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.space import Activation, BatchNorm, Conv, Layer, Shuffle, only_reader, readers_of
from nas.training.cpu.batch_norm import shuffled_order

Made: TypeAlias = Mapping[str, Callable[..., Tensor]]  # what computes some layers, by their names

_MOST_INTENSITY = 28.0  # products per channel read or written: above, the arithmetic takes longer
_LEAST_PIXELS = 32 * 32  # below, the map stays in the cache, and a dense convolution gains nothing
_LEAST_PIXELS_SHUFFLED = 16 * 16  # the same where a permutation is saved as well


@dataclass(frozen=True, slots=True)
class Fold:
    """A 1x1 convolution to be computed densely, with what stands behind it.

    `norms` and `shuffle` name the batch norms whose channels change places with the rows of the
    convolution, and the shuffle that is left out; where `shuffle` is empty there is none.
    """

    conv: str
    groups: int = 1
    shuffle: str = ""
    norms: tuple[str, ...] = ()


@dataclass
class _Chain:
    """What stands behind a convolution, as far as it treats each channel by itself."""

    norms: list[str] = field(default_factory=list)
    shuffle: Shuffle | None = None


def folds(layers: Sequence[Layer]) -> list[Fold]:
    """Return the convolutions of `layers` that one CPU thread computes faster densely."""
    found, readers = [], readers_of(layers)
    for layer in layers:
        if isinstance(layer, Conv) and is_pointwise(layer):
            chain = _behind(layer, readers)
            if _is_quicker(layer, chain.shuffle is not None):
                found.append(_fold(layer, chain))
    return [fold for fold in found if fold is not None]


def is_pointwise(conv: Conv) -> bool:
    """Tell whether `conv` is a 1x1 convolution of every pixel."""
    return (conv.kernel, conv.stride, conv.padding) == (1, 1, 0)


def _is_quicker(conv: Conv, shuffled: bool) -> bool:
    """Apply the rule that was measured; see the module."""
    one, other = conv.in_channels, conv.shape.channels
    least = _LEAST_PIXELS_SHUFFLED if shuffled else _LEAST_PIXELS
    large = conv.shape.height * conv.shape.width >= least
    return large and one * other <= _MOST_INTENSITY * (one + other)


def _behind(conv: Conv, readers: Mapping[str, Sequence[Layer]]) -> _Chain:
    """Return the batch norms up to a shuffle behind `conv`, each read by the next alone."""
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
    """Return where each entry of a grouped weight stands in the dense one, both flattened.

    The grouped weight has shape (rows, columns / groups), the dense one (rows, columns), its row
    `place` being the row `order[place]` of the grouped one. int64, shape (rows * columns / groups,)
    """
    place = torch.empty_like(order)
    place[order] = torch.arange(rows)
    first = torch.arange(rows) // (rows // groups) * (columns // groups)
    inside = torch.arange(columns // groups)
    return (place[:, None] * columns + first[:, None] + inside).reshape(-1)


class DensePointwise:
    """Computes a grouped 1x1 convolution, and the permutation of its output, as one dense one."""

    def __init__(self, conv: nn.Conv2d, groups: int = 1) -> None:
        """Compute what `conv` and a shuffle between `groups` groups behind it do."""
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
    """Return the groups of that weight."""
    return 1 if isinstance(conv, DensePointwise) else conv.groups


def pointwise_of(network: nn.Module, name: str, made: Made) -> Pointwise:
    """Return what computes the 1x1 convolution `name` of `network`, where `made` has others."""
    instead = made.get(name)
    if isinstance(instead, DensePointwise):
        return instead
    conv = network.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    return conv


def pointwise_gradients(g: Tensor, z: Tensor, weight: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Return the gradients of the input `z` and the weight of a 1x1 convolution, from its own."""
    of_input, of_weight, _ = torch.ops.aten.convolution_backward(
        g, z, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], groups, [True, True, False]
    )
    return of_input, of_weight
