"""One thread for linear algebra while a sampler computes.

With several threads, sums are computed in another order, so that proposals would depend on the
number of cores. The matrices are too small to gain from threads, which would use cores of the
trials.
"""

from collections.abc import Callable
from functools import cache, wraps
from threading import RLock
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
T = TypeVar("T")

_LOCK = RLock()  # the limit is global to the process: only one Python thread at a time may set it


def on_one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """Return `function` with BLAS limited to one thread; it restores the earlier limit."""

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with _LOCK, _libraries().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries that numpy and scipy have loaded; the search takes 4 ms."""
    return ThreadpoolController()
