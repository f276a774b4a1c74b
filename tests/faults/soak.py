"""Soak: random faults on studies that run, by seed and for some minutes; counts what was lost.

    python -m tests.faults.soak --minutes 30 --seed 0 --db sqlite|postgresql --out FILE.json

Some drivers at a time run small studies with real Ray workers, whose evaluator trains nothing; the
faults of each come from a thread of its own. Faults: kill -9 of a driver, a worker, the raylet and
the GCS, SIGSTOP of a driver and a worker, one and two signals, a restart of PostgreSQL, the end of
its connections, and a lock on a table there or on the file of SQLite. A driver that ended is
started again. At the end of a study its record is compared with that of the same study without
faults.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.errors import StoreError
from nas.interruption import descendants
from nas.store import Store, open_store
from nas.study import Study, Trial, TrialState, WorkerPlan
from tests.conftest import PostgresServer, postgres_server
from tests.faults.injections import FAULTS, KINDS, OF_STARTS, Faults, Injections
from tests.memory_store import MemoryStore
from tests.studies import run_serial
from tests.tuner.fakes import AnalyticEvaluator, Wanderer, spec_of

ROOT = Path(__file__).parents[2]
CANDIDATES = 120
AT_ONCE = 2  # studies
EPOCH_SECONDS = 0.5
STARTING = 0.06  # the chance of a fault at each turn while a driver has no worker
ENDED_STARTS = 0.15  # of these, the share of faults of any kind
LEFT_SECONDS = 10.0  # after its driver, no process of a local Ray lives longer
LOOK_SECONDS = 2.0  # between two looks for such processes
MARK = "NAS_SOAK_START"
LOSSES = ("finished trials lost or changed", "counted twice", "failed by an injected fault",
          "over a ceiling", "unequal to the study without faults", "unfinished studies",
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
class Driven(Injections):
    """One place with a study and its driver; it injects faults, and counts them in `counts`."""

    url: str
    folder: Path
    rng: random.Random
    postgres: PostgresServer | None
    expected: list[tuple[Any, ...]]
    server_busy: threading.Lock
    counts: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    starts: int = 0
    ends: dict[str, float] = field(default_factory=dict)  # the time of each end, by its start
    process: subprocess.Popen[str] | None = None
    finished: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    reader: Store | None = None

    def run(self, until: float) -> None:
        """Run studies and inject faults until this monotonic time, then let the last one end."""
        while time.monotonic() < until:
            time.sleep(self.rng.uniform(0.0, 0.5))
            if self.ended():
                self.continue_or_begin()
            elif self.worker() is not None:
                self.inject(FAULTS)
            elif self.rng.random() < STARTING:
                self.inject(FAULTS if self.rng.random() < ENDED_STARTS else OF_STARTS)
        self.finish()

    def inject(self, faults: Faults) -> None:
        """Inject one of the faults, and compare what was finished before with the record."""
        (fault,) = self.rng.choices([*faults], [*faults.values()])
        began = time.monotonic()
        if fault(self):
            name = fault.__name__.replace("_", " ")
            self.counts[name] += 1
            took = time.monotonic() - began
            print(f"{time.ctime()}: {name}, {took:.1f} s, {self.mark}", flush=True)  # noqa: T201
        self.check()

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
        self.close()
        if self.postgres is not None:
            self.url = self.postgres.new_url()
        else:
            for path in self.folder.glob("nas.db*"):
                path.unlink()
        shutil.rmtree(self.folder / "small", ignore_errors=True)

    def trials(self) -> list[Trial]:
        """Read the record; none before the study exists."""
        try:
            self.reader = self.reader or open_store(self.url, read_only=True)
            return self.reader.trials("small")
        except StoreError:
            return []

    def close(self) -> None:
        """Close the record."""
        if self.reader is not None:
            self.reader.close()
            self.reader = None

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
            self.counts["failed by an injected fault"] += trial.state is TrialState.FAILED
            epochs = [m.epoch for m in trial.measurements]
            self.counts["counted twice"] += len(epochs) != len(set(epochs))
            self.counts["unequal to the study without faults"] += facts(trial) != expected

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
                self.close()
                return
            self.start()
        self.counts["unfinished studies"] += 1

    def worker(self) -> int | None:
        """Return the process of a running trial that may be lost once more."""
        running = [t for t in self.trials() if t.state is TrialState.RUNNING and t.worker]
        running = [trial for trial in running if trial.lost < MOST_LOSSES]
        pids = {int(trial.worker.rpartition(":")[2]) for trial in running}
        living = sorted(pids & set(descendants(self.process.pid)))
        return self.rng.choice(living) if living else None


def soak(places: list[Driven], seconds: float) -> Counter[str]:
    """Run studies and inject faults for some time, let them end, and return the counts."""
    until, marks = time.monotonic() + seconds, set[str]()
    with ThreadPoolExecutor(len(places)) as threads:
        running = [threads.submit(place.run, until) for place in places]
        while wait(running, LOOK_SECONDS).not_done:
            marks |= left(places)
        for each in running:
            each.result()
    return sum((place.counts for place in places), Counter({"processes left": len(marks)}))


def left(places: list[Driven]) -> set[str]:
    """Return the marks of drivers that ended some time ago and have living processes."""
    before = time.monotonic() - LEFT_SECONDS
    ends = [end for place in places for end in place.ends.copy().items()]
    over = {mark for mark, at in ends if at < before}
    living = set[str]()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            pairs = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            living.update(pair.removeprefix(f"{MARK}=") for pair in pairs if pair.startswith(MARK))
    return over & living


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
    busy = threading.Lock()
    with postgres_server() if given.db == "postgresql" else nullcontext() as server:
        if given.db == "postgresql" and server is None:
            parser.error("there are no PostgreSQL server binaries")
        places = []
        for number in range(AT_ONCE):
            folder = root / str(number)
            folder.mkdir()
            (folder / "faults.json").write_text(json.dumps({"seconds": EPOCH_SECONDS}))
            url = server.new_url() if server else str(folder / "nas.db")
            rng = random.Random(f"{given.seed} {number}")
            places.append(Driven(url, folder, rng, server, expected, busy))
        counts = soak(places, 60 * given.minutes)
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
