"""Shared: parts that several open pages show are made once."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

_Made = TypeVar("_Made")
_KEPT = 24  # parts of pages; the oldest are removed


class Shared:
    """Keeps the parts of pages by their content; safe to call from several threads."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self._kept: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """Return the result of `make` for `key`; a second caller waits for the first one.

        An error of `make` is raised, and nothing is kept.
        """
        with self._lock:
            known = self._kept.get(key)
            if known is None:
                own = self._kept[key] = Future[Any]()
                while len(self._kept) > _KEPT:
                    del self._kept[next(iter(self._kept))]
        if known is not None:
            found: _Made = known.result()
            return found
        try:
            made = make()
        except BaseException as error:
            with self._lock:
                self._kept.pop(key, None)
            own.set_exception(error)
            raise
        own.set_result(made)
        return made
