"""The typed list of layers that is the only description of a network.

Shapes are (channels, height, width) for one image, without the batch. Each layer names the layers
that it reads, so that the list also describes residuals and branches. The cost, the
`torch.nn.Module`, the per-layer table and the exported source all read this list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from nas.errors import ArchitectureError

ActivationName: TypeAlias = Literal["relu6", "relu"]
PoolName: TypeAlias = Literal["max", "avg"]


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
    """The input image."""

    name: str
    inputs: tuple[()]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Conv:
    """2-D convolution with a square kernel, zero-padded on all sides; usually without bias."""

    name: str
    inputs: tuple[str]
    shape: Shape
    in_channels: int
    kernel: int
    stride: int
    groups: int
    padding: int
    bias: bool = False


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
    """Channel shuffle: channels are split into `groups` and interleaved (ShuffleNetV1, 3.1)."""

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
class Concat:
    """Concatenation of several layers along the channels, in their order."""

    name: str
    inputs: tuple[str, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Pool:
    """Pooling with a square window, padded by kernel // 2; averages ignore the padding."""

    name: str
    inputs: tuple[str]
    shape: Shape
    function: PoolName
    kernel: int
    stride: int


@dataclass(frozen=True, slots=True)
class Pad:
    """Rows and columns of zeros before and after the map; a negative number removes some.

    `before` and `after` are (rows, columns).
    """

    name: str
    inputs: tuple[str]
    shape: Shape
    before: tuple[int, int]
    after: tuple[int, int]


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


Layer: TypeAlias = (
    Input
    | Conv
    | BatchNorm
    | Activation
    | Shuffle
    | Add
    | Concat
    | Pool
    | Pad
    | GlobalPool
    | Linear
)


def readers_of(layers: Sequence[Layer]) -> dict[str, list[Layer]]:
    """Return the layers that read each layer, by its name; a layer without readers has no entry."""
    readers: dict[str, list[Layer]] = {}
    for layer in layers:
        for name in layer.inputs:
            readers.setdefault(name, []).append(layer)
    return readers


def outputs_of(layers: Sequence[Layer]) -> list[Layer]:
    """Return the outputs of a network, in order: the layers that no other layer reads."""
    read = {name for layer in layers for name in layer.inputs}
    return [layer for layer in layers if layer.name not in read]


def only_reader(name: str, readers: Mapping[str, Sequence[Layer]]) -> Layer | None:
    """Return the only layer that reads the layer `name`; None if not exactly one."""
    following = readers.get(name, [])
    return following[0] if len(following) == 1 else None


