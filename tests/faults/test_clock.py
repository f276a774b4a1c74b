"""The clock is set back or forward: a lease keeps its length, and its age is never negative."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, cycle
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from nas import steady_clock
from nas.errors import StudyBusyError
from nas.steady_clock import SteadyClock
from nas.store import open_store
from nas.store.database import Database
from nas.store.database_url import read_address
from nas.store.lease import busy, is_live, this_process
from nas.store.tables import LEASE
from nas.study.spec import StudySpec
from nas.study.study import Study
from tests.forked import Forked
from tests.store.rows import VERSIONS
from tests.studies import WalkSampler, run_one, small_spec

SECONDS = 0.8
TIMES = ("acquired_at", "renewed_at", "expires_at")
BOOT, _, NAMESPACE = this_process().place.partition(" ")


def leave_lease(url: str, spec: StudySpec, place: str, seconds: float) -> None:
    """Let a process die that held the study at `place`; then the clock is set by `seconds`."""
    with open_store(url) as store:
        store.create_study(spec, VERSIONS)

    def hold() -> int:
        open_store(url).acquire("small", seconds=SECONDS)
        return 0

    assert Forked(hold).wait() == 0

    def change(connection: sa.Connection) -> None:
        row = connection.execute(sa.select(LEASE)).one()._asdict()
        moved = {name: row[name] - timedelta(seconds=seconds) for name in TIMES}
        connection.execute(sa.update(LEASE).values(place=place, **moved))

    database = Database(read_address(url), read_only=False, patience=5.0)
    database.write(change)
    database.close()


@pytest.mark.parametrize("hours", [-2, 2])
@pytest.mark.parametrize("place", [f"{BOOT} pid:[1]", "another-boot pid:[1]"])
def test_a_study_is_free_after_the_length_of_its_lease(
    store_url: str, spec: StudySpec, place: str, hours: float
) -> None:
    leave_lease(store_url, spec, place, 3600.0 * hours)
    known = place.startswith(BOOT) or hours < 0
    with open_store(store_url) as store:
        if known:
            with pytest.raises(StudyBusyError) as held:
                store.acquire("small", seconds=SECONDS)
            assert not re.search(r"-\d", held.value.cause)
            time.sleep(SECONDS + 0.1)
        with store.acquire("small", seconds=SECONDS):
            store.set_state("small", "RUNNING")


@settings(deadline=None)
@given(
    renewed=st.floats(-1e6, 1e6),
    acquired=st.floats(0.0, 1e6),
    ticks=st.none() | st.integers(-(10**6), 10**6).map(lambda seconds: seconds + 0.5),
    place=st.sampled_from([f"{BOOT} pid:[1]", "another-boot pid:[1]"]),
)
def test_no_age_is_negative(
    renewed: float, acquired: float, ticks: float | None, place: str
) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    last = moment - timedelta(seconds=renewed)
    row: Any = SimpleNamespace(
        token="t", host="h", pid=1, place=place, born="1",
        acquired_at=last - timedelta(seconds=acquired), renewed_at=last,
        expires_at=last + timedelta(seconds=30),
        ticks=None if ticks is None else time.monotonic() - ticks,
    )  # fmt: skip
    told = busy("small", row, moment).cause
    assert not re.search(r"-\d", told), told
    if place.startswith(BOOT) and ticks is not None and ticks >= 0:
        assert is_live(row, moment) == (ticks < 30)
    elif renewed >= 0:
        assert is_live(row, moment) == (renewed < 30)


@contextmanager
def system_clock(hours: Iterator[float]) -> Iterator[SteadyClock]:
    """Yield a clock of a process whose system clock is wrong by the next number of `hours`."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(hours=next(hours))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(steady_clock, "datetime", Wrong)
        yield SteadyClock()


@settings(deadline=None)
@given(st.lists(st.floats(-48, 48), min_size=1, max_size=20))
def test_the_time_of_records_never_goes_back(hours: list[float]) -> None:
    began = time.monotonic()
    with system_clock(chain([0.0], hours)) as clock:
        times = [clock.now() for _ in hours]
    assert times == sorted(times)
    ahead = max(0.0, *hours)
    late = times[-1] - datetime.now(UTC) - timedelta(hours=ahead)
    assert abs(late.total_seconds()) <= time.monotonic() - began + 0.1


def test_the_time_of_records_does_not_run_ahead_of_the_system_clock() -> None:
    clock = SteadyClock()
    fast = SimpleNamespace(monotonic=lambda: 1000 * time.monotonic())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(steady_clock, "time", fast)
        for _ in range(100):
            before, found, after = datetime.now(UTC), clock.now(), datetime.now(UTC)
            assert before <= found <= after


def run_trials(url: str, trials: int, hours: float) -> int:
    """Run so many trials while the system clock leaps back and forward by `hours`."""
    with system_clock(cycle((hours, -hours))):
        spec = small_spec(num_trials=8, published=False, confirm=0)
        with open_store(url) as store:
            if not store.names():
                store.create_study(spec, {"nas": "test"})
            with store.acquire(spec.name):
                study = Study(spec, store, WalkSampler(spec))
                for _ in range(trials):
                    run_one(study)
    return 0


def test_a_study_whose_clock_leaps_keeps_its_order(store_url: str) -> None:
    url = store_url
    for trials, hours in ((3, 1.0), (3, -2.0), (2, 0.0)):
        assert Forked(partial(run_trials, url, trials, hours)).wait() == 0
    with open_store(url, read_only=True) as store:
        (spec,) = (store.spec(name) for name in store.names())
        found = store.trials(spec.name)
        rows = [row for trial in found for row in store.attempts(spec.name, trial.number)]
    assert [trial.state.finished for trial in found] == [True] * 8
    ends = [trial.finished_at for trial in found]
    assert ends == sorted(ends)
    assert all(row.ended is not None and row.began <= row.ended for row in rows)
    assert all(trial.created_at <= trial.finished_at for trial in found)
