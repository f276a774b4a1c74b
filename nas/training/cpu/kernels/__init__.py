"""Kernels: the operations of a training step that torch is slow at on a CPU thread, in C.

Between two 1x1 convolutions a step is bound by memory: batch norm, activation and depthwise
convolution read and write maps of many channels, and do little with them. torch passes over such a
map some thirty times where ten suffice. The sources are compiled for the processor at their first
use, where there is a C compiler, and kept; without one, torch computes as ever.
"""

from nas.training.cpu.kernels.binding import MOST_TAPS, Kernels, NormValues, Running, Taps
from nas.training.cpu.kernels.choice import VARIABLE, kernels, serve

__all__ = [
    "MOST_TAPS",
    "VARIABLE",
    "Kernels",
    "NormValues",
    "Running",
    "Taps",
    "kernels",
    "serve",
]
