"""Runtimes: what runs a network to be timed, on one device with a fixed number of threads."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nas.errors import NasError
from nas.latency import DEVICES, USE_DEVICE, Device
from nas.layers import Layer

RUNTIMES = ("onnxruntime", "torch")
Run = Callable[[], None]
Profile = Mapping[str, float]


class Runtime(Protocol):
    """Runs networks on one device."""

    @property
    def device(self) -> Device:
        """What it runs on."""
        ...

    def load(self, layers: Sequence[Layer]) -> Run:
        """Return what computes the network of `layers` once, at batch 1, to its end."""
        ...

    def profile(self, layers: Sequence[Layer], runs: int) -> list[Profile]:
        """Return the nanoseconds of each layer by name, for each of `runs` runs.

        `layers` may be several networks beside each other, each with a prefix of its own up to the
        first dot. What a runtime does between two layers belongs to one of them; what it does at
        the ends of a network to none. Layers that a runtime fuses into another have no entry.
        """
        ...


def open_runtime(device: str, runtime: str | None = None, threads: int = 1) -> Runtime:
    """Return a runtime by name, the usual one of the device where none is named.

    Raises:
        NasError: there is no such device or runtime, or it is not here.
    """
    if device not in DEVICES:
        raise NasError(f"there is no device {device!r}.", USE_DEVICE)
    runtime = runtime or ("onnxruntime" if device == "cpu" else "torch")
    if runtime not in RUNTIMES:
        raise NasError(f"there is no runtime {runtime!r}.", f"Use {' or '.join(RUNTIMES)}.")
    available = os.cpu_count() or 1
    if not 1 <= threads <= available:
        raise NasError(
            f"{threads} threads cannot run at a time: this machine has {available} CPU cores.",
            f"Give --threads 1 to {available}.",
        )
    if runtime == "onnxruntime":
        if device != "cpu":
            raise NasError(
                "onnxruntime measures on the CPU only.", f"Use --runtime torch for {device}."
            )
        from nas.train.latency.onnx_runtime import OnnxRuntime

        return OnnxRuntime(threads)
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise NasError(
            "latency@cuda cannot be measured: PyTorch finds no GPU on this machine.",
            "Use latency@cpu, or start on a machine with a GPU.",
        )
    from nas.train.latency.torch_runtime import TorchRuntime

    return TorchRuntime(torch.device(device), threads)


def cpu_name() -> str:
    """Return the processor's own name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return next(iter(names), "") or platform.processor() or platform.machine()
