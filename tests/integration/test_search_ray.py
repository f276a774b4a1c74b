"""Studies on a real Ray: complete, failing in every way, interrupted, killed and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray

from nas.errors import NasError, StudyFailedError
from nas.store import open_store
from nas.study.execution import Event, TrialRequeued, WorkersReady
from nas.study.study import Study
from nas.study.trial import Trial, TrialState
from nas.tuner import RunSettings, run
from tests.memory_store import MemoryStore
from tests.tuner.fakes import Wanderer, spec_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(240)


def searched(
    tmp_path: Path,
    faults: dict[int, str] | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    seconds: float = 0.0,
    max_concurrent: int | None = None,
    **changes: Any,
) -> Study:
    """Run a whole study and return it."""
    told = {"faults": faults or {}, "seconds": seconds}
    (tmp_path / "faults.json").write_text(json.dumps(told))
    spec = spec_of(**changes)
    study = Study(spec, MemoryStore(), Wanderer(spec))
    settings = RunSettings(
        tmp_path,
        evaluator="tests.tuner.fakes:make",
        report_timeout=10.0,  # a worker imports the evaluator before it reports
        max_concurrent=max_concurrent,
    )
    assert not run(study, settings, on_event).interrupted
    return study


def test_one_worker_and_one_seed_give_the_same_study(cluster: None, tmp_path: Path) -> None:
    found = []
    for turn in ("a", "b"):
        (tmp_path / turn).mkdir()
        study = searched(tmp_path / turn, max_concurrent=1, published=True)
        assert len(study.trials) == study.planned() == 11
        assert all(trial.counted == trial.cost for trial in study.trials)
        assert len({trial.worker for trial in study.trials}) == 1  # the process was reused
        found.append(
            [
                (t.arch_id, t.state, [m.value("top1_error") for m in t.measurements])
                for t in study.trials
            ]
        )
    assert found[0] == found[1]


def test_every_way_to_fail_is_recorded_and_the_rest_goes_on(cluster: None, tmp_path: Path) -> None:
    faults = {0: "crash", 1: "oom", 2: "nan", 4: "kill-once", 5: "kill", 7: "miscount", 9: "hang"}
    events: list[Event] = []
    study = searched(
        tmp_path, faults, events.append, num_trials=14, rungs=(1, 2, 3), eta=10**6, published=False
    )
    reasons = {trial.number: trial.fail_reason for trial in study.trials if trial.fail_reason}
    first = study.trial(0)
    assert first.fail_detail is not None
    assert "in befall" in first.fail_detail  # the traceback
    assert reasons.pop(0) == "crash"
    assert reasons.pop(1) == "oom"
    assert reasons.pop(7) == "count_mismatch"
    assert reasons.pop(9) == "timeout"
    assert all(trial.state.finished for trial in study.trials)
    assert len(study.trials) == 14
    assert set(reasons.values()) <= {"nan", "worker_lost"}


def test_a_killed_worker_is_replaced_and_the_trial_repeated(cluster: None, tmp_path: Path) -> None:
    events: list[Event] = []
    faults = {0: "kill-once", 2: "kill"}
    # One rung, so that every trial reaches the epoch in which its worker dies.
    study = searched(tmp_path, faults, events.append, num_trials=4, rungs=(3,))
    assert (study.trial(0).state, study.trial(0).attempt) == (TrialState.COMPLETE, 2)
    assert [m.epoch for m in study.trial(0).measurements] == [1, 2, 3]
    assert (study.trial(2).fail_reason, study.trial(2).attempt) == ("worker_lost", 3)
    assert {study.trial(1).state, study.trial(3).state} == {TrialState.COMPLETE}
    requeued = [event.trial.number for event in events if isinstance(event, TrialRequeued)]
    assert sorted(requeued) == [0, 2, 2]


def test_not_a_number_is_a_failure_without_epochs_after_it(cluster: None, tmp_path: Path) -> None:
    study = searched(tmp_path, {1: "nan"}, num_trials=3, rungs=(3,))
    assert (study.trial(1).fail_reason, len(study.trial(1).measurements)) == ("nan", 1)


def test_a_broken_circuit_ends_the_run_and_is_raised(cluster: None, tmp_path: Path) -> None:
    faults = dict.fromkeys(range(20), "crash")
    with pytest.raises(StudyFailedError, match="divided by nothing"):
        searched(tmp_path, faults, num_trials=20)
    assert ray.is_initialized()  # it was not ours to end


def test_a_trial_that_fits_nowhere_is_refused(cluster: None, tmp_path: Path) -> None:
    spec = spec_of()
    study = Study(spec, MemoryStore(), Wanderer(spec))
    with pytest.raises(NasError, match="10000 CPUs"):
        run(study, RunSettings(tmp_path, cpus_per_trial=1e4))
    with pytest.raises(NasError, match="-1 CPUs"):
        run(study, RunSettings(tmp_path, cpus_per_trial=-1))
    assert study.trials == []


def test_half_a_cpu_each_runs_twice_as_many(cluster: None, tmp_path: Path) -> None:
    spec = spec_of(num_trials=0)
    ready: list[int] = []

    def watch(event: Event) -> None:
        if isinstance(event, WorkersReady):
            ready.append(event.concurrent)

    for cpus in (1.0, 0.5):
        study = Study(spec, MemoryStore(), Wanderer(spec))
        run(study, RunSettings(tmp_path, cpus_per_trial=cpus), watch)
    assert ready[1] == 2 * ready[0]


class Driver:
    """A driver process over a SQLite file; its faults and its pace are in `tmp_path`."""

    def __init__(
        self, tmp_path: Path, candidates: int, seconds: float, faults: dict[int, str] | None = None
    ) -> None:
        told = {"seconds": seconds, "faults": faults or {}}
        (tmp_path / "faults.json").write_text(json.dumps(told))
        self.database = tmp_path / "nas.db"
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.tuner.driver",
                *map(str, (self.database, tmp_path, candidates)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, line: str, times: int = 1) -> None:
        """Read until `times` lines began with `line`."""
        assert self.process.stdout is not None
        while times:
            text = self.process.stdout.readline()
            assert text, f"the driver ended first: {self.process.communicate()[1]}"
            times -= text.startswith(line)

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code and the rest of the output."""
        out, err = self.process.communicate(timeout=180)
        return self.process.returncode, out, err

    def trials(self) -> list[Trial]:
        """Read the store."""
        with open_store(str(self.database), read_only=True) as store:
            return store.trials("small")

    def relatives(self) -> list[str]:
        """Return the command lines that name the scratch directory of this driver, zombies too."""
        mark = f"nas-ray-{self.process.pid}-"
        ps = subprocess.run(
            ["ps", "axww", "-o", "pid,sess,stat,args"], capture_output=True, text=True
        )
        own = str(os.getsid(self.process.pid)) if self.process.poll() is None else ""
        return [
            line
            for line in ps.stdout.splitlines()
            if mark in line or line.split()[1] in (own, str(self.process.pid))
        ]


