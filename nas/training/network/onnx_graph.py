"""The ONNX model of a list of layers, for files and for onnxruntime.

Nodes are named after their layers, with a slash after the part of the network: `stem/conv`,
`stage2.0/first`, `classifier`. Initializers have the names of PyTorch's parameters:
`stage2.0.first.weight`. The operators are used in a form that is valid since opset 11.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nas import __version__
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
    Shuffle,
)
from nas.training.network.folded import Weights
from nas.training.network.module import BN_EPS

_ARRAYS = ("weight", "bias", "running_mean", "running_var")
_RELU6 = {"relu6.min": 0.0, "relu6.max": 6.0}


def onnx_model(
    layers: Sequence[Layer],
    weights: Weights,
    opset: int,
    batch: int | str = 1,
    names: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """Return the model of `layers`, float32, in the oldest IR version that has `opset`.

    Every input layer is an input, every layer without a reader an output: `layers` may contain
    several networks. Feature maps are (batch, C, H, W), the result of a linear layer (batch, C).

    Args:
        layers: in an order in which each reads earlier ones.
        weights: the arrays of each layer that has any, by its name. A batch normalisation without
            arrays is one that was folded, and is omitted.
        opset: the version of the operators, 11 or later.
        batch: the number of images, or the name of a free dimension.
        names: the names of inputs and outputs that differ from the layer name, by layer.
    """
    graph = _Graph(weights, names or {})
    read = {name for layer in layers for name in layer.inputs}
    inputs, outputs = [], []
    for layer in layers:
        graph.add(layer)
        if isinstance(layer, Input):
            inputs.append(graph.described(layer, batch))
        elif layer.name not in read:
            outputs.append(graph.described(layer, batch))
    opsets = [helper.make_opsetid("", opset)]
    model: onnx.ModelProto = helper.make_model(
        helper.make_graph(graph.nodes, "network", inputs, outputs, list(graph.constants.values())),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="nas",  # OpenCV averages over the padding if this is "pytorch"
        producer_version=__version__,
    )
    return model


class _Graph:
    """Nodes and constants under construction."""

    def __init__(self, weights: Weights, names: Mapping[str, str]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._weights = weights
        self._values = dict(names)

    def described(self, layer: Layer, batch: int | str) -> onnx.ValueInfoProto:
        """Return the name, type and shape of the output of `layer`."""
        shape = layer.shape[:1] if isinstance(layer, Linear) else layer.shape
        return helper.make_tensor_value_info(
            self._value(layer.name), TensorProto.FLOAT, [batch, *shape]
        )

    def add(self, layer: Layer) -> None:
        """Append the node, or nodes, of one layer."""
        match layer:
            case Conv():
                self._convolution(layer)
            case BatchNorm():
                self._batch_norm(layer)
            case Linear():
                flat = self._part(layer, "flat", "Flatten", self._reads(layer), axis=1)
                self._node(layer, "Gemm", [flat, *self._arrays(layer.name)], transB=1)
            case Activation():
                self._activation(layer)
            case _:
                self._plain(layer)

    def _plain(self, layer: Input | Shuffle | Add | Concat | Pool | Pad | GlobalPool) -> None:
        """Append a layer without weights."""
        match layer:
            case Input():
                pass
            case Shuffle():
                self._shuffle(layer)
            case Add():
                self._node(layer, "Add")
            case Concat():
                self._node(layer, "Concat", axis=1)
            case Pool():
                self._pooling(layer)
            case Pad():
                self._padding(layer)
            case GlobalPool():
                self._node(layer, "GlobalAveragePool")
            case _:
                assert_never(layer)

    def _convolution(self, layer: Conv) -> None:
        self._node(
            layer,
            "Conv",
            [*self._reads(layer), *self._arrays(layer.name)],
            kernel_shape=[layer.kernel] * 2,
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
            group=layer.groups,
        )

    def _batch_norm(self, layer: BatchNorm) -> None:
        if layer.name in self._weights:
            reads = [*self._reads(layer), *self._arrays(layer.name)]
            self._node(layer, "BatchNormalization", reads, epsilon=BN_EPS)
        else:
            (self._values[layer.name],) = self._reads(layer)

    def _activation(self, layer: Activation) -> None:
        match layer.function:
            case "relu6":
                ends = [self._constant(name, np.float32(end)) for name, end in _RELU6.items()]
                self._node(layer, "Clip", [*self._reads(layer), *ends])
            case "relu":
                self._node(layer, "Relu")
            case _:
                assert_never(layer.function)

    def _shuffle(self, layer: Shuffle) -> None:
        c, h, w = layer.shape
        shapes = {"split": (-1, layer.groups, c // layer.groups, h * w), "whole": (-1, c, h, w)}
        split, whole = (
            self._integers(f"{layer.name}.{name}", shape) for name, shape in shapes.items()
        )
        groups = self._part(layer, "groups", "Reshape", [*self._reads(layer), split])
        turned = self._part(layer, "turned", "Transpose", [groups], perm=[0, 2, 1, 3])
        self._node(layer, "Reshape", [turned, whole])

    def _pooling(self, layer: Pool) -> None:
        settings: dict[str, Any] = {
            "kernel_shape": [layer.kernel] * 2,
            "strides": [layer.stride] * 2,
            "pads": [layer.kernel // 2] * 4,
        }
        match layer.function:
            case "max":
                self._node(layer, "MaxPool", **settings)
            case "avg":
                self._node(layer, "AveragePool", count_include_pad=0, **settings)
            case _:
                assert_never(layer.function)

    def _padding(self, layer: Pad) -> None:
        """Crop rows and columns, then pad: OpenCV does not support negative padding."""
        reads = self._reads(layer)
        added = [max(side, 0) for side in (*layer.before, *layer.after)]
        starts = [max(-side, 0) for side in layer.before]
        if min(*layer.before, *layer.after) < 0:
            kept = [  # of the input
                side - before - after + min(after, 0)
                for side, before, after in zip(
                    layer.shape[1:], layer.before, layer.after, strict=True
                )
            ]
            names = {"starts": starts, "ends": kept, "axes": [2, 3]}
            reads += [self._integers(f"{layer.name}.{key}", each) for key, each in names.items()]
            if not any(added):
                self._node(layer, "Slice", reads)
                return
            reads = [self._part(layer, "kept", "Slice", reads)]
        pads = self._integers(f"{layer.name}.pads", [0, 0, *added[:2], 0, 0, *added[2:]])
        self._node(layer, "Pad", [*reads, pads])

    def _node(
        self, layer: Layer, kind: str, reads: Sequence[str] | None = None, **settings: Any
    ) -> None:
        """Append the node whose output is that of `layer`; by default with the same inputs."""
        reads = self._reads(layer) if reads is None else reads
        writes = [self._value(layer.name)]
        self.nodes.append(helper.make_node(kind, reads, writes, _path(layer.name), **settings))

    def _part(
        self, layer: Layer, name: str, kind: str, reads: Sequence[str], **settings: Any
    ) -> str:
        """Append an intermediate node of `layer`; return the name of its output."""
        path = f"{_path(layer.name)}/{name}"
        self.nodes.append(helper.make_node(kind, reads, [path], path, **settings))
        return path

    def _reads(self, layer: Layer) -> list[str]:
        return [self._value(name) for name in layer.inputs]

    def _value(self, name: str) -> str:
        """Return the name of the output tensor of the layer `name`."""
        return self._values.get(name, _path(name))

    def _arrays(self, name: str) -> list[str]:
        """Add the arrays of a layer; return their names."""
        arrays = zip(_ARRAYS, self._weights[name], strict=False)
        return [self._constant(f"{name}.{key}", array) for key, array in arrays]

    def _integers(self, name: str, values: Sequence[int]) -> str:
        return self._constant(name, np.array(values, np.int64))

    def _constant(self, name: str, array: NDArray[Any] | np.generic) -> str:
        self.constants[name] = numpy_helper.from_array(np.asarray(array), name)
        return name


def _path(name: str) -> str:
    """Return the name of the node of a layer: `stage2.0/first` for `stage2.0.first`."""
    return re.sub(r"\.(?!\d)", "/", name)
