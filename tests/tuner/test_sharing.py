"""Two studies on one cluster: the second begins soon, and both get the same device-time."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from nas.study.attempts import TrialAttempt
from tests.tuner.ray_cluster import Driver, RayCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def two_cpus() -> Iterator[RayCluster]:
    with RayCluster("--num-cpus=2") as cluster:
        yield cluster


def within(attempts: list[TrialAttempt], begin: datetime, end: datetime) -> float:
    """Return the seconds of some attempts between two times."""
    parts = [(max(a.began, begin), min(a.ended or end, end)) for a in attempts]
    return sum(max(0.0, (stop - start).total_seconds()) for start, stop in parts)


def test_a_second_study_gets_half_of_a_busy_cluster(two_cpus: RayCluster, tmp_path: Path) -> None:
    first = Driver(two_cpus, tmp_path / "a", 500, 1.0)
    first.until("finished", 4)
    assert first.running() <= 2  # a trial that waits for a worker is not RUNNING
    second = Driver(two_cpus, tmp_path / "b", 500, 1.0)
    second.until("finished", 3)
    assert first.running() <= 1
    second.until("finished", 10)
    second.end()
    before = first.count("started")
    first.until("started", before + 4)  # what the second study leaves is used
    first.end()
    theirs = second.attempts()
    begin, end = theirs[2].began, theirs[9].began
    ours = within(first.attempts(), begin, end)
    longest = max((a.ended - a.began).total_seconds() for a in theirs[2:9] if a.ended)
    assert abs(ours - within(theirs, begin, end)) <= 2 * longest
