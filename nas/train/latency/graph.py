"""An ONNX graph straight from the list of layers: what onnxruntime times.

PyTorch's exporter takes seconds for a network; this takes milliseconds, so that thousands of single
layers can be timed. Batch normalisations are folded into the convolutions before (`nas.train.
latency.fold`), as a shipped network has them. A test holds its output to that of the Network.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nas.layers import (
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
from nas.train.latency.weights import Weights
from nas.train.network import BN_EPS

OPSET = 17
_IR_VERSION = 8
_FLOAT = TensorProto.FLOAT

Array = NDArray[Any]


def onnx_graph(layers: Sequence[Layer], weights: Weights) -> bytes:
    """Return a serialised ONNX model of `layers` at batch 1, float32.

    `weights` holds the arrays of each layer that has any, by its name; a batch normalisation
    without arrays has been folded away. Inputs are called as their layers. Every layer that no
    other reads is an output: `layers` may be several networks beside each other.
    """
    graph = _Graph(weights)
    read = {name for layer in layers for name in layer.inputs}
    inputs, outputs = [], []
    for layer in layers:
        if isinstance(layer, Input):
            inputs.append(_value(layer.name, layer.shape))
            continue
        graph.add(layer)
        if layer.name not in read:
            outputs.append(helper.make_tensor_value_info(graph.value(layer.name), _FLOAT, None))
    model = helper.make_model(
        helper.make_graph(graph.nodes, "network", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
    )
    serialised: bytes = model.SerializeToString()
    return serialised


class _Graph:
    """Nodes and constants under construction."""

    def __init__(self, weights: Weights) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._weights = weights
        self._same: dict[str, str] = {}

    def value(self, name: str) -> str:
        """Return the tensor that holds the result of the layer called `name`."""
        return self._same.get(name, name)

    def add(self, layer: Layer) -> None:
        """Append the node, or nodes, of one layer."""
        reads = [self.value(name) for name in layer.inputs]
        match layer:
            case Conv():
                self._convolution(layer, reads)
            case BatchNorm():
                self._batch_norm(layer, reads)
            case Linear():
                self._node("Flatten", reads, f"{layer.name}.flat", axis=1)
                reads = [f"{layer.name}.flat", *self._arrays(layer.name)]
                self._node("Gemm", reads, layer.name, transB=1)
            case Shuffle():
                self._shuffle(layer, reads)
            case _:
                self._plain(layer, reads)

    def _plain(self, layer: Layer, reads: list[str]) -> None:
        """Append a layer without weights that is one node."""
        match layer:
            case Activation(function="relu6"):
                ends = [
                    self._constant(f"{layer.name}.{end:g}", np.float32(end)) for end in (0.0, 6.0)
                ]
                self._node("Clip", [*reads, *ends], layer.name)
            case Activation():
                self._node("Relu", reads, layer.name)
            case Add():
                self._node("Add", reads, layer.name)
            case Concat():
                self._node("Concat", reads, layer.name, axis=1)
            case Pool():
                self._pooling(layer, reads)
            case Pad():
                self._padding(layer, reads)
            case GlobalPool():
                self._node("GlobalAveragePool", reads, layer.name)
            case _:
                raise AssertionError(f"no node for {layer}")

    def _convolution(self, layer: Conv, reads: list[str]) -> None:
        self._node(
            "Conv",
            [*reads, *self._arrays(layer.name)],
            layer.name,
            kernel_shape=[layer.kernel] * 2,
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
            group=layer.groups,
        )

    def _batch_norm(self, layer: BatchNorm, reads: list[str]) -> None:
        if layer.name not in self._weights:
            self._same[layer.name] = reads[0]
            return
        reads = [*reads, *self._arrays(layer.name)]
        self._node("BatchNormalization", reads, layer.name, epsilon=BN_EPS)

    def _shuffle(self, layer: Shuffle, reads: list[str]) -> None:
        c, h, w = layer.shape
        split = self._constant(
            f"{layer.name}.split", np.array([1, layer.groups, c // layer.groups, h * w], np.int64)
        )
        whole = self._constant(f"{layer.name}.whole", np.array([1, c, h, w], np.int64))
        self._node("Reshape", [*reads, split], f"{layer.name}.groups")
        self._node("Transpose", [f"{layer.name}.groups"], f"{layer.name}.turned", perm=[0, 2, 1, 3])
        self._node("Reshape", [f"{layer.name}.turned", whole], layer.name)

    def _pooling(self, layer: Pool, reads: list[str]) -> None:
        settings: dict[str, Any] = {
            "kernel_shape": [layer.kernel] * 2,
            "strides": [layer.stride] * 2,
            "pads": [layer.kernel // 2] * 4,
        }
        if layer.function == "max":
            self._node("MaxPool", reads, layer.name, **settings)
        else:
            self._node("AveragePool", reads, layer.name, count_include_pad=0, **settings)

    def _padding(self, layer: Pad, reads: list[str]) -> None:
        pads = np.array([0, 0, *layer.before, 0, 0, *layer.after], np.int64)
        self._node("Pad", [*reads, self._constant(f"{layer.name}.pads", pads)], layer.name)

    def _node(self, kind: str, reads: Sequence[str], name: str, **settings: Any) -> None:
        self.nodes.append(helper.make_node(kind, reads, [name], name=name, **settings))

    def _arrays(self, name: str) -> list[str]:
        """Add the arrays of a layer; return what they are called."""
        arrays = enumerate(self._weights[name])
        return [self._constant(f"{name}.{index}", array) for index, array in arrays]

    def _constant(self, name: str, array: Array | np.generic) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _FLOAT, [1, *shape])
