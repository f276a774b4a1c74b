"""Threads: one for linear algebra, and one for what is computed ahead.

One thread for linear algebra gives the same numbers on every machine, and sooner.
On more threads sums are rounded in another order, so that what is believed would depend on the
number of cores. A matrix of a few hundred rows is too small to share out: the threads mostly wait
for one another, and take the cores from the trials that are being trained.

What is computed ahead begins a moment after a proposal, when the worker that waited for it has it.
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
    """Return `function` as one that computes on one thread, this process's setting put back after.

    The setting is the whole process's: linear algebra in its other threads has one thread as long.
    """

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with _limited():
            return function(*args, **kwargs)

    return limited


class _Limit:
    """The limit while anybody is within, and how many threads each library had before."""

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
            # With OpenMP each thread has a limit of its own, otherwise the process has one.
            own = [last or getattr(each, "threading_layer", "") == "openmp" for each in libraries]
            _allow(compress(libraries, own), compress(_Limit.before, own))


def _allow(libraries: Iterable[LibController], numbers: Iterable[int]) -> None:
    """Set numbers of threads, whichever thread has set them last: threadpoolctl heeds one only."""
    for library, number in zip(libraries, numbers, strict=True):
        heed_anyone = getattr(library, "clear_controlling_thread", lambda force: None)
        heed_anyone(force=True)
        library.set_num_threads(number)
        heed_anyone(force=True)


@cache
def _libraries() -> Sequence[LibController]:
    """Return the libraries that numpy and scipy have loaded, looked for once: that takes 4 ms."""
    found: Sequence[LibController] = ThreadpoolController().select(user_api="blas").lib_controllers
    return found


class Ahead(Generic[T]):
    """What `compute` returns, from `thread`: begun in a moment, or as soon as it is asked for."""

    def __init__(self, thread: ThreadPoolExecutor, compute: Callable[[], T]) -> None:
        """Queue behind what the thread has to do already."""
        self._asked_for = Event()
        self._future = thread.submit(self._run, compute)

    def result(self) -> T:
        """Wait for it."""
        self._asked_for.set()
        return self._future.result()

    def _run(self, compute: Callable[[], T]) -> T:
        self._asked_for.wait(_MOMENT)
        return compute()
