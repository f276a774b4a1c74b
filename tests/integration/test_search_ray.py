"""Studies on a real Ray: complete, failing in every way, and interrupted."""

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
from nas.study import Failure, Job, Reason, WorkerPlan
from nas.study.execution import Event, TrialRequeued, WorkersReady
from nas.study.study import Study
from nas.study.trial import TrialState
from nas.tuner import RunSettings, run
from nas.tuner.tune_trainable import TrialTrainable
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
        report_timeout=6.0,  # a worker imports the evaluator before it reports
        max_concurrent=max_concurrent,
    )
    assert not run(study, settings, on_event).interrupted
    return study


@pytest.mark.slow
def test_one_worker_and_one_seed_give_the_same_study(cluster: None, tmp_path: Path) -> None:
    found = []
    for turn in ("a", "b"):
        (tmp_path / turn).mkdir()
        study = searched(tmp_path / turn, max_concurrent=1, num_trials=4, published=True)
        assert len(study.trials) == study.planned() == 7
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
    events: list[Event] = []
    faults = {0: "hang-once", 1: "crash", 2: "oom", 4: "miscount", 5: "nan"}
    study = searched(tmp_path, faults, events.append, num_trials=7, rungs=(2,))
    reasons = {trial.number: trial.fail_reason for trial in study.trials if trial.fail_reason}
    assert reasons == {1: "crash", 2: "oom", 4: "count_mismatch", 5: "nan"}
    silent = study.trial(0)
    assert (silent.state, silent.attempt, silent.lost) == (TrialState.COMPLETE, 2, 1)
    requeued = [e.reason for e in events if isinstance(e, TrialRequeued) and e.trial.number == 0]
    assert requeued == ["timeout"]
    detail = study.trial(1).fail_detail
    assert detail is not None
    assert "in befall" in detail  # the traceback
    assert len(study.trial(5).measurements) == 1  # no epoch after the one that is no number
    assert all(trial.state.finished for trial in study.trials)
    assert len(study.trials) == 7


def test_a_killed_worker_is_replaced_and_the_trial_repeated(cluster: None, tmp_path: Path) -> None:
    events: list[Event] = []
    faults = {0: "kill-once", 2: "kill"}
    # One rung, so that every trial reaches the epoch in which its worker dies.
    study = searched(tmp_path, faults, events.append, num_trials=3, rungs=(3,))
    assert (study.trial(0).state, study.trial(0).attempt) == (TrialState.COMPLETE, 2)
    assert [m.epoch for m in study.trial(0).measurements] == [1, 2, 3]
    assert (study.trial(2).fail_reason, study.trial(2).attempt) == ("worker_lost", 3)
    assert study.trial(1).state is TrialState.COMPLETE
    requeued = [event.trial.number for event in events if isinstance(event, TrialRequeued)]
    assert sorted(requeued) == [0, 2, 2]


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


def test_a_worker_of_another_version_measures_nothing(cluster: None, tmp_path: Path) -> None:
    spec = spec_of()
    architecture = spec.space.published[-1].architecture
    plan = WorkerPlan(spec.to_json(), str(tmp_path), None, "tests.tuner.fakes:make", "0.0.1")
    worker = TrialTrainable({"plan": plan, "job": Job(0, 1, 0, architecture)})
    content = worker.train()["report"].content  # type: ignore[no-untyped-call]
    worker.stop()  # type: ignore[no-untyped-call]
    assert isinstance(content, Failure)
    assert content.reason == Reason.SETUP  # it pauses the study
    assert "0.0.1" in content.detail


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


def gone(driver: Driver, within: float = 10.0) -> bool:
    """Tell whether all processes of a driver end within some seconds, however it ended."""
    deadline = time.monotonic() + within
    while driver.relatives():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    driver = Driver(tmp_path, candidates=50, seconds=0.3, faults={0: "kill-once"})
    driver.until("requeued 0", 1)  # Ray would report the worker that died
    driver.until("measured", 1)
    driver.process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    driver.process.send_signal(signal.SIGHUP)
    sent = time.monotonic()
    code, _, err = driver.end()
    assert (code, err) == (130, "")
    assert time.monotonic() - sent < 5
    assert gone(driver)
