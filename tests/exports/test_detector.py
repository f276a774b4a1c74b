"""Exports of a detector: every map of source and ONNX is that of the network."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest
import torch

from nas.errors import ExportError
from nas.exports import export_network
from nas.exports.parity import compare, reference
from nas.exports.request import ExportRequest
from nas.space import Shape, SSDLite, outputs_of
from nas.training.network.module import build

Maps = tuple[torch.Tensor, ...]


@pytest.fixture
def detector(plain: ExportRequest) -> ExportRequest:
    shape = Shape(3, 40, 32)
    return replace(
        plain, input=shape, classes=3, deployment=shape, deployment_classes=3, head=SSDLite()
    )


def test_source_and_onnx_compute_every_map(detector: ExportRequest, tmp_path: Path) -> None:
    files = export_network(detector, tmp_path / "out")
    assert {"network.py", "network.onnx", "card.json"} <= {file.name for file in files}
    session = onnxruntime.InferenceSession(tmp_path / "out" / "network.onnx")
    outputs = {each.name: tuple(each.shape[1:]) for each in session.get_outputs()}
    expected = outputs_of(detector.layers())
    assert list(outputs.values()) == [tuple(layer.shape) for layer in expected]
    assert list(outputs)[:2] == ["box_heads.0/conv", "class_heads.0/conv"]
    source = (tmp_path / "out" / "network.py").read_text()
    assert "class BoxHead(nn.Module)" in source
    assert "12 maps" in source
    assert "maps = network(images)" in source


@pytest.mark.parametrize(
    "change",
    [
        lambda maps: (*maps[:-1], maps[-1] + 0.1),
        lambda maps: maps[::-1],
        lambda maps: maps[:-1],
        lambda maps: (maps[0].roll(1, dims=3), *maps[1:]),
        lambda maps: (*maps[:-1], maps[-1] * float("nan")),
    ],
    ids=["last map off", "order", "a map lost", "moved by a pixel", "nan"],
)
def test_a_difference_in_one_map_is_found(
    detector: ExportRequest, change: Callable[[Maps], Maps]
) -> None:
    network = build(detector.layers(), torch.Generator().manual_seed(0))
    expected = reference(network, detector.input)
    with torch.inference_mode(), pytest.raises(ExportError, match="it disagrees with PyTorch"):
        compare(expected, lambda x: change(network(x)), "it")
