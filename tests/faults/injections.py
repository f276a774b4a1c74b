"""The faults that the soak injects into the study, the driver and the database of one place."""

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import sqlalchemy as sa

from nas.interruption import descendants
from tests.conftest import PostgresServer


class Injections(ABC):
    """One place with a running driver; each fault returns whether it was injected."""

    url: str
    rng: random.Random
    postgres: PostgresServer | None
    server_busy: threading.Lock
    process: subprocess.Popen[str] | None

    @abstractmethod
    def worker(self) -> int | None:
        """Return the process of a running trial that may be lost once more."""

    def kill_worker(self) -> bool:
        """Kill the worker of a running trial."""
        pid = self.worker()
        return pid is not None and kill(pid)

    def stop_worker(self) -> bool:
        """Stop the worker of a running trial for a while."""
        pid = self.worker()
        return pid is not None and self.stop(pid)

    def kill_driver(self) -> bool:
        return kill(self.process.pid)

    def kill_raylet(self) -> bool:
        return self.kill_component("raylet/raylet")

    def kill_gcs(self) -> bool:
        return self.kill_component("gcs/gcs_server")

    def kill_component(self, name: str) -> bool:
        """Kill the process of Ray with this in its command line."""
        for pid in descendants(self.process.pid):
            with suppress(OSError):
                if name in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]:
                    return kill(pid)
        return False

    def stop_driver(self) -> bool:
        """Stop the driver for a while."""
        return self.stop(self.process.pid)

    def stop(self, pid: int) -> bool:
        if not kill(pid, signal.SIGSTOP):
            return False
        time.sleep(self.rng.uniform(0.3, 2.0))
        kill(pid, signal.SIGCONT)
        return True

    def signal_driver(self) -> bool:
        """Ask the driver to end, perhaps twice."""
        for _ in range(self.rng.choice((1, 1, 2))):
            kill(self.process.pid, self.rng.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)))
            time.sleep(0.05)
        return True

    def lock_database(self) -> bool:
        """Lock the file of SQLite, or the table of studies in PostgreSQL, for some seconds."""
        try:
            with self.locked():
                time.sleep(self.rng.uniform(0.3, 3.0))
        except (sqlite3.OperationalError, psycopg.Error):
            return False
        return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock within the block."""
        if self.postgres is not None:
            with self.session() as other:
                other.execute("LOCK TABLE nas_study IN ACCESS EXCLUSIVE MODE")
                yield
            return
        with closing(sqlite3.connect(f"file:{self.url}?mode=rw", timeout=1.0, uri=True)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield

    def cut_connections(self) -> bool:
        """End every connection of a driver to PostgreSQL."""
        if self.postgres is None:
            return False
        with suppress(psycopg.Error), self.session() as other:
            return other.execute(CUT).rowcount > 0
        return False

    def session(self) -> psycopg.Connection[Any]:
        """Connect to PostgreSQL in the schema of this place."""
        url = sa.make_url(self.url).set(drivername="postgresql")
        return psycopg.connect(url.render_as_string(hide_password=False), connect_timeout=2)

    def restart_server(self) -> bool:
        """Take PostgreSQL away from all drivers for some seconds."""
        if self.postgres is None or not self.server_busy.acquire(blocking=False):
            return False
        try:
            self.postgres.stop()
            time.sleep(self.rng.choice((0.0, 0.5, 3.0)))
            self.postgres.start()
        finally:
            self.server_busy.release()
        return True


Faults: TypeAlias = Mapping[Callable[[Injections], bool], float]
# Those that end a driver are rare: its start takes as long as a dozen other faults.
FAULTS: Faults = {
    Injections.kill_worker: 6,
    Injections.stop_worker: 5,
    Injections.lock_database: 5,
    Injections.stop_driver: 5,
    Injections.cut_connections: 4,
    Injections.restart_server: 0.7,
    Injections.kill_driver: 0.7,
    Injections.signal_driver: 0.6,
    Injections.kill_raylet: 0.35,
    Injections.kill_gcs: 0.35,
}
# A driver that is started survives these.
OF_STARTS: Faults = {
    Injections.lock_database: 5.0,
    Injections.stop_driver: 3.0,
    Injections.cut_connections: 3.0,
}
# Of all drivers, and of the readers here, which connect again.
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND application_name = 'nas'"
)
KINDS = tuple(fault.__name__.replace("_", " ") for fault in FAULTS)


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
