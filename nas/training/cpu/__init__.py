"""What makes training quicker on one CPU thread; a room with one door, `accelerate`.

Worker processes call it, and nothing outside this package depends on it: without it results are the
same, up to rounding. Whatever is missing (a compiler, a cache to write to, a processor that is
known) leaves the network to PyTorch.
"""

import os

import torch
from torch import Tensor, nn

from nas.training.cpu.kernels import Kernels, kernels
from nas.training.cpu.memory import keep_freed_memory
from nas.training.cpu.substitutes import substitutes_of
from nas.training.network.module import Network

__all__ = ["VARIABLE", "accelerate"]

VARIABLE = "NAS_CPU"  # of the environment; "plain" leaves everything to PyTorch
_PLAIN = "plain"


def accelerate(network: Network) -> str:
    """Let `network` train faster on the one CPU thread of this worker process.

    Return why PyTorch alone computes it, as one line; empty where it does not, or on a GPU. The
    process keeps the memory that it frees from now on.
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
    network.substitute(substitutes_of(network, native), _serve)
    return ""


def _serve(network: nn.Module, x: Tensor) -> bool:
    """Tell whether the substitutes may compute `x`: they know float32 and one thread alone.

    Their inference knows no gradients.
    """
    differentiable = network.training or not torch.is_grad_enabled()
    single = x.dtype is torch.float32 and x.device.type == "cpu" and torch.get_num_threads() == 1
    return differentiable and single
