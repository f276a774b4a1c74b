"""The source file of one network; it is run, and its outputs are compared with the network."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.exports.format import ExportJob, Written
from nas.exports.parity import Forward, Outputs
from nas.exports.source.writer import write_source
from nas.files import write_bytes


class SourceFormat:
    """PyTorch source that does not import this package, with the same state dict keys."""

    name = "source"
    libraries = ()
    settings = ()

    def write(self, job: ExportJob, directory: Path) -> Written:
        """Write `network.py`.

        Raises:
            ExportError: the file computes other outputs than the network.
        """
        path = directory / "network.py"
        text = write_source(job.request, job.layers)
        write_bytes(path, text.encode())
        parity = job.compare(run_source(text, job.network.state_dict()), "the source file")
        return Written((path,), parity)


FORMAT = SourceFormat()


def run_source(text: str, weights: Mapping[str, Tensor]) -> Forward:
    """Return a function from images to outputs that runs a source file with `weights`.

    Raises:
        RuntimeError: the weights have other names or shapes.
    """
    module: dict[str, Any] = {"__name__": "network"}
    exec(compile(text, "network.py", "exec"), module)  # the text comes from `write_source`
    build: Callable[[], nn.Module] = module["build"]
    network = build()
    network.load_state_dict(weights)
    network.eval()

    def forward(images: Tensor) -> Outputs:
        with torch.inference_mode():
            outputs: Outputs = network(images)
        return outputs

    return forward
