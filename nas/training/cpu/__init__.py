"""Faster training on one CPU thread: `accelerate`, and `without_kernels` for a diagnosis.

Worker processes call `accelerate`. It changes no result except by rounding. If the kernels cannot
be compiled or run, PyTorch computes the network.
"""

import os

import torch
from torch import Tensor, nn

from nas.training.cpu.kernels import Kernels, kernels
from nas.training.cpu.memory import keep_freed_memory
from nas.training.cpu.substitutes import substitutes_of
from nas.training.network.module import Network

__all__ = ["VARIABLE", "accelerate", "without_kernels"]

VARIABLE = "NAS_CPU"  # an environment variable; with "plain", PyTorch computes all layers
_PLAIN = "plain"


def without_kernels() -> str:
    """Return the reason why the kernels cannot be compiled or run here, in one line; else empty."""
    native = kernels()
    return "" if isinstance(native, Kernels) else native


def accelerate(network: Network) -> str:
    """Speed up the training of `network` on the one CPU thread of this worker process.

    Return the reason, in one line, if PyTorch computes all its layers; empty if it does not, or on
    a GPU. From now on the process keeps freed memory.
    """
    named = os.environ.get(VARIABLE, "")
    if named:
        known = "" if named == _PLAIN else f", which is not known; the only value is {_PLAIN}"
        return f"{VARIABLE}={named}{known}"
    keep_freed_memory()
    if next(network.parameters()).device.type != "cpu":
        return ""
    if torch.get_num_threads() != 1:
        return f"the training has {torch.get_num_threads()} CPU threads"
    native = kernels()
    if not isinstance(native, Kernels):
        return native
    network.substitute(substitutes_of(network, native), _applies)
    return ""


def _applies(network: nn.Module, x: Tensor) -> bool:
    """Tell whether the substitutes can compute `x`: only float32, on one thread.

    They compute gradients only in training mode.
    """
    differentiable = network.training or not torch.is_grad_enabled()
    single = x.dtype is torch.float32 and x.device.type == "cpu" and torch.get_num_threads() == 1
    return differentiable and single
