"""The export of one network: a directory that is complete and checked, or is not there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.cost import total_cost
from nas.errors import ExportError
from nas.exports.card import Counts, Evidence, make_card
from nas.exports.files import publish, staging, write_bytes
from nas.exports.onnx_file import convert, write_onnx
from nas.exports.parity import Forward, reference
from nas.exports.parity import compare as compare_logits
from nas.exports.request import ExportRequest
from nas.exports.source.writer import write_source
from nas.exports.weights import load_weights, prepare_weights
from nas.space import Layer, Shape
from nas.training import cpu_threads, fvcore_cost

FILES = ("network.py", "weights.safetensors", "network.onnx", "card.json")


def export_network(request: ExportRequest, directory: Path, force: bool = False) -> list[Path]:
    """Write the files of one network into `directory` and return their paths.

    Everything is written and checked in a hidden directory beside it, which is renamed at the end;
    whatever goes wrong, an interruption included, `directory` stays as it was. `force` replaces an
    earlier export, never anything else.

    Raises:
        ExportError: the directory may not or cannot be written, the weights do not fit, the two
            counts differ, or a file does not compute what the network computes.
        WeightsError: the trained weights are missing or were changed.
    """
    target = check_target(directory, force)
    try:
        with staging(target) as part, cpu_threads(1):  # more wait for each other at batch 1
            _write(request, part)
            publish(part, target)
    except OSError as error:
        raise ExportError(
            f"{target} cannot be written: {error.strerror or error}.",
            "Give a directory that you may write to, on a disk with room.",
        ) from error
    return [target / name for name in FILES]


def check_target(directory: Path, force: bool = False) -> Path:
    """Return the absolute path of a directory that may be written.

    A missing or empty one may; with `force` also one that holds an earlier export and nothing else.

    Raises:
        ExportError: it may not.
    """
    target = directory.resolve()
    try:
        if not target.exists():
            return target
        if not target.is_dir():
            raise ExportError(f"{target} is a file.", "Give the path of a new directory.")
        found = sorted(entry.name for entry in target.iterdir())
    except OSError as error:
        raise ExportError(
            f"{target} cannot be read: {error.strerror}.", "Give the path of a new directory."
        ) from error
    others = [name for name in found if name not in FILES and name != "__pycache__"]
    if others:
        raise ExportError(
            f"{target} holds other files: {', '.join(others[:3])}.",
            "Give the path of a new directory; --force replaces earlier exports only.",
        )
    if found and not force:
        raise ExportError(
            f"{target} holds an export already.", "Give another directory, or add --force."
        )
    return target


def _write(request: ExportRequest, part: Path) -> None:
    source_file, weights_file, onnx_file, card_file = (part / name for name in FILES)
    layers = request.layers()
    counted = request.deployment_layers()
    exported = _count(layers, request.input, request.classes)
    deployment = exported
    if counted != layers:
        deployment = _count(counted, request.deployment, request.deployment_classes)
    network = prepare_weights(request, layers, weights_file)
    expected = reference(network, request.input)
    text = write_source(request, layers)
    write_bytes(source_file, text.encode())
    source = compare_logits(expected, run_source(text, weights_file), "the source file")
    model = convert(network, layers, request.opset)
    onnx = write_onnx(model, onnx_file, expected, _properties(request))
    versions = (model.opset_import[0].version, model.ir_version)
    evidence = Evidence(exported, deployment, source, onnx, *versions)
    card = make_card(request, evidence, [source_file, weights_file, onnx_file])
    write_bytes(card_file, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())


def run_source(text: str, weights: Path) -> Forward:
    """Return the network that a source file builds, with `weights`: images to logits.

    Raises:
        ExportError: the weights do not fit it.
    """
    module: dict[str, Any] = {"__name__": "network"}
    exec(compile(text, "network.py", "exec"), module)  # our own text, as the user will run it
    build: Callable[[], nn.Module] = module["build"]
    network = build()
    load_weights(network, weights)
    network.eval()

    def forward(images: Tensor) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = network(images)
        return logits

    return forward


def _count(layers: list[Layer], shape: Shape, classes: int) -> Counts:
    """Count a network by our arithmetic and by fvcore, and insist that they agree."""
    counts = Counts(shape, classes, total_cost(layers), fvcore_cost(layers, shape))
    if counts.nas != counts.fvcore:
        raise ExportError(
            f"the counts at {shape} differ: ours {counts.nas}, fvcore's {counts.fvcore}.",
            "Nothing was exported. Please report this with the architecture.",
        )
    return counts


def _properties(request: ExportRequest) -> dict[str, str]:
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
