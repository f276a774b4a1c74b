"""Threads: linear algebra on one thread, and a background thread.

With one thread linear algebra gives the same numbers on every machine, and is faster. More threads
sum in another order, so that the rounding would depend on the number of cores. A matrix of a few
hundred rows is too small to share: the threads mostly wait for each other, and compete with the
trials for cores.

Background work starts a moment after a proposal, when the waiting worker has received it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, wraps
from itertools import compress
from threading import Event, Lock
from typing import Generic, ParamSpec, TypeVar

from threadpoolctl import LibController, ThreadpoolController

P = ParamSpec("P")
T = TypeVar("T")

_MOMENT = 0.2  # seconds


def on_one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """Return a version of `function` that uses one thread; the earlier setting is restored.

    The setting applies to the whole process, including its other threads, during the call.
    """

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with _limited():
            return function(*args, **kwargs)

    return limited


class _Limit:
    """The limit while any call is inside, and the earlier number of threads of each library."""

    lock = Lock()
    within = 0
    before: Sequence[int] = ()


@contextmanager
def _limited() -> Iterator[None]:
    libraries = _libraries()
    with _Limit.lock:
        if not _Limit.within:
            _Limit.before = [library.num_threads for library in libraries]
        _Limit.within += 1
        _allow(libraries, [1] * len(libraries))
    try:
        yield
    finally:
        with _Limit.lock:
            _Limit.within -= 1
            last = not _Limit.within
            # With OpenMP each thread has its own limit, otherwise the process has one.
            own = [last or getattr(each, "threading_layer", "") == "openmp" for each in libraries]
            _allow(compress(libraries, own), compress(_Limit.before, own))


def _allow(libraries: Iterable[LibController], numbers: Iterable[int]) -> None:
    """Set numbers of threads, also if another thread set them last: threadpoolctl skips others."""
    for library, number in zip(libraries, numbers, strict=True):
        heed_anyone = getattr(library, "clear_controlling_thread", lambda force: None)
        heed_anyone(force=True)
        library.set_num_threads(number)
        heed_anyone(force=True)


@cache
def _libraries() -> Sequence[LibController]:
    """Return the libraries loaded by numpy and scipy; searched once, which takes 4 ms."""
    found: Sequence[LibController] = ThreadpoolController().select(user_api="blas").lib_controllers
    return found


class Ahead(Generic[T]):
    """The future result of `compute` in `thread`, started after a moment or when requested."""

    def __init__(self, thread: ThreadPoolExecutor, compute: Callable[[], T]) -> None:
        """Queue the computation after earlier ones."""
        self._asked_for = Event()
        self._future = thread.submit(self._run, compute)

    def result(self) -> T:
        """Wait for the result."""
        self._asked_for.set()
        return self._future.result()

    def _run(self, compute: Callable[[], T]) -> T:
        self._asked_for.wait(_MOMENT)
        return compute()
