"""The ONNX file of a detector with its post-processing, for one image.

The input is `images`, float32 (1, C, H, W), normalised as in training. The outputs are `boxes`
(D, 4): left, top, right and bottom as shares of the image; `scores` (D,), the best first; and
`classes` (D,), counted from 0.
"""

from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor

from nas.errors import ExportError
from nas.exports.format import ExportJob, Written
from nas.exports.onnx_file import convert, load, properties_of
from nas.exports.parity import Parity, Reference, compare
from nas.files import write_bytes
from nas.space import SSDLite
from nas.training import DetectionFilter, add_detections, decoded, select

_COMMON = 0.95  # share of the detections that must be equal


class DetectionsFormat:
    """An ONNX file whose outputs are detections, checked with onnxruntime."""

    name = "detections"
    libraries = ("onnx", "onnxruntime")
    settings = ("opset",)

    def write(self, job: ExportJob, directory: Path) -> Written:
        """Write `detections.onnx`.

        Raises:
            ExportError: the network is not a detector, or the file finds other boxes than PyTorch.
        """
        request, path = job.request, directory / "detections.onnx"
        if not isinstance(request.head, SSDLite):
            raise ExportError(
                f"{request.name} has no detections: it is not a detector.",
                "Leave the format detections out, or export a network of a detection task.",
            )
        model = convert(job.network, job.layers, request.opset, batch=1)
        every = add_detections(model, job.layers)
        onnx.checker.check_model(model, full_check=True)
        parity = _check(model, every, job)
        onnx.helper.set_model_props(model, properties_of(request))
        write_bytes(path, model.SerializeToString())
        return Written((path,), parity, {"opset": model.opset_import[0].version})


FORMAT = DetectionsFormat()


def _check(model: onnx.ModelProto, every: tuple[str, str], job: ExportJob) -> Parity:
    """Compare the boxes and probabilities of all anchors with PyTorch, then the detections.

    The first image of each probe is used. PyTorch selects from the boxes of the file, because the
    selection may depend on rounding.

    Raises:
        ExportError: boxes, probabilities or detections differ.
    """
    whole = onnx.ModelProto.FromString(model.SerializeToString())
    for name in every:
        whole.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    run = load(whole.SerializeToString())

    def boxes(image: Tensor) -> tuple[Tensor, Tensor]:
        *selected, corners, columns = run(image)
        probabilities = columns.transpose(1, 2)
        if image.any() and not _same_detections(selected, corners[0], probabilities[0]):
            raise ExportError(
                "the detections of the ONNX file differ from those of PyTorch.",
                "No file was kept. Try again with the library versions of constraints.txt.",
            )
        return corners, probabilities

    ordinary, large = (
        tuple((x[:1], decoded([each[:1] for each in y], job.request.classes)) for x, y in pairs)
        for pairs in (job.expected.ordinary, job.expected.large)
    )
    return compare(Reference(ordinary, large), boxes, "the ONNX file")


def _same_detections(found: Sequence[Tensor], corners: Tensor, probabilities: Tensor) -> bool:
    """Tell whether PyTorch selects nearly all of the boxes, scores and classes `found`.

    Some may differ, because PyTorch adds an offset for each class to the boxes, which rounds them.
    """
    boxes, scores, classes = found
    wanted = set(map(tuple, select(corners, probabilities, DetectionFilter()).tolist()))
    rows = torch.cat([classes[:, None] + 1.0, scores[:, None], boxes], 1)
    common = wanted & set(map(tuple, rows.tolist()))
    most = max(len(wanted), len(rows))
    return len(common) >= _COMMON * most and bool((scores[1:] <= scores[:-1]).all())
