"""Random weights for timed networks; their values do not affect the time."""

from collections.abc import Sequence
from functools import lru_cache
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

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
    Shape,
    Shuffle,
)
from nas.training.network.folded import Arrays, folded


def random_weights(layers: Sequence[Layer]) -> dict[str, Arrays]:
    """Return arrays for the layers with weights, in the order of ONNX's operators.

    Convolutions with a folded batch normalisation and linear layers have a weight and a bias, other
    convolutions a weight, batch normalisations scale, shift, mean and variance. Signals keep their
    scale through the network, because denormal numbers would be slow.
    """
    pairs = dict(folded(layers))
    arrays: dict[str, Arrays] = {}
    for layer in layers:
        match layer:
            case Conv(shape=shape):
                weight = _drawn(
                    (shape.channels, layer.in_channels // layer.groups, layer.kernel, layer.kernel)
                )
                bias = [_drawn((shape.channels, 1)).ravel()] if layer.name in pairs else []
                arrays[layer.name] = [weight, *bias]
            case Linear(shape=shape):
                weight = _drawn((shape.channels, layer.in_features))
                arrays[layer.name] = [weight, np.zeros(shape.channels, np.float32)]
            case BatchNorm(shape=shape):
                if layer.name not in pairs.values():
                    one, zero = (
                        np.ones(shape.channels, np.float32),
                        np.zeros(shape.channels, np.float32),
                    )
                    arrays[layer.name] = [one, zero, zero, one]
            case Input() | Activation() | Shuffle() | Add() | Concat() | Pool() | Pad():
                continue
            case GlobalPool():
                continue
            case _:
                assert_never(layer)
    return arrays


def random_input(shape: Shape) -> NDArray[np.float32]:
    """Return one image or feature map, (1, channels, height, width)."""
    return _pool(int(np.prod(shape))).reshape(1, *shape)


def _drawn(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return normal numbers of variance 2 / fan-in."""
    fan_in = int(np.prod(shape[1:]))
    drawn: NDArray[np.float32] = _pool(int(np.prod(shape))) * np.float32((2 / fan_in) ** 0.5)
    return drawn.reshape(shape)


def _pool(count: int) -> NDArray[np.float32]:
    """Return `count` fixed normal numbers: new ones would take long to draw."""
    size = 1 << max(20, (count - 1).bit_length())
    return _numbers(size)[:count]


@lru_cache(maxsize=2)
def _numbers(size: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(size, dtype=np.float32)
