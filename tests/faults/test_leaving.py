"""A study that is asked to end: by every signal, at every stage, and what it says then."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import NAS, Driver, call_here, marked
from tests.cli.test_train import ARCH, SPACE
from tests.forked import Forked

pytestmark = pytest.mark.timeout(280)
TRAIN = ["train", "--space", "tiny.toml", "--arch", ARCH, "--limit", "60", "--name", "own"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(SPACE)
    return tmp_path


RESUME = ("resume", "own", "--results", "my results", "--db", "a b.db")
CONTINUE = "Continue with: nas resume own --results 'my results' --db 'a b.db'\n"


@pytest.mark.slow
def test_each_signal_in_the_report_stage_ends_with_the_resume_line(place: Path) -> None:
    words = ["--epochs", "1", "--results", "my results", "--db", "a b.db"]
    driver = Driver(place, *TRAIN, *words)
    driver.until("Ray is up")
    assert marked(driver.process.pid)
    driver.until("all trials have ended")
    driver.process.send_signal(signal.SIGTERM)
    code, said = driver.end()
    assert code == 130, said
    assert said.endswith(CONTINUE), said
    deadline = time.monotonic() + 10
    while marked(driver.process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not marked(driver.process.pid)

    resumed = Forked(partial(resume_until_hung_up, place))
    said = resumed.stderr.read()
    assert resumed.wait() == 130, said
    assert said.endswith(CONTINUE), said
    done = call_here(place, *RESUME)
    assert done.code == 0, done.err
    assert (place / "my results" / "own" / "best" / "card.json").exists()


def resume_until_hung_up(place: Path) -> int:
    """Resume the study; a SIGHUP comes with its report, before its export."""
    sent = list[str]()

    def hang_up(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and str(arguments[1]).endswith("report.html") and not sent:
            sent.append(event)
            os.kill(os.getpid(), signal.SIGHUP)

    sys.addaudithook(hang_up)
    called = call_here(place, *RESUME)
    sys.stderr.write(called.err)
    return called.code


@pytest.mark.slow
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


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGUSR1]
)
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
