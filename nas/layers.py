"""The typed list of layers that is the only description of a network.

Shapes are (channels, height, width) for one image, batch excluded. Each layer names the layers it
reads, so that residuals and branches are edges. The cost, the `torch.nn.Module`, the per-layer
table and the exported source all read this list.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

ActivationName: TypeAlias = Literal["relu6", "relu"]


class Shape(NamedTuple):
    """Channels, height and width of one image or feature map."""

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        """Return e.g. `3x224x224`."""
        return "x".join(map(str, self))


@dataclass(frozen=True, slots=True)
class Input:
    """The image."""

    name: str
    inputs: tuple[()]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Conv:
    """2-D convolution with a square kernel, padded by kernel // 2, without bias."""

    name: str
    inputs: tuple[str]
    shape: Shape
    in_channels: int
    kernel: int
    stride: int
    groups: int


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalisation with learned scale and shift, eps 1e-5."""

    name: str
    inputs: tuple[str]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Activation:
    """An element-wise activation."""

    name: str
    inputs: tuple[str]
    shape: Shape
    function: ActivationName


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Channel shuffle: split into `groups`, interleave (ShuffleNetV1, section 3.1)."""

    name: str
    inputs: tuple[str]
    shape: Shape
    groups: int


@dataclass(frozen=True, slots=True)
class Add:
    """Element-wise sum of two layers: the residual."""

    name: str
    inputs: tuple[str, str]
    shape: Shape


@dataclass(frozen=True, slots=True)
class GlobalPool:
    """Global average pooling to a 1x1 map."""

    name: str
    inputs: tuple[str]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Linear:
    """The classifier: a linear layer with bias on the flattened input."""

    name: str
    inputs: tuple[str]
    shape: Shape
    in_features: int


Layer: TypeAlias = Input | Conv | BatchNorm | Activation | Shuffle | Add | GlobalPool | Linear


class Builder:
    """Appends layers one after another, each reading the last one unless told otherwise."""

    def __init__(self, shape: Shape, name: str = "input") -> None:
        """Start from an image or feature map of `shape` called `name`."""
        self.layers: list[Layer] = [Input(name, (), shape)]
        self.prefix = ""

    @property
    def shape(self) -> Shape:
        """The output shape of the last layer."""
        return self.layers[-1].shape

    @property
    def last(self) -> str:
        """The name of the last layer."""
        return self.layers[-1].name

    def conv(
        self, name: str, width: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        """Append a convolution to `width` channels; both widths must be divisible by `groups`."""
        c, h, w = self.shape
        assert c % groups == 0, (name, c, groups)
        assert width % groups == 0, (name, width, groups)
        out = Shape(width, -(-h // stride), -(-w // stride))
        self.layers.append(Conv(self._name(name), (self.last,), out, c, kernel, stride, groups))

    def batch_norm(self, name: str) -> None:
        """Append a batch normalisation."""
        self.layers.append(BatchNorm(self._name(name), (self.last,), self.shape))

    def activation(self, name: str, function: ActivationName = "relu6") -> None:
        """Append an activation."""
        self.layers.append(Activation(self._name(name), (self.last,), self.shape, function))

    def shuffle(self, name: str, groups: int) -> None:
        """Append a channel shuffle, unless it would change nothing (1 group, or 1 channel each)."""
        if 1 < groups < self.shape.channels:
            self.layers.append(Shuffle(self._name(name), (self.last,), self.shape, groups))

    def add(self, name: str, other: str) -> None:
        """Append the sum of the last layer and the layer called `other`."""
        self.layers.append(Add(self._name(name), (self.last, other), self.shape))

    def global_pool(self, name: str) -> None:
        """Append a global average pooling."""
        shape = Shape(self.shape.channels, 1, 1)
        self.layers.append(GlobalPool(self._name(name), (self.last,), shape))

    def linear(self, name: str, width: int) -> None:
        """Append the classifier with `width` outputs."""
        features = self.shape.channels * self.shape.height * self.shape.width
        shape = Shape(width, 1, 1)
        self.layers.append(Linear(self._name(name), (self.last,), shape, features))

    def _name(self, name: str) -> str:
        return f"{self.prefix}{name}"
