"""Studies that are queued, driven, killed and stopped, each by a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nas.store import StudyState, open_store
from nas.workflows import Fleet, processes
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
NAS = [sys.executable, "-c", "from nas.cli import main; main()"]
STUDY = "digits"
SMALL = (
    "search --submit --budget 40M-madds --task digits --trials 6 --rungs 1,2 --no-published "
    f"--confirm 0 --format weights --max-concurrent 1 --study {STUDY}"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAS_DB", raising=False)
    return tmp_path


def nas(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([*NAS, *words], capture_output=True, text=True, env=environment)


def measured() -> int:
    """Return how many trials have a measurement."""
    with open_store("nas.db", read_only=True) as store:
        return sum(bool(trial.measurements) for trial in store.trials(STUDY))


def until(fleet: Fleet, wanted: int) -> None:
    """Turn the fleet until so many trials have a measurement."""
    deadline = time.monotonic() + 150
    while measured() < wanted:
        fleet.turn()
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_queued_study_is_completed_although_its_driver_is_killed_and_stopped(
    place: Path,
) -> None:
    done = nas(*SMALL.split())
    assert done.returncode == 0, done.stderr
    assert "nas drive --all" in done.stdout
    told: list[str] = []
    fleet = Fleet(None, processes(None, place / "logs"), told.append)

    until(fleet, 1)
    with open_store("nas.db", read_only=True) as store:
        state, holder = store.activity(STUDY)
    assert state is StudyState.RUNNING
    assert holder is not None
    os.kill(int(holder.rpartition(":")[2]), signal.SIGKILL)
    until(fleet, 2)
    assert any("ended with -9" in line for line in told)

    stopped = nas("stop", STUDY)
    assert (stopped.returncode, "pauses" in stopped.stdout) == (0, True)
    deadline = time.monotonic() + 60
    while fleet.turn():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert nas("drive", STUDY).returncode == 2  # it stays paused
    with open_store("nas.db", read_only=True) as store:
        assert store.activity(STUDY) == (StudyState.INTERRUPTED, None)

    assert nas("submit", STUDY).returncode == 0
    fleet.run(until_idle=True, interrupted=lambda: False)
    with open_store("nas.db", read_only=True) as store:
        assert store.activity(STUDY)[0] is StudyState.COMPLETE
        assert store.orders() == []
    assert list((place / "nas-results" / STUDY / "best").glob("*.safetensors"))
    assert (place / "logs" / f"{STUDY}.log").stat().st_mode & 0o077 == 0


def test_a_study_is_queued_for_a_cluster_that_does_not_run_yet(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(place))  # where `auto` looks for a Ray of this machine
    done = nas(*SMALL.split(), "--ray-address", "auto")
    assert done.returncode == 0, done.stderr
    assert "nas drive --all" in done.stdout
