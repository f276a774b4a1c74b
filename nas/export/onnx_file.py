"""An ONNX file of one network: written under another name, checked, then named.

Input `images`, float32 (batch, C, H, W), normalised as in training; output `logits`, float32
(batch, classes). The batch is dynamic. The weights are inside the file.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from nas.errors import ExportError
from nas.export.files import write_bytes
from nas.export.parity import Forward, Parity, Reference, compare

INPUT = "images"
OUTPUT = "logits"


def write_onnx(
    network: nn.Module, path: Path, expected: Reference, properties: Mapping[str, str]
) -> Parity:
    """Write `network` to `path` once the file, read back, computes the logits `expected`.

    Args:
        network: on the CPU, in eval mode.
        path: the final name; nothing stands there unless the check passed.
        expected: the probes and the logits of `network`.
        properties: what the file says of itself, by key.

    Raises:
        ExportError: the network cannot be converted, or the file disagrees with it.
    """
    model = convert(network, expected.ordinary[0][0].shape[1:])
    onnx.helper.set_model_props(model, dict(properties))
    temporary = path.with_name(f".{path.name}.part")
    try:
        write_bytes(temporary, model.SerializeToString())
        parity = compare(expected, load(temporary), "the ONNX file")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return parity


def convert(network: nn.Module, shape: torch.Size) -> onnx.ModelProto:
    """Return the ONNX model of `network` for images of `shape` (C, H, W).

    Raises:
        ExportError: PyTorch's exporter refuses the network.
    """
    example = torch.zeros(2, *shape)  # a batch of 1 would be taken for a constant
    try:
        with _silence():
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                verbose=False,
                external_data=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
    except torch.onnx.OnnxExporterError as error:
        raise ExportError(
            f"PyTorch cannot export this network to ONNX: {str(error).splitlines()[0]}",
            "Use torch and onnxscript in the versions of constraints.txt.",
        ) from error
    assert program is not None  # it is where no file name was given
    model: onnx.ModelProto = program.model_proto
    _forget_traces(model.graph)
    onnx.checker.check_model(model)
    return model


def load(path: Path) -> Forward:
    """Return the function that onnxruntime reads from a file: images to logits, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def forward(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])

    return forward


def _forget_traces(graph: onnx.GraphProto) -> None:
    """Drop the exporter's notes: they hold the paths of source files on this machine."""
    graph.ClearField("metadata_props")
    for values in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer):
        for value in values:
            value.ClearField("metadata_props")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporter's progress and warnings off the terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
