"""The readable source of one network as a file, which is run and compared with the network."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.exports.files import write_bytes
from nas.exports.format import ExportJob, Written
from nas.exports.parity import Forward
from nas.exports.source.writer import write_source


class SourceFormat:
    """PyTorch source that needs nothing of this package; its state dict has the network's keys."""

    name = "source"
    libraries = ()
    settings = ()

    def write(self, job: ExportJob, directory: Path) -> Written:
        """Write `network.py`.

        Raises:
            ExportError: the network that it builds disagrees with ours.
        """
        path = directory / "network.py"
        text = write_source(job.request, job.layers)
        write_bytes(path, text.encode())
        parity = job.compare(run_source(text, job.network.state_dict()), "the source file")
        return Written((path,), parity)


FORMAT = SourceFormat()


def run_source(text: str, weights: Mapping[str, Tensor]) -> Forward:
    """Return the network that a source file builds, with `weights`: images to logits.

    Raises:
        RuntimeError: the weights do not fit it.
    """
    module: dict[str, Any] = {"__name__": "network"}
    exec(compile(text, "network.py", "exec"), module)  # our own text, as the user will run it
    build: Callable[[], nn.Module] = module["build"]
    network = build()
    network.load_state_dict(weights)
    network.eval()

    def forward(images: Tensor) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = network(images)
        return logits

    return forward
