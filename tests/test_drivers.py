"""Drivers: each queued study gets one, and another if it ends, until starts make no progress."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from nas.errors import StoreError
from nas.store import MAX_FAILURES, StudyState, open_store
from nas.study.spec import StudySpec
from nas.workflows import Fleet, drivers
from tests.store.rows import EPOCHS, VERSIONS, trial


class Program:
    """A driver that is a program of its own, which ends at once with a code."""

    def __init__(self, code: int) -> None:
        script = f"import sys; sys.exit(print('the last words') or {code})"
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", script], stdout=subprocess.PIPE, text=True
        )
        self._said = self._process.communicate()[0]
        self.stopped = False

    def ended(self) -> int | None:
        return self._process.returncode

    def output(self) -> str:
        return self._said

    def stop(self) -> None:
        self.stopped = True


class Clock:
    """The time for the back-off."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(drivers, "time", clock)
    return clock


def test_a_driver_that_fails_is_started_later_each_time_and_then_given_up(
    tmp_path: Path, spec: StudySpec, clock: Clock
) -> None:
    db, starts, told = str(tmp_path / "nas.db"), list[float](), list[str]()

    def start(study: str) -> Program:
        starts.append(clock.at)
        return Program(4)

    with open_store(db) as store:
        store.create_study(spec, VERSIONS)
        store.submit("small", "{}")
    fleet = Fleet(db, start, told.append)
    while fleet.turn():
        clock.at += 1.0
        assert clock.at < 3000
    pauses = [later - sooner for sooner, later in pairwise(starts)]
    assert len(starts) == MAX_FAILURES
    assert pauses == sorted(pauses)
    assert pauses[-1] > 3 * pauses[0]
    assert "given up after 5 starts without progress" in told[-1]
    assert "the last words" in told[-1]
    with open_store(db) as store:
        assert "the last words" in (store.order("small").note or "")


def test_progress_allows_more_starts_and_a_busy_study_is_no_failure(
    tmp_path: Path, spec: StudySpec, clock: Clock
) -> None:
    db = str(tmp_path / "nas.db")
    codes = iter([4, 4, 5, 4, 0])
    with open_store(db) as store:
        store.create_study(spec, VERSIONS)
        store.submit("small", "{}")
        fleet = Fleet(db, lambda study: Program(next(codes)))
        for turn in range(2000):
            if turn == 20:
                store.insert_trial("small", trial(spec, measurements=tuple(EPOCHS)))
            if not [*fleet.running] and store.order("small").failures == 0 and turn > 20:
                break
            fleet.turn()
            clock.at += 1.0
        assert store.order("small").failures == 0
        assert store.activity("small")[0] is StudyState.QUEUED


def test_studies_that_are_paused_or_held_get_no_driver(
    tmp_path: Path, spec: StudySpec, clock: Clock
) -> None:
    db = str(tmp_path / "nas.db")

    def start(study: str) -> Program:
        raise AssertionError(f"{study} needs no driver")

    with open_store(db) as store:
        store.create_study(spec, VERSIONS)
        assert Fleet(db, start).turn() == 0
        store.submit("small", "{}")
        with store.acquire("small"):
            assert Fleet(db, start).turn() == 0
        store.pause("small")
        assert Fleet(db, start).turn() == 0


def test_a_database_that_cannot_be_read_is_tried_again_only_if_it_was_read_before(
    tmp_path: Path, spec: StudySpec, clock: Clock
) -> None:
    fleet = Fleet(str(tmp_path / "nas.db"), lambda study: Program(0))
    with pytest.raises(StoreError):
        fleet.run(until_idle=True, interrupted=lambda: False)
    told = list[str]()
    with open_store(fleet.db) as store:
        store.create_study(spec, VERSIONS)
    asked = 0

    def interrupted() -> bool:
        """Delete the database after the first turn, and end after the second one."""
        nonlocal asked
        asked += 1
        if asked == 2:
            Path(fleet.db).unlink()
        return asked > 12

    fleet.say = told.append
    fleet.run(until_idle=False, interrupted=interrupted)
    assert len(told) == 1
    assert told[0].endswith("It is tried again.")
