"""Append the decoding of boxes and the suppression of duplicates to an ONNX model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nas.space import Layer, outputs_of
from nas.training.detection.anchors import LARGEST, VARIANCES, anchors
from nas.training.detection.problem import DetectionFilter

_ALL = np.iinfo(np.int64).max  # the end of a slice


def add_detections(
    model: onnx.ModelProto, layers: Sequence[Layer], how: DetectionFilter | None = None
) -> tuple[str, str]:
    """Replace the outputs of `model`, the maps of `layers` at batch 1, by detections.

    `boxes` are float, (D, 4): left, top, right and bottom in shares of the image; `scores` are
    float, (D,), in descending order; `classes` are int64, (D,), from 0, without the background.
    `how` selects the boxes that are detections.

    Return the names of the tensors with all boxes, (1, A, 4), and with the probability of each
    class, (1, classes, A).
    """
    how = how or DetectionFilter()
    maps = [each.name for each in model.graph.output]
    shapes = [layer.shape for layer in outputs_of(layers)]
    around = anchors(tuple((h, w) for _, h, w in shapes[0::2]), torch.device("cpu")).numpy()
    count = sum(channels * h * w for channels, h, w in shapes[1::2]) // len(around)
    net = _Nodes(model.graph)
    corners = _decoded(net, net.joined(maps[0::2], 4), around)
    logits = net.joined(maps[1::2], count)
    every = net.add("Softmax", logits, axis=-1)
    probable = net.add("Transpose", net.sliced(every, 2, 1, _ALL), perm=[0, 2, 1])
    boxes, scores, classes = _selected(net, corners, probable, how, len(around))
    del model.graph.output[:]
    for name, of, kind, width in (
        ("boxes", boxes, TensorProto.FLOAT, (4,)),
        ("scores", scores, TensorProto.FLOAT, ()),
        ("classes", classes, TensorProto.INT64, ()),
    ):
        shape: list[str | int | None] = ["detections", *width]
        model.graph.node.append(helper.make_node("Identity", [of], [name], name))
        model.graph.output.append(helper.make_tensor_value_info(name, kind, shape))
    return corners, probable


def _decoded(net: "_Nodes", offsets: str, around: NDArray[Any]) -> str:
    """Append the decoding of `offsets` (1, A, 4) from the anchors `around`; return the corners."""
    variances = net.array(np.array(VARIANCES, np.float32))
    scaled = net.add("Div", offsets, variances)
    centres, extents = net.array(around[:, :2]), net.array(around[:, 2:])
    centre = net.add("Add", net.add("Mul", net.sliced(scaled, 2, 0, 2), extents), centres)
    largest = net.array(np.float32(np.log(LARGEST)))
    factor = net.add("Exp", net.add("Min", net.sliced(scaled, 2, 2, 4), largest))
    half = net.add("Mul", net.add("Mul", factor, extents), net.array(np.float32(0.5)))
    both = [net.add("Sub", centre, half), net.add("Add", centre, half)]
    corners = net.add("Concat", *both, axis=2)
    return net.add("Clip", corners, net.array(np.float32(0)), net.array(np.float32(1)))


def _selected(
    net: "_Nodes", corners: str, probable: str, how: DetectionFilter, anchors_: int
) -> tuple[str, str, str]:
    """Append the selection; return boxes (D, 4), scores (D,) and classes (D,)."""
    candidates = min(how.candidates, anchors_)
    limit = net.integers(candidates)
    best = net.add("TopK", probable, limit, outputs=2, axis=2)
    least = net.sliced(best, 2, candidates - 1, candidates)
    kept = net.add("Where", net.add("Less", probable, least), net.array(np.float32(0)), probable)
    chosen = net.add(
        "NonMaxSuppression", corners, kept, limit, net.array(np.array([how.overlap], np.float32)),
        net.array(np.array([how.threshold], np.float32)),
    )  # fmt: skip
    scores = net.add("GatherND", kept, chosen)
    found, most = net.add("Shape", scores), net.integers(how.most)
    fewer = net.add("Where", net.add("Less", found, most), found, most)
    scores, order = net.add("TopK", scores, fewer, outputs=2, axis=0), net.second
    rows = net.add("Gather", chosen, order, axis=0)
    classes, places = (
        net.add("Gather", rows, net.array(np.int64(column)), axis=1) for column in (1, 2)
    )
    flat = net.add("Gather", corners, net.array(np.int64(0)), axis=0)
    return net.add("Gather", flat, places, axis=0), scores, classes


class _Nodes:
    """Appends nodes and constants to a graph; their names begin with `detect`."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph, self._number = graph, 0
        self.second = ""  # the second output of the last node

    def add(self, kind: str, *inputs: str, outputs: int = 1, **settings: Any) -> str:
        """Append a node; return the name of its first output."""
        name = self._name(kind)
        names = [name, *(f"{name}.{index}" for index in range(1, outputs))]
        self._graph.node.append(helper.make_node(kind, inputs, names, name, **settings))
        self.second = names[-1]
        return name

    def joined(self, maps: Sequence[str], width: int) -> str:
        """Append the concatenation of `maps` as rows of all anchors, (1, A, width)."""
        shape = self.integers(1, -1, width)
        rows = [
            self.add("Reshape", self.add("Transpose", each, perm=[0, 2, 3, 1]), shape)
            for each in maps
        ]
        return self.add("Concat", *rows, axis=1)

    def sliced(self, of: str, axis: int, start: int, end: int) -> str:
        """Append the slice of `of` from `start` to `end` along `axis`."""
        return self.add("Slice", of, *(self.integers(each) for each in (start, end, axis)))

    def integers(self, *values: int) -> str:
        """Add a constant vector; return its name."""
        return self.array(np.array(values, np.int64))

    def array(self, array: NDArray[Any] | np.generic) -> str:
        """Add a constant; return its name."""
        name = self._name("constant")
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def _name(self, kind: str) -> str:
        self._number += 1
        return f"detect/{kind}{self._number}"
