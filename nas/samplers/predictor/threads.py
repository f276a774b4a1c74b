"""One thread for linear algebra: the same numbers on every machine, and sooner.

On more threads sums are rounded in another order, so that what is believed would depend on the
number of cores. A matrix of a few hundred rows is too small to share out: the threads mostly wait
for one another, and take the cores from the trials that are being trained.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
T = TypeVar("T")


def on_one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """Return `function` as one that computes on one thread, this process's setting put back after.

    The setting is the whole process's: linear algebra in its other threads has one thread as long.
    """

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with _libraries().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries that numpy and scipy have loaded, looked for once: that takes 4 ms."""
    return ThreadpoolController()
