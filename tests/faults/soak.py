"""Soak: random faults on studies that run, by seed and for some minutes; counts what was lost.

    python -m tests.faults.soak --minutes 30 --seed 0 --db sqlite|postgresql --out FILE.json

Some drivers at a time run small studies with real Ray workers, whose evaluator trains nothing.
Faults: kill -9 of a driver, a worker, the raylet and the GCS, SIGSTOP of a driver and a worker, one
and two signals, a restart of PostgreSQL, and a lock on the file of SQLite. A driver that ended is
started again. At the end of a study its record is compared with that of the same study without
faults.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.errors import StoreError
from nas.interruption import descendants
from nas.store import open_store
from nas.study import Study, Trial, TrialState, WorkerPlan
from nas.study.execution import run_serial
from tests.conftest import PostgresServer, postgres_server
from tests.memory_store import MemoryStore
from tests.tuner.fakes import AnalyticEvaluator, Wanderer, spec_of

ROOT = Path(__file__).parents[2]
CANDIDATES = 48
AT_ONCE = 3  # studies
EPOCH_SECONDS = 0.5
STARTING = 0.1  # of the chances for a fault while a driver has no worker
LEFT_SECONDS = 10.0  # after its driver, no process of a local Ray lives longer
MARK = "NAS_SOAK_START"
LOSSES = ("finished trials lost or changed", "counted twice", "failed by the surroundings",
          "over a ceiling", "unequal to the undisturbed study", "unfinished studies",
          "hung drivers", "processes left")  # fmt: skip
MOST_LOSSES = 2  # of one trial: the third fails it, as it should


def facts(trial: Trial) -> tuple[Any, ...]:
    """Return what may not depend on faults."""
    errors = tuple(m.value("top1_error") for m in trial.measurements)
    return trial.number, trial.arch_id, trial.state, trial.seed, errors, trial.weights_path


def undisturbed(results: Path) -> list[tuple[Any, ...]]:
    """Return the facts of the study without faults."""
    spec = spec_of(rungs=(3,), num_trials=CANDIDATES)
    study = Study(spec, MemoryStore(), Wanderer(spec))
    plan = WorkerPlan(spec.to_json(), str(results), None, "", "", folder="small", study_id="0" * 16)
    run_serial(study, AnalyticEvaluator(plan))
    return [facts(trial) for trial in study.trials]


@dataclass
class Driven:
    """One place with a study and its driver, which inject faults, and count them in `counts`."""

    url: str
    folder: Path
    rng: random.Random
    postgres: PostgresServer | None
    expected: list[tuple[Any, ...]]
    counts: Counter[str]
    studies: int = 0
    starts: int = 0
    ends: dict[str, float] = field(default_factory=dict)  # the time of each end, by its start
    process: subprocess.Popen[str] | None = None
    finished: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def start(self) -> None:
        """Start the driver, which runs or resumes the study."""
        self.starts += 1
        words = [sys.executable, "-m", "tests.tuner.driver", self.url, str(self.folder)]
        env = {**os.environ, "PYTHONPATH": str(ROOT), MARK: self.mark}
        with (self.folder / "driver.log").open("a") as log:
            self.process = subprocess.Popen(
                [*words, str(CANDIDATES), "3"], cwd=ROOT, env=env, stdout=log, stderr=log, text=True
            )

    @property
    def mark(self) -> str:
        """The name of the last start, in the environment of all its processes."""
        return f"{self.folder}-{self.starts}"

    def ended(self) -> bool:
        """Tell whether the driver has ended."""
        over = self.process is None or self.process.poll() is not None
        if over and self.starts:
            self.ends.setdefault(self.mark, time.monotonic())
        return over

    def continue_or_begin(self) -> None:
        """Start the driver again, on a new study if this one is complete."""
        if self.complete():
            self.fresh()
        self.start()

    def complete(self) -> bool:
        """Tell whether the study is complete; if so, judge it."""
        trials = self.trials()
        over = len(trials) >= CANDIDATES and all(trial.state.finished for trial in trials)
        if over:
            self.judge(trials)
            self.studies += 1
        return over

    def fresh(self) -> None:
        """Begin another study in an empty place."""
        self.finished = {}
        if self.postgres is not None:
            self.url = self.postgres.new_url()
        else:
            for path in self.folder.glob("nas.db*"):
                path.unlink()
        shutil.rmtree(self.folder / "small", ignore_errors=True)

    def trials(self) -> list[Trial]:
        """Read the record; none before the study exists."""
        try:
            with open_store(self.url, read_only=True) as store:
                return store.trials("small")
        except StoreError:
            return []

    def check(self) -> None:
        """Compare what was finished before with the record now."""
        trials = {trial.number: trial for trial in self.trials()}
        for number, before in self.finished.items() if trials else ():
            now = facts(trials[number]) if number in trials else None
            self.counts["finished trials lost or changed"] += now != before
        self.finished.update({n: facts(t) for n, t in trials.items() if t.state.finished})

    def judge(self, trials: list[Trial]) -> None:
        """Count what differs from the study without faults."""
        self.check()
        ceiling = spec_of().budget[0].limit
        self.counts["over a ceiling"] += len(trials) > CANDIDATES
        for trial, expected in zip(trials, self.expected, strict=False):
            self.counts["over a ceiling"] += trial.cost.madds > ceiling
            self.counts["failed by the surroundings"] += trial.state is TrialState.FAILED
            epochs = [m.epoch for m in trial.measurements]
            self.counts["counted twice"] += len(epochs) != len(set(epochs))
            self.counts["unequal to the undisturbed study"] += facts(trial) != expected

    def finish(self) -> None:
        """Let the last study end without faults."""
        for _ in range(5):
            if not self.ended() and self.process is not None:
                try:
                    self.process.wait(180)
                except subprocess.TimeoutExpired:
                    self.counts["hung drivers"] += 1
                    self.process.kill()
            if self.complete():
                return
            self.start()
        self.counts["unfinished studies"] += 1

    def kill_worker(self) -> bool:
        """Kill the worker of a running trial."""
        pid = self.worker()
        return pid is not None and kill(pid)

    def stop_worker(self) -> bool:
        """Stop the worker of a running trial for a while."""
        pid = self.worker()
        return pid is not None and self.stop(pid)

    def worker(self) -> int | None:
        """Return the process of a running trial that may be lost once more."""
        running = [t for t in self.trials() if t.state is TrialState.RUNNING and t.worker]
        running = [trial for trial in running if trial.lost < MOST_LOSSES]
        pids = {int(trial.worker.rpartition(":")[2]) for trial in running}
        living = sorted(pids & set(descendants(self.process.pid)))
        return self.rng.choice(living) if living else None

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

    def disturb_database(self) -> bool:
        """Take PostgreSQL away, from all drivers, or lock the file of SQLite, for some seconds."""
        if self.postgres is not None:
            self.postgres.stop()
            time.sleep(self.rng.choice((0.0, 0.5, 3.0)))
            self.postgres.start()
            return True
        if not Path(self.url).exists():
            return False
        with closing(sqlite3.connect(self.url, timeout=1.0)) as other:
            try:
                other.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                return False
            time.sleep(self.rng.uniform(0.3, 3.0))
        return True


FAULTS: dict[Callable[[Driven], bool], float] = {
    Driven.kill_worker: 6,
    Driven.stop_worker: 5,
    Driven.disturb_database: 5,
    Driven.stop_driver: 4,
    Driven.kill_driver: 1.3,
    Driven.signal_driver: 0.9,
    Driven.kill_raylet: 0.7,
    Driven.kill_gcs: 0.6,
}
KINDS = tuple(fault.__name__.replace("_", " ") for fault in FAULTS)


def soak(places: list[Driven], counts: Counter[str], rng: random.Random, seconds: float) -> None:
    """Run studies and inject faults until the time is over, then let them end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(rng.uniform(0.0, 0.5))
        place = rng.choice(places)
        if place.ended():
            place.continue_or_begin()
            continue
        if place.worker() is None and rng.random() > STARTING:
            continue
        (fault,) = rng.choices([*FAULTS], [*FAULTS.values()])
        if fault(place):
            name = fault.__name__.replace("_", " ")
            counts[name] += 1
            print(f"{seconds - until + time.monotonic():.0f} s: {name}, {place.mark}", flush=True)  # noqa: T201
        place.check()
        counts["processes left"] += len(left(places))
    for place in places:
        place.finish()


