"""Check that a library of kernels runs on this processor and gives correct results.

    python -I trial_call.py LIBRARY

It calls one function of each source and exits with 0 if the results are right. It loads neither
torch nor this package, so that it takes only milliseconds.
"""

import ctypes
import sys

_PIXELS, _CHANNELS = 16, 24


def _floats(values: list[float]) -> ctypes.Array[ctypes.c_float]:
    return (ctypes.c_float * len(values))(*values)


def _apply(library: ctypes.CDLL) -> bool:
    """Normalise a map to 2 * (x - 1) * 0.5 + 3, limited to [0, 6]."""
    x = [float((7 * place) % 23 - 11) for place in range(_PIXELS * _CHANNELS)]
    given, found = _floats(x), _floats([0.0] * len(x))
    norm = [_floats([value] * _CHANNELS) for value in (2.0, 3.0, 1.0, 0.5)]
    failed = library.norm_apply(
        given, found, ctypes.c_ssize_t(_PIXELS), ctypes.c_ssize_t(_CHANNELS), *norm,
        ctypes.c_float(0.0), ctypes.c_float(6.0),
    )  # fmt: skip
    expected = [min(max(value + 2.0, 0.0), 6.0) for value in x]
    return not failed and max(abs(a - b) for a, b in zip(found, expected, strict=True)) < 1e-5


def _depthwise(library: ctypes.CDLL) -> bool:
    """Convolve a map of ones, 4x4, with a 3x3 kernel of ones: each pixel counts its neighbours."""
    side = 4
    given, found = (_floats([value] * side * side * _CHANNELS) for value in (1.0, 0.0))
    shape = (ctypes.c_ssize_t * 9)(1, side, side, _CHANNELS, 3, 1, 1, side, side)
    weights = _floats([1.0] * 9 * _CHANNELS)
    failed = library.depthwise_forward(
        given, found, shape, weights, None, None, None, None,
        ctypes.c_double(0.0), ctypes.c_double(0.0), None, None,
    )  # fmt: skip
    edges = [2.0, 3.0, 3.0, 2.0]
    expected = [a * b for a in edges for b in edges for _ in range(_CHANNELS)]
    return not failed and list(found) == expected


if __name__ == "__main__":
    _library = ctypes.CDLL(sys.argv[1])
    if not (_apply(_library) and _depthwise(_library)):
        sys.exit("its results are wrong")
