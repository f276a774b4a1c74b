"""Pause a run when a user orders it in the database, from any process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nas.errors import StoreError
from nas.interruption import Interruption
from nas.store import Store, Wish

_PERIOD_SECONDS = 2.0


@contextmanager
def pausing_on_order(store: Store, study: str) -> Iterator[None]:
    """Interrupt the run in the block, as a signal would, when its order is to pause."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_PERIOD_SECONDS):
            try:
                paused = store.wish(study) is Wish.PAUSE
            except StoreError:
                continue  # the run waits for the database, too
            if paused and Interruption.current is not None:
                Interruption.current.request()

    thread = threading.Thread(target=watch, name="nas-pause", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
