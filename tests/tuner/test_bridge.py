"""The bridge: two workers that end at once do not wait for each other's proposals."""

from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.tune.experiment import Trial as TuneTrial

from nas.errors import RayLostError
from nas.study import Decision, Failure, Fault, Reason, Report
from nas.tuner import tune_bridge as bridges
from nas.tuner import waiting
from nas.tuner.lost_workers import Nodes
from nas.tuner.ray_watch import RayWatch
from nas.tuner.tune_bridge import Bridge


class Endless:
    """An execution with a job for everyone who asks."""

    def __init__(self) -> None:
        self.asked = 0

    def next(self, begin: bool) -> SimpleNamespace:
        self.asked += 1
        return SimpleNamespace(number=self.asked, name=f"trial-{self.asked}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(at=100.0)
    for module in (bridges, waiting):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now.at))
    monkeypatch.setattr(Nodes, "alive", lambda: Nodes({}))
    return now


@pytest.fixture
def bridge(clock: SimpleNamespace) -> Bridge:
    endless: Any = Endless()
    two: Any = SimpleNamespace(share=None, each=(1.0, 0.0), slots=lambda running, wanted: 2)
    return Bridge(endless, None, two, 60.0, RayWatch(lambda error: None, local=True))


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
    clock.at += waiting.PLACEMENT_SECONDS - 1
    bridge.watch()
    assert not bridge.stopping
    first.status = TuneTrial.RUNNING  # a worker: from now on its reports are awaited
    first.temporary_state = SimpleNamespace(ray_actor=None)
    bridge.watch()
    first.status = TuneTrial.PENDING
    bridge.watch()
    clock.at += waiting.PLACEMENT_SECONDS + 1
    first.temporary_state = SimpleNamespace(ray_actor=None)
    bridge.watch()
    assert bridge.stopping
    assert isinstance(bridge.failure, RayLostError)
    assert bridge.failure.exit_code == 4


class Actor:
    """A worker that is known to be alive or killed."""

    def __init__(self) -> None:
        self.alive = True


class Shared:
    """A room in a cluster that studies share; the test sets the slots."""

    def __init__(self) -> None:
        self.mine, self.share, self.each = 2, object(), (1.0, 0.0)
        self.missing = lambda: 0

    def slots(self, running: int, wanted: int | None) -> int:
        return self.mine


@pytest.fixture
def room() -> Shared:
    return Shared()


@pytest.fixture
def shared(room: Any, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Bridge:
    endless: Any = Endless()
    endless.report = lambda job, report: Decision.STOP
    endless.study = SimpleNamespace(to_come=lambda: (9, 0))

    def kill(actor: Actor) -> None:
        actor.alive = False

    monkeypatch.setattr(ray, "kill", kill)
    return Bridge(endless, None, room, 60.0, RayWatch(lambda error: None, local=True))


def running(bridge: Bridge, name: str) -> Actor:
    trial, actor = given(bridge, name, TuneTrial.RUNNING), Actor()
    trial.temporary_state = SimpleNamespace(ray_actor=actor)
    return actor


def ended(bridge: Bridge, name: str) -> Decision:
    """Report the end of a job; a worker that is kept gets its next job from Tune."""
    report: Any = SimpleNamespace(worker="host:1", content=None)
    decision = bridge.result(name, report)
    if decision is Decision.STOP:
        bridge.over(name)
    return decision


def test_a_study_above_its_share_ends_workers_with_their_jobs(shared: Bridge, room: Shared) -> None:
    first, second = running(shared, "a"), running(shared, "b")
    room.mine = 1
    assert ended(shared, "a") is Decision.CONTINUE  # Tune then finds the worker dead
    assert (first.alive, second.alive) == (False, True)
    assert given(shared, "c") is None
    shared.error("a", None)  # no loss of its job, which is over
    assert given(shared, "c") is None
    assert ended(shared, "b") is Decision.STOP
    assert second.alive
    assert given(shared, "c")


def test_a_worker_that_was_kept_is_used_although_the_share_has_shrunk(
    shared: Bridge, room: Shared
) -> None:
    for name in ("a", "b"):
        running(shared, name)
    assert ended(shared, "a") is Decision.STOP
    room.mine = 1
    assert given(shared, "c")
    assert given(shared, "d") is None


def test_a_study_without_a_share_demands_one_worker_but_not_the_one_that_it_gave_up(
    shared: Bridge, room: Shared, clock: SimpleNamespace
) -> None:
    running(shared, "a")
    room.mine = 0
    assert ended(shared, "a") is Decision.CONTINUE
    shared.error("a", None)
    assert given(shared, "b") is None
    clock.at += bridges.BACK_OFF
    assert given(shared, "b")
    assert given(shared, "c") is None


def test_the_last_trials_of_a_study_keep_no_further_worker(shared: Bridge) -> None:
    endless: Any = shared.execution
    first = running(shared, "a")
    running(shared, "b")
    endless.study.to_come = lambda: (0, 0)
    assert ended(shared, "a") is Decision.CONTINUE
    assert not first.alive


def asked_to_end(bridge: Bridge, name: str) -> Decision:
    """Report that the worker of a job saved its training because it was asked to end."""
    return bridge.result(name, Report(Failure(Reason.USER, "asked"), 1.0, "host:1"))


def test_a_study_above_its_share_asks_its_oldest_trial_to_save_and_end(
    shared: Bridge, room: Shared, clock: SimpleNamespace
) -> None:
    requests, faults = list[str](), list[Fault]()
    plan: Any = SimpleNamespace(ending=SimpleNamespace(make=requests.append))
    shared.plan = plan
    endless: Any = shared.execution
    endless.lost = lambda job, fault, worker: faults.append(fault)
    first = running(shared, "a")
    clock.at += bridges.LEAST_SECONDS + 1
    running(shared, "b")
    room.mine = 1
    shared.watch()
    assert requests == []  # a trial may end by itself
    clock.at += bridges.YIELD_SECONDS + 1
    shared.watch()
    shared.watch()
    assert requests == ["trial-1"]
    assert asked_to_end(shared, "a") is Decision.CONTINUE
    assert [fault.reason for fault in faults] == [Reason.YIELDED]
    assert not first.alive


def test_a_trial_that_nobody_asked_ends_because_its_node_drains(shared: Bridge) -> None:
    faults = list[Fault]()
    endless: Any = shared.execution
    endless.lost = lambda job, fault, worker: faults.append(fault)
    running(shared, "a")
    asked_to_end(shared, "a")
    assert [fault.reason for fault in faults] == [Reason.PREEMPTED]
