"""A search as a user types it: interrupted, killed, resumed, and its page."""

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir
from urllib.request import urlopen

import pytest

from nas.study.trial import Trial, TrialState
from tests.cli.runner import Called, call_here, marked
from tests.integration.searches import begin, search_words, stored, until

pytestmark = pytest.mark.timeout(240)


@dataclass
class Troubled:
    """The outputs and the trials after each chapter of one study's troubled life."""

    busy: Called
    interrupted: tuple[int, str, str]
    resumed: Called
    records: list[dict[int, Trial]]
    page: tuple[int | None, int | None]  # status while the driver lives, and after its end
    left: list[set[str]]  # the processes and files that each driver left behind


@pytest.fixture(scope="module")
def troubled(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Troubled:
    """A study that meets a second driver, is interrupted, resumed, killed, and resumed again."""
    directory = tmp_path_factory.mktemp("troubled")
    database = directory / "mine.db"
    run = ("--db", "mine.db", "--results", "my results", "--max-concurrent", "1")
    words = search_words("--study", "mine", "--trials", "4", "--rungs", "5", "--limit", "300")
    first = begin(directory, *words, "--confirm", "0", "--dashboard", *run)
    until(first, "devices")  # it holds the study from here on
    busy = call_here(directory, "resume", "mine", *run)
    address = page_of(until(first, "page"))
    until(first, "1/5 finished")
    served = status(address, 200)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does it
    out, err = first.communicate(timeout=60)
    interrupted = (first.returncode, out, err)
    records = [stored(database, "mine")]
    page = (served, status(address, None))
    left = [left_behind(first.pid)]

    second = begin(directory, "resume", "mine", *run)
    until(second, " complete val error ")
    while not any(t.state is TrialState.RUNNING for t in stored(database, "mine").values()):
        assert second.poll() is None
    second.kill()
    second.communicate()
    records.append(stored(database, "mine"))

    left.append(left_behind(second.pid))
    resumed = call_here(directory, "resume", "mine", *run)
    records.append(stored(database, "mine"))
    return Troubled(busy, interrupted, resumed, records, page, left)


def left_behind(driver: int, within: float = 30.0) -> set[str]:
    """Return the processes of a driver's Ray and its scratch, once they are gone or time is up."""
    deadline = time.monotonic() + within
    while found := {*marked(driver), *map(str, Path(gettempdir()).glob(f"nas-ray-{driver}-*"))}:
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return found


def page_process(driver: int) -> int:
    """Return the process that serves the page of a driver."""
    listed = Path(f"/proc/{driver}/task").glob("*/children")
    children = [int(pid) for listing in listed for pid in listing.read_text().split()]
    (found,) = (p for p in children if "spawn_main" in Path(f"/proc/{p}/cmdline").read_text())
    return found


def page_of(lines: list[str]) -> str:
    """Return the address in the line of the page."""
    name, address, *_ = lines[-1].split()
    assert name == "page"
    return address


def status(address: str, expected: int | None) -> int | None:
    """Return the status with which the page answers, None without one; wait for the expected."""
    found: int | None = None
    for _ in range(100):
        try:
            with urlopen(address, timeout=5) as answer:
                found = answer.status
        except OSError:
            found = None
        if found == expected:
            break
        time.sleep(0.2)
    return found


def test_the_page_is_served_while_the_study_runs(troubled: Troubled) -> None:
    assert troubled.page == (200, None)


def test_no_process_and_no_file_of_an_interrupted_or_killed_driver_is_left(
    troubled: Troubled,
) -> None:
    assert troubled.left == [set(), set()]


@pytest.mark.slow
def test_a_study_goes_on_when_its_page_is_killed(tmp_path: Path) -> None:
    words = search_words("--trials", "4", "--rungs", "5", "--limit", "300", "--confirm", "0")
    driver = begin(tmp_path, *words, "--max-concurrent", "1", "--dashboard")
    address = page_of(until(driver, "page"))
    until(driver, "1/5 finished")
    assert status(address, 200) == 200
    os.kill(page_process(driver.pid), signal.SIGKILL)
    assert status(address, None) is None
    until(driver, "5/5 finished")
    driver.communicate()
    assert driver.returncode == 0


def test_a_second_driver_is_turned_away(troubled: Troubled) -> None:
    busy = troubled.busy
    assert (busy.code, busy.out) == (5, "")
    assert len(busy.err.strip().splitlines()) == 3
    assert "Continue with: nas resume mine --results" in busy.err


def test_an_interruption_says_what_is_kept_and_how_to_go_on(troubled: Troubled) -> None:
    code, _, err = troubled.interrupted
    assert code == 130
    finished = [t for t in troubled.records[0].values() if t.state.finished]
    waiting = [t for t in troubled.records[0].values() if t.state is TrialState.WAITING]
    assert finished
    assert len(finished) + len(waiting) == len(troubled.records[0])
    assert f"{len(finished)} finished trial" in err
    assert "Continue with: nas resume mine --results 'my results' --db mine.db" in err
    assert "Traceback" not in err
    assert all(trial.lost == 0 for trial in troubled.records[0].values())


def test_a_resumed_study_never_repeats_a_finished_trial(troubled: Troubled) -> None:
    resumed = troubled.resumed
    assert (resumed.code, resumed.err) == (0, "")
    last = troubled.records[-1]
    assert sorted(last) == list(range(5))
    assert all(trial.state is TrialState.COMPLETE for trial in last.values())
    for record in troubled.records[:-1]:
        for number, trial in record.items():
            if trial.state.finished:
                assert replace(last[number], weights_removed_at=None) == trial
                assert f"\ntrial {number} " not in resumed.out.partition("Pareto front")[0]
            else:
                assert last[number].arch_id == trial.arch_id


def test_what_a_killed_driver_left_running_is_measured_again(troubled: Troubled) -> None:
    _, killed, last = troubled.records
    left = [number for number, trial in killed.items() if trial.state is TrialState.RUNNING]
    assert left
    for number in left:
        assert last[number].attempt == killed[number].attempt + 1
        assert last[number].lost == killed[number].lost  # the worker was not at fault
        assert [m.epoch for m in last[number].measurements] == list(range(1, 6))
