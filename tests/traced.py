"""The memory that the result of a call keeps."""

import gc
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def kept_bytes(make: Callable[[], Result]) -> tuple[Result, int]:
    """Return the result of `make`, and the bytes that it allocated and that are still in use."""
    gc.collect()
    tracemalloc.start()
    try:
        result = make()
        gc.collect()
        return result, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
