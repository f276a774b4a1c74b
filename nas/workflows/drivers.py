"""Drivers: start one for each study with an open order, and a new one if it is lost.

A driver is a process of this machine, or a job of a Ray cluster. It holds the lease of its study,
so that a second driver ends at once.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nas.errors import StoreError, StudyBusyError
from nas.interruption import EXIT_INTERRUPTED
from nas.store import MAX_FAILURES, Store, open_store, read_address

_PERIOD_SECONDS = 5.0
_FIRST_WAIT = 5.0  # seconds after a failed start; doubled with each further one
_LONGEST_WAIT = 300.0
_TAIL_LINES = 20


class Started(Protocol):
    """A driver that was started."""

    def ended(self) -> int | None:
        """Return its exit code; None while it runs."""

    def output(self) -> str:
        """Return its output."""

    def stop(self) -> None:
        """Ask it to save its trials and to end."""


Starter = Callable[[str], Started]  # from the name of a study


@dataclass
class _Process:
    """A driver on this machine."""

    process: subprocess.Popen[bytes]
    log: Path

    def ended(self) -> int | None:
        return self.process.poll()

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        self.process.terminate()


def processes(db: str | None, logs: Path) -> Starter:
    """Return a function that starts drivers on this machine, each with a log in `logs`.

    They get the database through their environment, which other users cannot read.
    """
    environment = os.environ | ({"NAS_DB": db} if db else {})

    def start(study: str) -> Started:
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{study}.log"
        words = [sys.executable, "-c", "from nas.cli import main; main()", "drive", study]
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            process = subprocess.Popen(
                words, env=environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        return _Process(process, log)

    return start


def jobs(address: str, db: str | None) -> Starter:
    """Return a function that starts drivers as jobs of the Ray cluster with this job server.

    The password of a database is not sent; the head node must have it, for example in PGPASSFILE.

    Raises:
        NasError: the package is not installed, or the server cannot be reached.
    """
    from nas.tuner import RayJobs

    server, shown = RayJobs(address), shlex.quote(read_address(db).shown)
    return lambda study: server.start(study, f"nas drive {shlex.quote(study)} --db {shown}")


@dataclass
class Fleet:
    """The drivers that this process has started for the studies of the database `db`."""

    db: str | None
    start: Starter
    say: Callable[[str], None] = lambda line: None
    running: dict[str, Started] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)

    def run(self, until_idle: bool, interrupted: Callable[[], bool]) -> None:
        """Start drivers until interrupted, or until no study has an open order if `until_idle`.

        Raises:
            StoreError: the database cannot be read at the start; later, reading is tried again.
        """
        reached = False
        while not interrupted():
            try:
                left, reached = self.turn(), True
            except StoreError as error:
                if not reached:
                    raise
                self.say(f"{error.cause} It is tried again.")
                left = 1
            if until_idle and not left:
                return
            for _ in range(10):
                if not interrupted():
                    time.sleep(_PERIOD_SECONDS / 10)
        self.stop()

    def turn(self) -> int:
        """Take note of drivers that ended, and start those that are missing.

        Returns the number of studies that are driven, or will be.
        """
        with open_store(self.db, create=False) as store:
            for study, driver in list(self.running.items()):
                code = driver.ended()
                if code is not None:
                    del self.running[study]
                    self._ended(store, study, code, driver)
            wanted = [order.study for order in store.orders() if order.open]
        for study in wanted:
            if study not in self.running and time.monotonic() >= self._not_before.get(study, 0.0):
                self.running[study] = self.start(study)
                self.say(f"{study}: started a driver")
        return len({*wanted, *self.running})

    def stop(self) -> None:
        """Ask all drivers to end, and wait for them."""
        for driver in self.running.values():
            driver.stop()
        for study, driver in self.running.items():
            while driver.ended() is None:
                time.sleep(0.2)
            self.say(f"{study}: its driver has ended")

    def _ended(self, store: Store, study: str, code: int, driver: Started) -> None:
        """Record the end of a driver, and when to start the next one."""
        if code in (0, StudyBusyError.exit_code):
            self.say(f"{study}: {'complete' if code == 0 else 'another process drives it'}")
            return
        tail = "\n".join(driver.output().strip().splitlines()[-_TAIL_LINES:])
        failures = store.record_end(study, f"exit code {code}\n{tail}")
        if code == EXIT_INTERRUPTED and not failures:
            self.say(f"{study}: its driver was interrupted")
        elif failures >= MAX_FAILURES:
            self.say(f"{study}: given up after {failures} starts without progress:\n{tail}")
        else:
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**failures)
            self._not_before[study] = time.monotonic() + wait
            self.say(f"{study}: its driver ended with {code}; next start in {wait:.0f} s")
