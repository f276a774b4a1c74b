"""NASNet-A: normal and reduction cells that read the two cells before them.

The two cells of Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition"
(CVPR 2018), figure 4, wired as in the authors' code (tensorflow/models, research/slim/nets/nasnet).
Each begins with two states, both converted to `width` channels: "left" from the previous cell,
"right" from the one before that. Five sums follow, and the unused states are concatenated:

    normal cell, 6 x width channels        reduction cell, stride 2, 4 x width channels
    sum0  sep5 left    sep3 right          sep5 left   sep7 right
    sum1  sep5 right   sep3 right          max  left   sep7 right
    sum2  avg  left    right               avg  left   sep5 right
    sum3  avg  right   avg  right          sum1        avg  sum0
    sum4  sep3 left    left                sep3 sum0   max  left
    out   right, sum0 … sum4               sum1 … sum4

sepK is twice ReLU, depthwise KxK, 1x1, batch norm; the first depthwise has the stride. Pools are
3x3. A state comes from ReLU, 1x1, batch norm; if "right" is larger than "left", from two 1x1
convolutions of half the width on the even and on the odd pixels (factorised reduction). The first
cell of a network has only one input: "right" is then this input, unconverted.

A stage of stride 2 begins with a reduction cell, all its other cells are normal; the depth counts
both. If a small input removes the stride of a stage, its reduction cell is removed too: without its
stem cells the ImageNet network is the authors' network for CIFAR.

Strided cells on maps of even size pad as TensorFlow does ("same": one less before than after). The
PyTorch ports get the same result by computing one more row and column, which they then remove.
padding = "cropped" builds and counts this form, padding = "exact" that of the authors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.space.architecture import Value
from nas.space.blocks.kind import ChoiceRule, NetworkPart, PlannedStage, Skeleton
from nas.space.layers import ActivationName, Builder, PoolName

_PADDINGS = ("exact", "cropped")


class NASNetA:
    """The NASNet-A family: cells per stage and filters per cell are the choices."""

    name = "nasnet-a"
    activation: ActivationName = "relu"
    rules: Mapping[str, ChoiceRule] = {
        "padding": ChoiceRule(
            "how strided cells are padded on maps of even size",
            lambda value: value in _PADDINGS,
            f"one of {', '.join(_PADDINGS)}",
        ),
    }

    def canonical(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Return the choices unchanged: all combinations differ."""
        return dict(choices)

    def problem(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> tuple[str, str] | None:
        """Refuse width 1, which a factorised reduction cannot halve."""
        return ("width", "a factorised reduction cannot halve width=1") if width < 2 else None

    def parts(self, skeleton: Skeleton, stages: Sequence[PlannedStage]) -> list[NetworkPart]:
        """Return the stem, the cells and the head."""
        stem = Stem(skeleton.stem_width, skeleton.stem_kernel, skeleton.stem_stride)
        parts = [NetworkPart("stem.", (0,), stem)]
        strides = [stem.stride]  # of each part
        for stage in stages:
            width, exact = stage.choices["width"], stage.choices["padding"] == "exact"
            for block, stride in _cells(stage):
                assert isinstance(width, int), stage
                last = len(parts)
                reads = (last, last - 1) if last > 1 else (last,)
                halve = strides[-1] if last > 1 else 1
                cell = ReductionCell if stride > 1 else NormalCell
                parts.append(
                    NetworkPart(f"{stage.name}.{block}.", reads, cell(width, halve, exact))
                )
                strides.append(stride)
        return [*parts, NetworkPart("", (len(parts),), NasnetHead(skeleton.classes))]


KIND = NASNetA()


def _cells(stage: PlannedStage) -> list[tuple[int, int]]:
    """Return number and stride of the cells of a stage at this input."""
    depth = stage.choices["depth"]
    assert isinstance(depth, int), stage
    cells = [(block, stage.stride if block == 0 else 1) for block in range(depth)]
    return cells[1:] if stage.stride < stage.full_stride else cells


@dataclass(frozen=True)
class Stem:
    """A convolution and a batch norm, without an activation; without padding if strided."""

    width: int
    kernel: int
    stride: int

    def lower(self, net: Builder, sources: Sequence[str]) -> None:
        """Append the layers."""
        net.branch(sources[0])
        fits = min(net.shape[1:]) >= self.kernel
        padding = 0 if self.stride > 1 and fits else None
        net.conv("conv", self.width, self.kernel, self.stride, padding=padding)
        net.batch_norm("bn")


@dataclass(frozen=True)
class NasnetHead:
    """ReLU, global average pooling, classifier."""

    classes: int

    def lower(self, net: Builder, sources: Sequence[str]) -> None:
        """Append the layers."""
        net.branch(sources[0])
        net.activation("head.relu", "relu")
        net.global_pool("head.pool")
        net.linear("classifier", self.classes)


@dataclass(frozen=True)
class NormalCell:
    """A cell of stride 1; `halve` is the stride between its two sources."""

    width: int
    halve: int
    exact: bool

    def lower(self, net: Builder, sources: Sequence[str]) -> None:
        """Append the layers; `sources` are the previous cell and, if any, the one before it."""
        cell = _Cell(net, self.width, 1, self.exact)
        left = cell.state("left", sources[0])
        right = cell.right(sources, self.halve)
        same = cell.matched("sum2_right", right)
        sums = [
            cell.sum("sum0", cell.sep("sum0_left", left, 5), cell.sep("sum0_right", right, 3)),
            cell.sum("sum1", cell.sep("sum1_left", right, 5), cell.sep("sum1_right", right, 3)),
            cell.sum("sum2", cell.pool("sum2_left", left, "avg"), same),
            cell.sum(
                "sum3",
                cell.pool("sum3_left", right, "avg"),
                cell.pool("sum3_right", right, "avg"),
            ),
            cell.sum("sum4", cell.sep("sum4_left", left, 3), left),
        ]
        net.concat("out", [cell.matched("out_right", right, relu=False), *sums])


@dataclass(frozen=True)
class ReductionCell:
    """A cell of stride 2; `halve` is the stride between its two sources."""

    width: int
    halve: int
    exact: bool

    def lower(self, net: Builder, sources: Sequence[str]) -> None:
        """Append the layers; `sources` are the previous cell and, if any, the one before it."""
        cell = _Cell(net, self.width, 2, self.exact)
        left = cell.state("left", sources[0])
        right = cell.right(sources, self.halve)
        sum0 = cell.sum(
            "sum0", cell.sep("sum0_left", left, 5, 2), cell.sep("sum0_right", right, 7, 2)
        )
        sum1 = cell.sum(
            "sum1", cell.pool("sum1_left", left, "max", 2), cell.sep("sum1_right", right, 7, 2)
        )
        sum2 = cell.sum(
            "sum2", cell.pool("sum2_left", left, "avg", 2), cell.sep("sum2_right", right, 5, 2)
        )
        sum3 = cell.sum("sum3", sum1, cell.pool("sum3_right", sum0, "avg"))
        sum4 = cell.sum(
            "sum4", cell.sep("sum4_left", sum0, 3), cell.pool("sum4_right", left, "max", 2)
        )
        net.concat("out", [sum1, sum2, sum3, sum4])


class _Cell:
    """Appends the operations of one cell; each returns the name of its last layer."""

    def __init__(self, net: Builder, width: int, stride: int, exact: bool) -> None:
        """Store the common arguments; `stride` belongs to the cell."""
        self._net, self._width, self._stride, self._exact = net, width, stride, exact
        self._extra = (0, 0)

    def state(self, name: str, source: str) -> str:
        """Return `source` converted to the width of the cell."""
        self._net.branch(source)
        if name == "left":  # this map determines the padding of strided operations
            self._extra = self._even()
        return self._unit(name)

    def right(self, sources: Sequence[str], halve: int) -> str:
        """Return the second state."""
        if len(sources) == 1:
            return sources[0]
        return self.state("right", sources[1]) if halve == 1 else self._halved(sources[1], halve)

    def matched(self, name: str, state: str, relu: bool = True) -> str:
        """Return `state` itself, or converted to the width of the cell if it differs."""
        self._net.branch(state)
        return state if self._net.shape.channels == self._width else self._unit(name, relu)

    def sum(self, name: str, left: str, right: str) -> str:
        """Return the sum of two operations."""
        self._net.branch(left)
        self._net.add(name, right)
        return self._net.last

    def pool(self, name: str, source: str, function: PoolName, stride: int = 1) -> str:
        """Return a 3x3 pooling, converted to the width of the cell."""
        net = self._net
        net.branch(source)
        extra = self._even() if stride > 1 else (0, 0)
        # Unlike the padding of a pooling, these zeros count as values: crop the affected pixels.
        net.pad(f"{name}.pad", extra, (0, 0))
        net.pool(f"{name}.pool", function, 3, stride)
        net.pad(f"{name}.crop", _negative(extra), (0, 0))
        return self.matched(f"{name}.match", net.last, relu=False)

    def sep(self, name: str, source: str, kernel: int, stride: int = 1) -> str:
        """Return a separable convolution, applied twice."""
        self._net.branch(source)
        for step in (1, 2):
            self._separable(f"{name}.{step}", kernel, stride if step == 1 else 1, step == 1)
        return self._net.last

    def _separable(self, name: str, kernel: int, stride: int, first: bool) -> None:
        net = self._net
        net.activation(f"{name}.relu", "relu")
        wasted = self._extra if first and not self._exact else (0, 0)
        padding = kernel // 2
        net.pad(f"{name}.pad", wasted, (0, 0))
        if self._exact and stride > 1 and self._even() != (0, 0):
            before, after = _same(self._even(), kernel)
            net.pad(f"{name}.pad", before, after)
            padding = 0
        channels = net.shape.channels
        net.conv(f"{name}.depthwise", channels, kernel, stride, channels, padding)
        net.conv(f"{name}.pointwise", self._width)
        net.pad(f"{name}.crop", _negative(wasted), (0, 0))
        net.batch_norm(f"{name}.bn")

    def _unit(self, name: str, relu: bool = True) -> str:
        if relu:
            self._net.activation(f"{name}.relu", "relu")
        self._net.conv(f"{name}.conv", self._width)
        self._net.batch_norm(f"{name}.bn")
        return self._net.last

    def _halved(self, source: str, stride: int) -> str:
        """Return the factorised reduction of `source`: half of the channels from odd pixels."""
        net, half = self._net, self._width // 2
        net.branch(source)
        net.activation("right.relu", "relu")
        rectified = net.last
        paths = []
        for name, width in (("even", half), ("odd", self._width - half)):
            net.branch(rectified)
            if name == "odd":
                net.pad("right.shift", (-1, -1), (1, 1))
            net.conv(f"right.{name}", width, stride=stride)
            paths.append(net.last)
        net.concat("right.both", paths)
        net.batch_norm("right.bn")
        return net.last

    def _even(self) -> tuple[int, int]:
        """Return 1 where a strided cell reads an even number of rows and columns, else 0."""
        _, height, width = self._net.shape
        return (0, 0) if self._stride == 1 else (1 - height % 2, 1 - width % 2)


def _same(even: tuple[int, int], kernel: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the zeros before and after (rows, columns) for stride 2, as TensorFlow pads "same"."""
    total = [kernel - 1 - side for side in even]
    before, after = [side // 2 for side in total], [side - side // 2 for side in total]
    return (before[0], before[1]), (after[0], after[1])


def _negative(sides: tuple[int, int]) -> tuple[int, int]:
    return -sides[0], -sides[1]
