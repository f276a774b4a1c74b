"""The ONNX file of one network: written under a temporary name, checked, then renamed.

The input is `images`, float32 (batch, C, H, W), normalised as in training. The output is `logits`,
float32 (batch, classes), or several maps with the names of their layers. The batch size is dynamic.
The weights are inside the file, with the batch normalisations folded into them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import onnxruntime
import torch
from torch import Tensor

from nas.exports.format import ExportJob, Written
from nas.exports.parity import Forward, Outputs, Parity, Reference, compare
from nas.exports.request import ExportRequest
from nas.files import write_bytes
from nas.space import Layer, outputs_of
from nas.training import Network, folded_weights, onnx_model

FILE = "network.onnx"
INPUT = "images"
OUTPUT = "logits"


class OnnxFormat:
    """An ONNX file, checked with onnxruntime."""

    name = "onnx"
    libraries = ("onnx", "onnxruntime")
    settings = ("opset",)

    def write(self, job: ExportJob, directory: Path) -> Written:
        """Write `network.onnx`.

        Raises:
            ExportError: the file computes other outputs than the network.
        """
        path = directory / FILE
        model = convert(job.network, job.layers, job.request.opset)
        parity = write_onnx(model, path, job.expected, properties_of(job.request))
        details = {"opset": model.opset_import[0].version, "ir_version": model.ir_version}
        return Written((path,), parity, details)


FORMAT = OnnxFormat()


def convert(
    network: Network, layers: Sequence[Layer], opset: int, batch: int | str = "batch"
) -> onnx.ModelProto:
    """Return the ONNX model of `network`, on the CPU, for `batch` images (see `onnx_model`)."""
    outputs = outputs_of(layers)
    names = {layers[0].name: INPUT, **({outputs[0].name: OUTPUT} if len(outputs) == 1 else {})}
    weights = folded_weights(network, layers)
    model = onnx_model(layers, weights, opset, batch=batch, names=names)
    onnx.checker.check_model(model, full_check=True)
    return model


def write_onnx(
    model: onnx.ModelProto, path: Path, expected: Reference, properties: Mapping[str, str]
) -> Parity:
    """Write `model` to `path` if the file computes the output `expected`.

    Args:
        model: from `convert`.
        path: the final name; it is written only if the check passed.
        expected: the probes and the output of the network.
        properties: the metadata of the file.

    Raises:
        ExportError: the file computes other outputs than the network.
    """
    onnx.helper.set_model_props(model, dict(properties))
    temporary = path.with_name(f".{path.name}.part")
    try:
        write_bytes(temporary, model.SerializeToString())
        parity = compare(expected, load(temporary), "the ONNX file")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return parity


def load(path: Path | bytes) -> Forward:
    """Return a function from images to outputs that runs a model in onnxruntime, on the CPU.

    `path` is a file, or the content of one.
    """
    session = session_of(path)

    def forward(images: Tensor) -> Outputs:
        found = [torch.from_numpy(each) for each in session.run(None, {INPUT: images.numpy()})]
        return found if len(found) > 1 else found[0]

    return forward


def session_of(path: Path | bytes) -> onnxruntime.InferenceSession:
    """Return a session of onnxruntime on the CPU for a file, or for the content of one."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def properties_of(request: ExportRequest) -> dict[str, str]:
    """Return the metadata of the file of a network."""
    properties = {
        "name": request.name,
        "space": request.space.name,
        "arch_id": request.architecture.arch_id,
        "architecture": request.architecture.text,
        "trained": "yes" if request.training else "no",
    }
    if request.training:
        properties["mean"] = json.dumps(request.training.mean)
        properties["std"] = json.dumps(request.training.std)
        properties["class_names"] = json.dumps(request.training.class_names, ensure_ascii=False)
    return properties
