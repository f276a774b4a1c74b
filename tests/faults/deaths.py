"""Deaths of a driver at a chosen step: a statement that writes, a commit, or a change of a file."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa

_CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}  # audit events


class KilledError(BaseException):
    """The driver dies here."""


def raise_killed() -> NoReturn:
    """Die by an exception: SQLite rolls back what was not committed, as after kill -9."""
    raise KilledError


class Death:
    """Dies by calling `die` at the `at`-th step of this thread, and at later ones; counts them."""

    def __init__(self, at: int | None, die: Callable[[], None]) -> None:
        """Only count if `at` is None."""
        self.at, self.seen = at, 0
        self._die = die
        self._thread = threading.get_ident()

    def step(self) -> None:
        """Count a step before it happens, and die if it is the chosen one."""
        if threading.get_ident() != self._thread:  # such as the heartbeat of a lease
            return
        self.seen += 1
        if self.at is not None and self.seen >= self.at:
            self._die()

    def on_statement(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Count a statement that writes."""
        if statement.split(None, 1)[0].upper() in ("INSERT", "UPDATE", "DELETE"):
            self.step()

    def on_commit(self, _: Any) -> None:
        """Count a commit."""
        self.step()

    def watch_files(self, folder: Path) -> None:
        """Count each change of a file in `folder` too, for the rest of this process."""

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            changes = event in _CHANGES
            if event == "open" and isinstance(arguments[2], int):
                changes = bool(arguments[2] & os.O_ACCMODE)
            named = changes and isinstance(arguments[0], str | os.PathLike)
            if named and folder in Path(arguments[0]).absolute().parents:
                self.step()

        sys.addaudithook(watch)


@contextmanager
def dying(at: int | None, die: Callable[[], None] = raise_killed) -> Iterator[Death]:
    """Count the writes and commits of the block, and die at the `at`-th."""
    death = Death(at, die)
    sa.event.listen(sa.Engine, "before_cursor_execute", death.on_statement)
    sa.event.listen(sa.Engine, "commit", death.on_commit)
    try:
        yield death
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", death.on_statement)
        sa.event.remove(sa.Engine, "commit", death.on_commit)