def left(places: list[Driven]) -> set[str]:
    """Return the marks of drivers that ended some time ago and have living processes."""
    before = time.monotonic() - LEFT_SECONDS
    over = {mark for place in places for mark, at in place.ends.items() if at < before}
    living = set[str]()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            pairs = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            living.update(pair.removeprefix(f"{MARK}=") for pair in pairs if pair.startswith(MARK))
    return over & living


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def main() -> int:
    """Run one soak, print its counts and write them to the file of `--out`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="nas-soak-"))
    expected = undisturbed(root)
    rng, counts = random.Random(given.seed), Counter[str]()
    with postgres_server() if given.db == "postgresql" else nullcontext() as server:
        if given.db == "postgresql" and server is None:
            parser.error("there are no PostgreSQL server binaries")
        places = []
        for number in range(AT_ONCE):
            folder = root / str(number)
            folder.mkdir()
            (folder / "faults.json").write_text(json.dumps({"seconds": EPOCH_SECONDS}))
            url = server.new_url() if server else str(folder / "nas.db")
            places.append(Driven(url, folder, rng, server, expected, counts))
        soak(places, counts, rng, 60 * given.minutes)
    studies = sum(place.studies for place in places)
    found = {
        "minutes": given.minutes,
        "seed": given.seed,
        "drivers started": sum(place.starts for place in places),
        "studies": studies,
        "trials": studies * CANDIDATES,
        "faults": sum(counts[name] for name in KINDS),
        **{name: counts[name] for name in (*KINDS, *LOSSES)},
    }
    print(json.dumps(found, indent=1))  # noqa: T201
    if given.out:
        given.out.write_text(json.dumps({"database": given.db, **found}, indent=1) + "\n")
    if not any(counts[name] for name in LOSSES):
        shutil.rmtree(root)
        return 0
    print(f"see {root}/*/driver.log", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
