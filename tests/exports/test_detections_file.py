"""The ONNX file with detections: PyTorch's boxes, at every opset, and refused for a classifier."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from nas.errors import ExportError
from nas.exports import export_network
from nas.exports.request import OPSETS, ExportRequest
from nas.space import Shape, SSDLite
from nas.training import DetectionFilter, decoded, select
from nas.training.network.module import build

FORMATS = ["detections", "weights"]


@pytest.fixture
def detector(plain: ExportRequest) -> ExportRequest:
    shape = Shape(3, 64, 48)
    return replace(
        plain, input=shape, classes=3, deployment=shape, deployment_classes=3, head=SSDLite()
    )


@pytest.mark.parametrize("opset", [OPSETS[0], 17, OPSETS[-1]])
def test_the_file_finds_the_boxes_of_pytorch(
    detector: ExportRequest, opset: int, tmp_path: Path
) -> None:
    export_network(replace(detector, opset=opset), tmp_path / "out", formats=FORMATS)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "detections.onnx")
    image = torch.randn(1, *detector.input, generator=torch.Generator().manual_seed(3))
    boxes, scores, classes = session.run(None, {"images": image.numpy()})
    assert boxes.shape == (len(scores), 4)
    assert 0.0 <= boxes.min() <= boxes.max() <= 1.0
    assert (np.diff(scores) <= 0).all()
    network = build(detector.layers()).eval()
    network.load_state_dict(load_file(tmp_path / "out" / "weights.safetensors"))
    with torch.inference_mode():
        corners, probable = decoded(network(image), 3)
    first = select(corners[0], probable[0], DetectionFilter())[0].numpy()
    assert (classes[0] + 1, *boxes[0]) == pytest.approx((first[0], *first[2:]), abs=1e-3)
    assert scores[0] == pytest.approx(first[1], abs=1e-4)


def test_a_classifier_has_no_detections(plain: ExportRequest, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is not a detector"):
        export_network(plain, tmp_path / "out", formats=FORMATS)
    assert not (tmp_path / "out").exists()
