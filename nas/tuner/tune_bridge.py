"""The bridge between Ray Tune and an `Execution`; Tune calls it through `nas.tuner.tune_parts`.

It is called by Tune's loop in the driver's main thread. Every job is a separate Tune trial, without
retries: if its worker is lost, the trial of the study is requeued, and the next attempt is a new
Tune trial.

Errors of the study (circuit breaker, lost database) must not reach Tune, which would log them and
continue. The bridge keeps the first error and stops the run; then the caller raises the error.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.search import Searcher

from nas.errors import NasError, StoreError
from nas.study import (
    Decision,
    Execution,
    Failure,
    Fault,
    Job,
    Reason,
    Report,
    WorkerPlan,
    failure_reason,
)
from nas.tuner.lost_workers import Nodes, fault_of
from nas.tuner.node_probe import CheckedNodes, NodeAnswer
from nas.tuner.ray_watch import RayWatch
from nas.tuner.room import Room
from nas.tuner.waiting import Demand, Wait

# Seconds for which a study without a share in the cluster demands no worker.
BACK_OFF = 5.0

# A study that has had more than its share for YIELD_SECONDS ends trials older than LEAST_SECONDS.
YIELD_SECONDS = 5.0
LEAST_SECONDS = 20.0

_UNFIT = Fault(Reason.UNFIT, "its node cannot train the study")
_DRAINED = Fault(Reason.PREEMPTED, "its node is about to end")

# Seconds after an interruption in which workers may save their trainings.
SAVING_SECONDS = 10.0

# The next proposal waits up to HEAD_START seconds until a waiting worker has started its trial, but
# not with many workers: Tune keeps only one worker without a next trial, and ends the others.
HEAD_START = 0.1
FEW_WORKERS = 8


@dataclass
class _Flight:
    """One Tune trial: its job, its start, and the host and the time of its last report.

    Times are monotonic seconds; `nodes` are those that were alive at the start.
    """

    job: Job
    since: float
    nodes: Nodes
    host: str | None = None
    tune_trial: TuneTrial | None = None
    heard: float | None = None
    timed_out: bool = False
    asked: Fault | None = None  # why its worker was asked to save its training and to end
    unfit: frozenset[str] = frozenset()  # nodes on which it must not run
    given_up: bool = False  # its job is over, and its worker was killed

    @property
    def runs(self) -> bool:
        """Whether it has a worker."""
        trial = self.tune_trial
        return trial is not None and trial.status == TuneTrial.RUNNING and not self.given_up


class Bridge:
    """The jobs in flight, by the id of the Tune trial, and the end of the run."""

    def __init__(
        self,
        execution: Execution,
        plan: WorkerPlan,
        room: Room,
        report_timeout: float,
        watch: RayWatch,
        nodes: CheckedNodes | None = None,
    ) -> None:
        """Run `execution` with as many jobs at a time as `room` allows, on the Ray of `watch`.

        `nodes` are the checked nodes of a cluster; jobs run only on those that can train the study.
        """
        self.execution = execution
        self.plan = plan
        self.failure: NasError | None = None
        self.stopping = False
        self._room, self._nodes = room, nodes
        self._wanting = True  # whether there may be a further job
        self._shared_at = 0.0  # the last time at which the study had a worker or a share
        self._idle = 0  # workers whose job ended, and that wait for the next one
        self._report_timeout = report_timeout
        self._watch = watch
        self._wait, self._demand = Wait(execution, room), Demand(room.each)
        self._ending_since: float | None = None
        self._over_since: float | None = None  # since when it has had more than its share
        self._flights: dict[str, _Flight] = {}
        self._warm = False  # after the first trial, workers start the next within milliseconds

    def turn(self) -> None:
        """Record an iteration of Tune's loop, and end the run if Ray is lost."""
        self._watch.turn()
        if self._watch.lost is not None:
            self.ray_is_lost()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the config of the next job, None to be called again later, or FINISHED."""
        if self.stopping:
            return str(Searcher.FINISHED)
        if self._ending_since is not None:
            return None
        if len(self._flights) >= self._most_in_flight() or self._starting():
            return None
        with self._guard():
            job = self.execution.next(begin=False)
            self._wanting, self._idle = job is not None, max(0, self._idle - 1)
            if job is not None:
                unfit = frozenset(self._nodes.unfit) if self._nodes else frozenset[str]()
                self._flights[trial_id] = _Flight(job, time.monotonic(), Nodes.alive(), unfit=unfit)
                return {"plan": self.plan, "job": job, **self._node_requirements()}
        return None if self._flights else str(Searcher.FINISHED)

    def _node_requirements(self) -> dict[str, Any]:
        """Return the versions and labels that a node must have; empty without a cluster."""
        if self._nodes is None:
            return {}
        return {"expected": dict(self._nodes.reference), "labels": self._nodes.labels}

    def node_answered(self, node: str, worker: str, answer: NodeAnswer) -> None:
        """Record the answer of a node, which its worker sends with its first reports."""
        with self._guard():
            if self._nodes is not None:
                self._nodes.take(node, worker.partition(":")[0], answer)
                self._nodes.check_some_fit()

    def _slots(self) -> int:
        """Return how many trials may run."""
        wanted = None if self._wanting else len(self._flights)
        return self._room.slots(self._running, wanted)

    @property
    def _running(self) -> int:
        return sum(flight.runs for flight in self._flights.values())

    def _most_in_flight(self) -> int:
        """Return how many jobs may be in flight.

        A study without a share in a cluster hands out one job to show its demand, but only after
        some seconds: otherwise it would take back the worker that it has just given up.
        """
        slots, now = self._slots(), time.monotonic()
        if self._idle:  # the share may have shrunk since, but the study still has these workers
            return max(slots, len(self._flights) + self._idle)
        if self._flights or slots or self._room.share is None:
            self._shared_at = now
            return slots
        return int(now - self._shared_at >= BACK_OFF)

    def _must_end_worker(self, flight: _Flight) -> bool:
        """Tell whether a worker whose job is over must end; otherwise Tune keeps it for the next.

        It must end if the set of unfit nodes has changed, or if the study has more than its share.
        """
        if self._nodes is not None and flight.unfit != frozenset(self._nodes.unfit):
            return True
        if self._room.share is None:
            return False
        return self._running > self._slots() or self.execution.study.to_come() == (0, 0)

    def add(self, tune_trial: TuneTrial) -> None:
        """Store the object of a Tune trial."""
        self._flights[tune_trial.trial_id].tune_trial = tune_trial

    def started(self, trial_id: str) -> None:
        """Record that a worker began with a Tune trial."""
        flight = self._flights.get(trial_id)
        if flight is not None and not self.stopping:
            with self._guard():
                self.execution.begin(flight.job)

    def result(self, trial_id: str, report: Report) -> Decision:
        """Record a report and decide."""
        flight = self._flights.get(trial_id)
        if flight is None or self.stopping:
            return Decision.STOP
        flight.heard, flight.host = time.monotonic(), report.worker.partition(":")[0]
        with self._guard():
            if _failed(report, Reason.UNFIT):
                self.execution.lost(flight.job, _UNFIT, report.worker)
                self._wanting = True
                return self._end_worker(flight)
            if _failed(report, Reason.USER) and self._ending_since is None:
                self.execution.lost(flight.job, flight.asked or _DRAINED, report.worker)
                self._wanting = True
                return self._end_worker(flight)
            decision = self.execution.report(flight.job, report)
            if decision is Decision.STOP:
                self._wanting = True
                if self._must_end_worker(flight):
                    return self._end_worker(flight)
                self._idle += 1
            return decision
        return Decision.STOP

    def _end_worker(self, flight: _Flight) -> Decision:
        """Kill the worker of a job that is over; Tune then calls `error`, which ignores it."""
        flight.given_up = True
        if flight.tune_trial is not None:
            _kill(flight.tune_trial)
        return Decision.CONTINUE

    def over(self, trial_id: str) -> None:
        """Remove a Tune trial that ended."""
        self._warm = self._flights.pop(trial_id, None) is not None or self._warm

    def error(self, trial_id: str, error: Exception | None) -> None:
        """Handle a failed Tune trial: killed after a timeout, worker lost, or an error of Ray."""
        flight = self._flights.pop(trial_id, None)
        if flight is None or flight.given_up or self.stopping or self.ray_is_lost():
            return
        self._wanting = True
        with self._guard():
            if flight.timed_out:
                self.execution.timed_out(flight.job, self._report_timeout)
            elif isinstance(error, ray.exceptions.RayTaskError):
                reason = failure_reason(error.cause)
                report = Report(Failure(reason, str(error)), 0.0, "")
                self.execution.report(flight.job, report)
            else:
                fault = fault_of(error, flight.nodes, flight.host)
                self.execution.lost(flight.job, fault)

    def ray_is_lost(self) -> bool:
        """Tell whether the run ends, and end it without a further call of Ray if Ray is lost.

        The jobs in flight then count as interrupted, not as lost.
        """
        if self._watch.check():
            self.failure = self.failure or self._watch.lost
            self.stopping = True
        return self.stopping

    def watch(self) -> None:
        """Kill workers without a report for too long; called several times a second."""
        now = time.monotonic()
        with self._guard():
            self._wait.turn(bool(self._flights) and not self._running)
        if self._room.share is not None:
            # While it is placed, a demand uses the room of a waiting trial for some seconds.
            more = self._wanting and (self._running > 0 or self._room.fits() < 1)
            self._demand.turn(self._room.missing() if more else 0)
            self._yield(now)
        for flight in self._flights.values():
            if flight.tune_trial is None or not flight.runs:
                continue
            if flight.heard is None:
                flight.heard = now
            elif now - flight.heard > self._report_timeout and not flight.timed_out:
                flight.timed_out = True
                _kill(flight.tune_trial)

    def _yield(self, now: float) -> None:
        """Ask trials to save and end if the study has had more than its share for some seconds.

        Trials that end by themselves in these seconds make room, too. Young trials continue.
        """
        running = [flight for flight in self._flights.values() if flight.runs]
        excess = sum(not flight.asked for flight in running) - self._slots()
        if excess <= 0:
            self._over_since = None
            return
        self._over_since = now if self._over_since is None else self._over_since
        if now - self._over_since < YIELD_SECONDS:
            return
        old = [f for f in running if not f.asked and now - f.since > LEAST_SECONDS]
        for flight in sorted(old, key=lambda one: one.since)[:excess]:
            flight.asked = Fault(Reason.YIELDED, "another study has its turn")
            self.plan.ending.make(flight.job.name)

    def stop(self) -> None:
        """Stop proposing, and kill the workers, so that Tune does not wait for them."""
        if self.stopping:
            return
        self.stopping = True
        for flight in self._flights.values():
            if flight.tune_trial is not None:
                _kill(flight.tune_trial)

    def end(self) -> None:
        """Let the workers save their trainings for some seconds, then end the run.

        Called in each iteration of Tune's loop after an interruption.
        """
        now = time.monotonic()
        if self._ending_since is None:
            self._ending_since = now
            self.plan.ending.make()
        if not self._running or now - self._ending_since > SAVING_SECONDS:
            self.stop()
            with suppress(StoreError):  # the next start finds these trials RUNNING
                self.execution.interrupt()

    def __getstate__(self) -> dict[str, object]:
        """Return nothing: Tune pickles its arguments, but the store is the only record."""
        return {}

    def _starting(self) -> bool:
        """Tell whether a worker is about to start, so that the next proposal must wait.

        Otherwise two workers that finish at the same time would both wait for both proposals.
        """
        earliest = time.monotonic() - HEAD_START
        return (
            self._warm
            and len(self._flights) <= FEW_WORKERS
            and any(
                flight.since > earliest
                and (flight.tune_trial is None or flight.tune_trial.status == TuneTrial.PENDING)
                for flight in self._flights.values()
            )
        )

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            with self._watch.elsewhere():
                yield
        except NasError as error:
            self.failure = self.failure or error
            self.stop()


def _failed(report: Report, reason: Reason) -> bool:
    """Tell whether an attempt ended for `reason`.

    With USER the driver asked the worker to save and end; with UNFIT the node cannot train.
    """
    return isinstance(report.content, Failure) and report.content.reason == reason


def _kill(tune_trial: TuneTrial) -> None:
    actor = tune_trial.temporary_state.ray_actor
    if actor is not None:
        try:
            ray.kill(actor)
        except RayError:  # the actor has already ended
            return
