"""The bridge: two workers that end at once do not wait for each other's proposals."""

from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.experiment import Trial as TuneTrial

from nas.errors import RayLostError
from nas.tuner import tune_bridge as bridges
from nas.tuner.lost_workers import Nodes
from nas.tuner.ray_watch import RayWatch
from nas.tuner.tune_bridge import Bridge


class Endless:
    """An execution with a job for everyone who asks."""

    def __init__(self) -> None:
        self.asked = 0

    def next(self) -> SimpleNamespace:
        self.asked += 1
        return SimpleNamespace(number=self.asked)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(at=100.0)
    monkeypatch.setattr(bridges, "time", SimpleNamespace(monotonic=lambda: now.at))
    monkeypatch.setattr(Nodes, "alive", lambda: Nodes({}))
    return now


@pytest.fixture
def bridge(clock: SimpleNamespace) -> Bridge:
    endless: Any = Endless()
    return Bridge(endless, None, lambda: 2, 60.0, RayWatch(lambda error: None, local=True))


def given(bridge: Bridge, name: str, status: str = TuneTrial.PENDING) -> SimpleNamespace | None:
    """Ask for a job under a name; return Tune's handle on it, or None where there was none yet."""
    if bridge.suggest(name) is None:
        return None
    trial = SimpleNamespace(trial_id=name, status=status)
    added: Any = trial
    bridge.add(added)
    return trial


def test_the_first_workers_are_given_their_jobs_at_once(bridge: Bridge) -> None:
    assert given(bridge, "a")
    assert given(bridge, "b")


def test_a_worker_that_is_about_to_start_goes_before_the_next_proposal(bridge: Bridge) -> None:
    for name in ("a", "b"):
        given(bridge, name, TuneTrial.RUNNING)
    bridge.over("a")
    starts = given(bridge, "c")
    bridge.over("b")
    assert given(bridge, "d") is None
    endless: Any = bridge.execution
    assert endless.asked == 3
    starts.status = TuneTrial.RUNNING
    assert given(bridge, "d")


def test_nobody_waits_long_for_a_worker_that_does_not_start(
    bridge: Bridge, clock: SimpleNamespace
) -> None:
    for name in ("a", "b"):
        given(bridge, name, TuneTrial.RUNNING)
    bridge.over("a")
    bridge.over("b")
    assert given(bridge, "c")
    assert given(bridge, "d") is None
    clock.at += 2 * bridges.HEAD_START
    assert given(bridge, "d")


def test_a_run_ends_if_no_worker_starts_for_too_long(
    bridge: Bridge, clock: SimpleNamespace
) -> None:
    first = given(bridge, "a")
    bridge.watch()
    clock.at += bridges.PLACEMENT_SECONDS - 1
    bridge.watch()
    assert not bridge.stopping
    first.status = TuneTrial.RUNNING  # a worker: from now on its reports are awaited
    first.temporary_state = SimpleNamespace(ray_actor=None)
    bridge.watch()
    first.status = TuneTrial.PENDING
    bridge.watch()
    clock.at += bridges.PLACEMENT_SECONDS + 1
    first.temporary_state = SimpleNamespace(ray_actor=None)
    bridge.watch()
    assert bridge.stopping
    assert isinstance(bridge.failure, RayLostError)
    assert bridge.failure.exit_code == 4
