"""Kernels in C for the operations of a training step that torch computes slowly on one CPU thread.

Between two 1x1 convolutions a step is memory-bound: batch norm, activation and depthwise
convolution read and write maps of many channels, with little arithmetic. torch reads or writes such
a map about thirty times; ten times suffice. The sources are compiled for the processor at their
first use, if there is a C compiler, and cached.
"""

from functools import cache

from nas.training.cpu.kernels.binding import MOST_TAPS, Kernels, NormValues, Running, Taps
from nas.training.cpu.kernels.compiled import NoLibraryError, compiled_library

__all__ = ["MOST_TAPS", "Kernels", "NormValues", "Running", "Taps", "kernels"]


@cache
def kernels() -> Kernels | str:
    """Return the kernels of this process, or the reason why they are not available."""
    try:
        return Kernels(compiled_library())
    except NoLibraryError as error:
        return str(error)
