"""onnxruntime on the CPU, with default optimisations and its own kernel profile.

It computes convolutions in its own layout (NCHWc) if their channels allow it, and reorders the map
before other layers, for example a shuffle. The time of a layer alone would include both
reorderings. So layers are timed inside blocks, and a reordering counts for an adjacent layer.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from nas.cost import Device
from nas.errors import NasError
from nas.space import Input, Layer
from nas.training.latency.runtime import Profile, Run, cpu_name, networks
from nas.training.network.folded import Arrays, folded_weights
from nas.training.network.module import build
from nas.training.network.onnx_graph import onnx_model

_OPSET = 17
_WARM_UP = 2


class OnnxRuntime:
    """Runs networks with onnxruntime's CPU provider, with `threads` threads per operator."""

    def __init__(self, threads: int = 1) -> None:
        """Describe the device."""
        version = onnxruntime.__version__
        self.device = Device("cpu", cpu_name(), "onnxruntime", version, threads)

    def load(self, layers: Sequence[Layer]) -> Run:
        """Return a function that computes the network of `layers` once."""
        return self._load(layers, self._options())[0]

    def profile(self, layers: Sequence[Layer], runs: int) -> list[Profile]:
        """Return the nanoseconds of each layer by name, for each of `runs` runs."""
        with tempfile.TemporaryDirectory(prefix="nas-latency-") as directory:
            options = self._options()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(directory) / "profile")
            run, session = self._load(layers, options)
            for _ in range(_WARM_UP + runs):
                run()
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        kernels = [event for event in events if event.get("cat") == "Node"]
        each, rest = divmod(len(kernels), _WARM_UP + runs)
        if rest or not each:
            raise NasError(
                f"ONNX Runtime {onnxruntime.__version__} recorded {len(kernels)} kernels in "
                f"{_WARM_UP + runs} runs, a different number in each.",
                "Measure with --runtime torch, or install another version of onnxruntime.",
            )
        owners = list(_owners([event["name"] for event in kernels[:each]], layers))
        return [
            _sum(owners, kernels[start : start + each])
            for start in range(_WARM_UP * each, len(kernels), each)
        ]

    def _options(self) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.device.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        return options

    def _load(self, layers: Sequence[Layer], options: Any) -> tuple[Run, Any]:
        weights: dict[str, Arrays] = {}
        for part in networks(layers):  # the values of the weights do not affect the time
            weights |= folded_weights(build(part, torch.Generator().manual_seed(0)).eval(), part)
        model = onnx_model(layers, weights, _OPSET).SerializeToString()
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        shapes = [each.shape for each in layers if isinstance(each, Input)]
        feeds = {
            put.name: np.random.default_rng(0).standard_normal((1, *shape), dtype=np.float32)
            for put, shape in zip(session.get_inputs(), shapes, strict=True)
        }

        def run() -> None:
            session.run(None, feeds)

        return run, session


def _owners(kernels: Sequence[str], layers: Sequence[Layer]) -> Iterator[str | None]:
    """Yield the layer to which each kernel of one run is assigned, None at the ends of a network.

    A reordering into onnxruntime's layout is assigned to the layer before it, a reordering out of
    it to the layer after it.
    """
    names = {layer.name for layer in layers}
    known = [_layer(kernel, names) for kernel in kernels]
    before: str | None = None
    following = known[:]
    for index in reversed(range(len(known) - 1)):
        following[index] = known[index] or following[index + 1]
    for kernel, own, after in zip(kernels, known, following, strict=True):
        if own is not None:
            before = own
            yield own
        elif before is None or after is None or _network(before) != _network(after):
            yield None
        else:
            yield after if kernel.startswith("ReorderOutput") else before


def _layer(kernel: str, names: set[str]) -> str | None:
    """Return the layer of a kernel by its name, None for a kernel without a layer."""
    name = kernel.removesuffix("_kernel_time").removesuffix("_nchwc").replace("/", ".")
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name or None


def _network(name: str) -> str:
    return name.partition(".")[0]


def _sum(owners: Sequence[str | None], kernels: Sequence[dict[str, Any]]) -> Profile:
    """Return the nanoseconds of each layer in one run; the profile is in microseconds."""
    spent: dict[str, float] = {}
    for owner, kernel in zip(owners, kernels, strict=True):
        if owner is not None:
            spent[owner] = spent.get(owner, 0.0) + 1000.0 * kernel["dur"]
    return spent
