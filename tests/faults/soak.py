"""Soak: random faults on studies that run, by seed and for some minutes; counts what was lost.

    python -m tests.faults.soak --minutes 30 --seed 0 --db sqlite|postgresql --out FILE.json

A driver runs small studies with real Ray workers, whose evaluator trains nothing. Faults: kill -9
of the driver, a worker, the raylet and the GCS, SIGSTOP of the driver, one and two signals, and a
restart of PostgreSQL. After each one the driver is started again if it ended. At the end of a study
its record is compared with that of the same study without faults.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
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
CANDIDATES = 12
EPOCH_SECONDS = 0.3
KINDS = ("kill worker", "kill driver", "kill raylet", "kill gcs", "stop driver", "signal driver",
         "restart database")  # fmt: skip
LOSSES = ("finished trials changed", "counted twice", "failed by the surroundings",
          "unequal to the undisturbed study", "unfinished studies", "hung drivers")  # fmt: skip
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
class Soak:
    """One soak; `counts` has the injected faults, and what was lost."""

    url: str
    folder: Path
    rng: random.Random
    postgres: PostgresServer | None
    expected: list[tuple[Any, ...]]
    counts: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    faults: int = 0
    process: subprocess.Popen[str] | None = None
    finished: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def run(self, seconds: float) -> None:
        """Run studies and inject faults until the time is over."""
        until = time.monotonic() + seconds
        self.start()
        while time.monotonic() < until:
            time.sleep(self.rng.uniform(0.2, 4.0))
            if self.ended():
                self.continue_or_begin()
                continue
            self.inject()
            self.check()
        self.counts["unfinished studies"] = 0
        self.complete()

    def start(self) -> None:
        """Start the driver, which runs or resumes the study."""
        words = [sys.executable, "-m", "tests.tuner.driver", self.url, str(self.folder)]
        log = (self.folder / "driver.log").open("a")
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [*words, str(CANDIDATES), "3"], cwd=ROOT, env=env, stdout=log, stderr=log, text=True
        )

    def ended(self) -> bool:
        """Tell whether the driver has ended."""
        return self.process is None or self.process.poll() is not None

    def continue_or_begin(self) -> None:
        """Start the driver again, on a new study if this one is complete."""
        trials = self.trials()
        if len(trials) == CANDIDATES and all(trial.state.finished for trial in trials):
            self.judge(trials)
            self.fresh()
        self.start()

    def fresh(self) -> None:
        """Begin another study in an empty place."""
        self.studies += 1
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
        for trial in self.trials():
            if trial.number in self.finished and facts(trial) != self.finished[trial.number]:
                self.counts["finished trials changed"] += 1
            if trial.state.finished:
                self.finished[trial.number] = facts(trial)

    def judge(self, trials: list[Trial]) -> None:
        """Count what differs from the study without faults."""
        self.check()
        for trial, expected in zip(trials, self.expected, strict=True):
            self.counts["failed by the surroundings"] += trial.state is TrialState.FAILED
            epochs = [m.epoch for m in trial.measurements]
            self.counts["counted twice"] += len(epochs) != len(set(epochs))
            self.counts["unequal to the undisturbed study"] += facts(trial) != expected

    def complete(self) -> None:
        """Let the last study end without faults."""
        for _ in range(10):
            if not self.ended() and self.process is not None:
                try:
                    self.process.wait(180)
                except subprocess.TimeoutExpired:
                    self.counts["hung drivers"] += 1
                    self.process.kill()
            trials = self.trials()
            if len(trials) == CANDIDATES and all(trial.state.finished for trial in trials):
                self.judge(trials)
                self.studies += 1
                return
            self.start()
        self.counts["unfinished studies"] += 1

    def inject(self) -> None:
        """Inject one fault."""
        faults: dict[Callable[[], bool], float] = {
            self.kill_worker: 6,
            self.kill_driver: 2,
            self.kill_raylet: 1,
            self.kill_gcs: 1,
            self.stop_driver: 1,
            self.signal_driver: 2,
            self.restart_database: 4 if self.postgres else 0,
        }
        (fault,) = self.rng.choices([*faults], [*faults.values()])
        if fault():
            self.faults += 1
            self.counts[fault.__name__.replace("_", " ")] += 1

    def kill_worker(self) -> bool:
        """Kill the worker of a running trial."""
        running = [t for t in self.trials() if t.state is TrialState.RUNNING and t.worker]
        running = [trial for trial in running if trial.lost < MOST_LOSSES]
        if not running:
            return False
        pid = int(self.rng.choice(running).worker.rpartition(":")[2])
        return pid in descendants(self.process.pid) and kill(pid)

    def kill_driver(self) -> bool:
        return kill(self.process.pid)

    def kill_raylet(self) -> bool:
        return self.kill_component("raylet/raylet")

    def kill_gcs(self) -> bool:
        return self.kill_component("gcs/gcs_server")

    def kill_component(self, name: str) -> bool:
        """Kill the process of Ray with this in its command line."""
        for pid in descendants(self.process.pid):
            try:
                if name in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]:
                    return kill(pid)
            except OSError:
                continue
        return False

    def stop_driver(self) -> bool:
        """Stop the driver for some seconds."""
        if not kill(self.process.pid, signal.SIGSTOP):
            return False
        time.sleep(self.rng.uniform(0.5, 3.0))
        return kill(self.process.pid, signal.SIGCONT)

    def signal_driver(self) -> bool:
        """Ask the driver to end, perhaps twice."""
        for _ in range(self.rng.choice((1, 1, 2))):
            kill(self.process.pid, self.rng.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)))
            time.sleep(0.05)
        return True

    def restart_database(self) -> bool:
        """Take PostgreSQL away for some seconds."""
        self.postgres.stop()
        time.sleep(self.rng.choice((0.0, 0.5, 5.0)))
        self.postgres.start()
        return True


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
    folder = Path(tempfile.mkdtemp(prefix="nas-soak-"))
    (folder / "faults.json").write_text(json.dumps({"seconds": EPOCH_SECONDS, "faults": {}}))
    expected = undisturbed(folder)
    rng = random.Random(given.seed)
    if given.db == "sqlite":
        soak = Soak(str(folder / "nas.db"), folder, rng, None, expected)
        soak.run(60 * given.minutes)
    else:
        with postgres_server() as server:
            assert server is not None, "no PostgreSQL server binaries"
            soak = Soak(server.new_url(), folder, rng, server, expected)
            soak.run(60 * given.minutes)
    found = {
        "database": given.db,
        "minutes": given.minutes,
        "seed": given.seed,
        "faults": soak.faults,
        "studies": soak.studies,
        "trials": soak.studies * CANDIDATES,
        **{name: soak.counts[name] for name in (*KINDS, *LOSSES)},
    }
    print(json.dumps(found, indent=1))  # noqa: T201
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    if not any(soak.counts[name] for name in LOSSES):
        shutil.rmtree(folder)
        return 0
    print(f"see {folder}/driver.log", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
