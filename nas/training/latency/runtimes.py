"""Open a runtime to time networks, on one device with a fixed number of threads."""

import os

from nas.cost import DEVICES, USE_DEVICE
from nas.errors import NasError
from nas.training.latency.runtime import Runtime

RUNTIMES = ("onnxruntime", "torch")


def open_runtime(device: str, runtime: str | None = None, threads: int = 1) -> Runtime:
    """Return a runtime by name, by default the usual one of the device.

    Raises:
        NasError: there is no such device or runtime, or it is not available.
    """
    if device not in DEVICES:
        raise NasError(f"there is no device {device!r}.", USE_DEVICE)
    runtime = runtime or ("onnxruntime" if device == "cpu" else "torch")
    if runtime not in RUNTIMES:
        raise NasError(f"there is no runtime {runtime!r}.", f"Use {' or '.join(RUNTIMES)}.")
    available = os.cpu_count() or 1
    if not 1 <= threads <= available:
        raise NasError(
            f"{threads} threads cannot run in parallel: this machine has {available} CPU cores.",
            f"Give --threads 1 to {available}.",
        )
    if runtime == "onnxruntime":
        if device != "cpu":
            raise NasError(
                "onnxruntime measures on the CPU only.", f"Use --runtime torch for {device}."
            )
        from nas.training.latency.onnx_runtime import OnnxRuntime

        return OnnxRuntime(threads)
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise NasError(
            "latency@cuda cannot be measured: PyTorch finds no GPU on this machine.",
            "Use latency@cpu, or use a machine with a GPU.",
        )
    from nas.training.latency.torch_runtime import TorchRuntime

    return TorchRuntime(torch.device(device), threads)
