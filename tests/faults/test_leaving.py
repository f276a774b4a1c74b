"""A study that is asked to end: by every signal, at every stage, and what it says then."""

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.runner import NAS, Driver, call_here, marked
from tests.cli.test_train import ARCH, SPACE

pytestmark = pytest.mark.timeout(280)
TRAIN = ["train", "--space", "tiny.toml", "--arch", ARCH, "--limit", "60", "--name", "own"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(SPACE)
    return tmp_path


def test_each_signal_in_the_report_stage_ends_with_the_resume_line(place: Path) -> None:
    words = [*TRAIN, "--epochs", "1", "--results", "my results", "--db", "a b.db"]
    for number in (signal.SIGTERM, signal.SIGHUP):
        driver = Driver(place, *words)
        if "train" in words:  # there is nothing left to train later
            driver.until("Ray is up")
            assert marked(driver.process.pid)
        driver.until("all trials have ended")
        driver.process.send_signal(number)
        code, said = driver.end()
        assert code == 130, said
        assert said.endswith(f"Continue with: nas {' '.join(words_of_resume())}\n"), said
        deadline = time.monotonic() + 10
        while marked(driver.process.pid) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not marked(driver.process.pid)
        words = ["resume", "own", "--results", "my results", "--db", "a b.db"]
    done = call_here(place, *words)
    assert done.code == 0, done.err
    assert (place / "my results" / "own" / "best" / "card.json").exists()


def words_of_resume() -> list[str]:
    return ["resume", "own", "--results", "'my results'", "--db", "'a b.db'"]


def test_a_terminal_that_closes_interrupts_the_study_and_keeps_it(place: Path) -> None:
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", NAS, *TRAIN, "--epochs", "500"],
        cwd=place, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while b"epoch 2/500" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)  # as ssh does it: SIGHUP, and no place to write to
    process.wait(timeout=60)
    state = call_here(place, "list", "--json").out
    assert '"state": "interrupted"' in state
    assert '"waiting": 1' in state.lower()
    (checkpoint,) = (place / "nas-results" / "own").glob("trial-*/checkpoint.json")
    assert json.loads(checkpoint.read_text())["begun"]["steps"] > 0  # its workers lived on to save


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])
def test_a_signal_before_the_study_exists_leaves_nothing(place: Path, number: int) -> None:
    driver = Driver(place, *TRAIN, "--epochs", "500")
    status = Path(f"/proc/{driver.process.pid}/status")
    caught = 0
    while not caught >> (number - 1) & 1:  # Python itself catches only SIGINT
        caught = int(status.read_text().partition("SigCgt:")[2].split()[0], 16)
    time.sleep(0.7)  # while libraries are imported, and Ray starts
    driver.process.send_signal(number)
    code, said = driver.end()
    assert code == 130, said
    assert "Traceback" not in said