def finished(driver: Driver) -> dict[int, Trial]:
    """Return the finished trials in a driver's store, by number."""
    return {trial.number: trial for trial in driver.trials() if trial.state.finished}


def gone(driver: Driver, within: float = 10.0) -> bool:
    """Tell whether all processes of a driver end within some seconds, however it ended."""
    deadline = time.monotonic() + within
    while driver.relatives():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def test_a_killed_and_then_interrupted_study_goes_on_where_it_was(tmp_path: Path) -> None:
    killed = Driver(tmp_path, candidates=7, seconds=0.3)
    killed.until("finished", 2)
    killed.process.kill()
    killed.end()
    assert gone(killed)
    planned = {trial.number: trial.arch_id for trial in killed.trials()}
    done = finished(killed)
    assert len(done) >= 2

    interrupted = Driver(tmp_path, candidates=7, seconds=0.5)
    interrupted.until("finished", 1)
    # As a terminal does it: the whole process group gets the signal.
    os.killpg(interrupted.process.pid, signal.SIGINT)
    sent = time.monotonic()
    code, out, err = interrupted.end()
    assert time.monotonic() - sent < 10
    assert (code, out.splitlines()[-1], err) == (130, "interrupted", "")
    assert gone(interrupted)
    for driver in (killed, interrupted):  # the scratch of the killed one is swept up by the next
        assert not list(Path("/tmp").glob(f"nas-ray-{driver.process.pid}-*"))
    kept = finished(interrupted)
    assert len(kept) > len(done)
    assert all(kept[number] == trial for number, trial in done.items())
    states = {trial.state for trial in interrupted.trials()}
    assert TrialState.WAITING in states
    assert TrialState.RUNNING not in states

    last = Driver(tmp_path, candidates=7, seconds=0.0)
    code, out, err = last.end()
    assert (code, out.splitlines()[-1], err) == (0, "done", "")
    trials = finished(last)
    assert sorted(trials) == list(range(7))
    assert all(trials[number] == trial for number, trial in kept.items())
    assert not any(f"measured {number} " in out for number in kept)
    assert all(trials[number].arch_id == arch_id for number, arch_id in planned.items())
    assert gone(last)


def test_ray_prints_nothing_about_a_worker_that_died(tmp_path: Path) -> None:
    driver = Driver(tmp_path, candidates=3, seconds=0.0, faults={0: "kill-once", 1: "kill-once"})
    code, out, err = driver.end()
    assert (code, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines()} == {
        "started",
        "measured",
        "requeued",
        "finished",
        "done",
    }
    assert finished(driver)[0].attempt == 2


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    driver = Driver(tmp_path, candidates=50, seconds=0.3)
    driver.until("measured", 1)
    driver.process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    driver.process.send_signal(signal.SIGHUP)
    sent = time.monotonic()
    code, _, err = driver.end()
    assert code == 130
    assert "Traceback" not in err
    assert time.monotonic() - sent < 5
    assert gone(driver)
