"""One thread for linear algebra while a sampler computes.

On several threads, sums are rounded in another order: proposals would depend on the number of
cores. The matrices are too small to gain from threads, which would take cores from the trials.
"""

from collections.abc import Callable
from functools import cache, wraps
from threading import RLock
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
T = TypeVar("T")

_LOCK = RLock()  # the limit is one of the process, so that one Python thread at a time may set it


def on_one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """Return `function` with BLAS limited to one thread; the earlier limit is restored after."""

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with _LOCK, _libraries().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries that numpy and scipy have loaded; the search takes 4 ms."""
    return ThreadpoolController()
