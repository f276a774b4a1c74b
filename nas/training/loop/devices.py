"""Devices: detection, setup of a worker process, and out-of-memory errors."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nas.units import plural


def default_device() -> torch.device:
    """Return the current CUDA device, or the CPU if there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """Return the name of a GPU, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def describe_devices() -> str:
    """Return a line with the CPU cores and GPUs of this machine, e.g. `2 CPU cores, no GPU`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{plural(cores or 1, 'CPU core')}, {', '.join(names) or 'no GPU'}"


def usual_threads(processes: int = 1) -> int:
    """Return the default number of CPU threads of each of `processes` that train on this machine.

    It is OMP_NUM_THREADS if set. Otherwise it is one without a GPU, and with a GPU an equal part of
    the cores, to decode images.
    """
    setting = os.environ.get("OMP_NUM_THREADS", "")
    if setting.isdigit() and int(setting) > 0:
        return int(setting)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return max(1, cores // processes) if default_device().type == "cuda" else 1


def prepare_worker(threads: int = 1) -> None:
    """Set this process up for training on `threads` CPU threads; meant for trial workers only."""
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = True


@contextmanager
def cpu_threads(number: int) -> Iterator[None]:
    """Let torch use `number` CPU threads within the block."""
    before = torch.get_num_threads()
    if before != number:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        if before != number:
            torch.set_num_threads(before)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether `error` means that the machine or a GPU is out of memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    words = ("can't allocate memory", "CUDA error: out of memory", "_STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(word in text for word in words)