class Builder:
    """Appends layers, each of which reads the previous one; `branch` selects another one to read.

    The caller sets `prefix`, with which every name begins. Methods raise an ArchitectureError if a
    layer cannot be built.
    """

    def __init__(self, shape: Shape, name: str = "input") -> None:
        """Start from an image or feature map of `shape` called `name`."""
        self.layers: list[Layer] = []
        self.prefix = ""
        self._shapes: dict[str, Shape] = {}
        self._append(Input(name, (), shape))

    @property
    def shape(self) -> Shape:
        """The shape of the map that the next layer reads."""
        return self._shapes[self.last]

    def feed(self, name: str, shape: Shape) -> None:
        """Append another image or feature map of `shape` as an input."""
        self._append(Input(name, (), shape))

    def branch(self, name: str) -> None:
        """Let the next layer read the layer called `name`."""
        if name not in self._shapes:
            raise _refused(f"there is no layer {name} to read")
        self.last = name

    def conv(
        self,
        name: str,
        width: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
    ) -> None:
        """Append a convolution to `width` channels; both widths must be divisible by `groups`.

        `padding` is kernel // 2 by default.
        """
        c, h, w = self.shape
        for channels in (c, width):
            if groups < 1 or channels % groups:
                raise _refused(
                    f"{groups} groups of {self._name(name)} do not divide {channels} channels"
                )
        pad = kernel // 2 if padding is None else padding
        out = Shape(width, *((side + 2 * pad - kernel) // stride + 1 for side in (h, w)))
        self._append(Conv(self._name(name), (self.last,), out, c, kernel, stride, groups, pad))

    def predictor(self, name: str, width: int) -> None:
        """Append a 1x1 convolution to `width` channels with bias, whose result is an output."""
        c, shape = self.shape.channels, self.shape._replace(channels=width)
        self._append(Conv(self._name(name), (self.last,), shape, c, 1, 1, 1, 0, bias=True))

    def batch_norm(self, name: str) -> None:
        """Append a batch normalisation."""
        self._append(BatchNorm(self._name(name), (self.last,), self.shape))

    def activation(self, name: str, function: ActivationName = "relu6") -> None:
        """Append an activation."""
        self._append(Activation(self._name(name), (self.last,), self.shape, function))

    def shuffle(self, name: str, groups: int) -> None:
        """Append a channel shuffle, unless it has no effect (1 group, or 1 channel per group)."""
        if 1 < groups < self.shape.channels:
            self._append(Shuffle(self._name(name), (self.last,), self.shape, groups))

    def add(self, name: str, other: str) -> None:
        """Append the sum of the last layer and the layer called `other`."""
        shape = self._shapes.get(other)
        if shape != self.shape:
            raise _refused(f"{self._name(name)} adds {other} of shape {shape} to {self.shape}")
        self._append(Add(self._name(name), (self.last, other), self.shape))

    def concat(self, name: str, inputs: Sequence[str]) -> None:
        """Append the concatenation of `inputs`, which have equal height and width."""
        shapes = [self._shapes[other] for other in inputs]
        if len({shape[1:] for shape in shapes}) != 1:
            sizes = ", ".join(map(str, shapes))
            raise _refused(f"{self._name(name)} joins maps of different sizes, {sizes}")
        channels = sum(shape.channels for shape in shapes)
        self._append(Concat(self._name(name), tuple(inputs), shapes[0]._replace(channels=channels)))

    def pool(self, name: str, function: PoolName, kernel: int, stride: int) -> None:
        """Append a pooling, padded by kernel // 2."""
        c, h, w = self.shape
        out = Shape(c, *((side + 2 * (kernel // 2) - kernel) // stride + 1 for side in (h, w)))
        self._append(Pool(self._name(name), (self.last,), out, function, kernel, stride))

    def pad(self, name: str, before: tuple[int, int], after: tuple[int, int]) -> None:
        """Append `before` and `after` (rows, columns) of zeros; nothing if all are 0."""
        c, h, w = self.shape
        if (before, after) != ((0, 0), (0, 0)):
            out = Shape(c, h + before[0] + after[0], w + before[1] + after[1])
            self._append(Pad(self._name(name), (self.last,), out, before, after))

    def global_pool(self, name: str) -> None:
        """Append a global average pooling."""
        shape = Shape(self.shape.channels, 1, 1)
        self._append(GlobalPool(self._name(name), (self.last,), shape))

    def linear(self, name: str, width: int) -> None:
        """Append the classifier with `width` outputs."""
        features = self.shape.channels * self.shape.height * self.shape.width
        shape = Shape(width, 1, 1)
        self._append(Linear(self._name(name), (self.last,), shape, features))

    def _append(self, layer: Layer) -> None:
        if layer.name in self._shapes:
            raise _refused(f"two layers have the name {layer.name}")
        self.layers.append(layer)
        self._shapes[layer.name] = layer.shape
        self.last = layer.name

    def _name(self, name: str) -> str:
        return f"{self.prefix}{name}"


def _refused(cause: str) -> ArchitectureError:
    """Return the error for layers of a block kind that cannot be built."""
    return ArchitectureError(
        f"the block cannot be built: {cause}.",
        "Let the block kind's `problem` refuse such choices, or correct its `lower`.",
    )
