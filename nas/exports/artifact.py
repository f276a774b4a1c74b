"""Artifact: an exported network, read from its card and its ONNX file, that runs on images."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas.errors import ExportError
from nas.exports.bundle import CARD
from nas.exports.onnx_file import FILE, session_of
from nas.space import Shape, parse_input
from nas.storage import file_sha256


@dataclass(frozen=True)
class Artifact:
    """A trained network: input, normalisation of pixels, classes, and session of onnxruntime.

    `mean` and `std` are those of the pixels scaled to [0, 1], one for each channel.
    """

    input: Shape
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...]
    session: Any

    @property
    def detects(self) -> bool:
        """Whether the outputs are maps of boxes and classes; otherwise they are logits."""
        return len(self.session.get_outputs()) > 1

    def run(self, images: Tensor) -> list[Tensor]:
        """Return the outputs for images (N, C, H, W), normalised as in training."""
        name = self.session.get_inputs()[0].name
        found = self.session.run(None, {name: images.numpy().astype(np.float32)})
        return [torch.from_numpy(each) for each in found]


def open_artifact(directory: Path) -> Artifact:
    """Return the exported network in `directory`.

    Raises:
        ExportError: there is no export; its ONNX file is missing or differs from its card; or its
            network is not trained or has no class names.
    """
    remedy = "Export it: nas export STUDY --best -o DIR"
    try:
        card = json.loads((directory / CARD).read_text(encoding="utf-8"))
        files = {entry["name"]: entry["sha256"] for entry in card["files"]}
        network, scaled = card["network"], card["normalisation"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        cause = f"{directory} is not an export: it has no readable {CARD}."
        raise ExportError(cause, remedy) from error
    model = directory / FILE
    if FILE not in files or not model.is_file():
        raise ExportError(f"{directory} has no {FILE}.", "Export it with --format onnx as well.")
    if file_sha256(model) != files[FILE]:
        raise ExportError(f"{model} is not the file that {CARD} describes.", remedy)
    if scaled is None or not network["class_names"]:
        why = "is not trained" if scaled is None else "has no classes"
        raise ExportError(
            f"the network in {directory} {why}.", "Name the export of a trained network."
        )
    return Artifact(
        parse_input(network["input"]), tuple(scaled["mean"]), tuple(scaled["std"]),
        tuple(network["class_names"]), session_of(model),
    )  # fmt: skip
