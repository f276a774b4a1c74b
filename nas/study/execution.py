"""Execution: the part of running a study that all executors share.

An executor (Ray Tune, or a plain loop) takes jobs, and passes on the reports and the losses of
workers. This module turns each of these into calls of the study and into events for watchers. It
depends on no executor and on no heavy library.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from nas.errors import StudyFailedError, StudyPausedError
from nas.study import time_profile as profile
from nas.study.attempts import INTERRUPTIONS, LOSSES, PAUSING
from nas.study.evaluator import Epoch, Failure, Job, Report, Saved
from nas.study.rungs import Decision
from nas.study.study import Study
from nas.study.trial import Fault, Measurement, Outcome, Reason, Trial, TrialState


@dataclass(frozen=True, slots=True)
class WorkersReady:
    """The executor is ready and runs `concurrent` trials at a time; `note` is shown to the user."""

    concurrent: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class WorkersAwaited:
    """No trial has had a worker for `seconds`; `cause` says why."""

    seconds: float
    cause: str


@dataclass(frozen=True, slots=True)
class NodeChecked:
    """A node of a cluster was checked.

    `node` is its id in the executor; `fingerprint` has its versions by name. `problem` says why it
    cannot train the study; None if it can.
    """

    node: str
    host: str
    fingerprint: Mapping[str, str]
    problem: str | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial was recorded as RUNNING."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class TrialMeasured:
    """An epoch was recorded."""

    trial: Trial
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial reached its final state."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class TrialRequeued:
    """A trial waits again because of `reason`: a lost worker, or an interrupted study."""

    trial: Trial
    reason: str


_LOST = Fault(Reason.WORKER_LOST, "its worker ended")
_INTERRUPTED = Fault(Reason.USER, "the study was interrupted")

Event: TypeAlias = (
    WorkersReady
    | WorkersAwaited
    | NodeChecked
    | TrialStarted
    | TrialMeasured
    | TrialFinished
    | TrialRequeued
)
Watcher: TypeAlias = Callable[[Event], None]


def ignore_event(event: Event) -> None:
    """Ignore the event."""


class Execution:
    """One study being executed: the jobs in flight, and the handling of their reports."""

    def __init__(self, study: Study, on_event: Watcher = ignore_event) -> None:
        """Execute `study`; `on_event` is called with each event after it has been recorded."""
        self.study = study
        self.emit = on_event
        self._in_flight: dict[int, Job] = {}
        self._not_begun: set[int] = set()  # numbers of jobs in flight without a worker so far
        self._deferred: list[Event] | None = None  # events to emit after the commit

    def next(self, begin: bool = True) -> Job | None:
        """Return the next job, recorded as RUNNING; None if there is none now.

        Without `begin` its trial stays WAITING until `begin` is called. While jobs are in flight, a
        later call may return a job again, because a job may be lost.
        """
        while (trial := self.study.ask(begin)) is not None and trial.state.finished:
            self.emit(TrialFinished(trial))  # an earlier result was reused: nothing to run
        if trial is None:
            return None
        halved, attempt = self.study.halved(trial.number), trial.attempt + (not begin)
        job = Job(trial.number, attempt, trial.seed, trial.architecture, halved)
        self._in_flight[job.number] = job
        if begin:
            self.emit(TrialStarted(trial))
        else:
            self._not_begun.add(job.number)
        return job

    def begin(self, job: Job) -> None:
        """Record that a worker began with `job`; do nothing if that is already recorded."""
        if self._in_flight.get(job.number) is job and job.number in self._not_begun:
            self._not_begun.discard(job.number)
            self._emit(TrialStarted(self.study.begin(job.number)))

    def report(self, job: Job, report: Report) -> Decision:
        """Record a report of `job`; STOP means that the job is over and its trial finished."""
        if self._in_flight.get(job.number) is not job:
            return Decision.STOP
        with self._one_commit():
            self.begin(job)
            return self._record(job, report.content, report)
        return Decision.STOP

    def _record(self, job: Job, content: Epoch | Saved | Failure, report: Report) -> Decision:
        if isinstance(content, Epoch):
            return self._epoch(job, content, report)
        if isinstance(content, Saved):
            self._finish(job, TrialState.COMPLETE, report.seconds, content)
        elif content.reason in PAUSING | LOSSES | {Reason.USER}:
            self.lost(job, Fault(content.reason, content.detail), report.worker or None)
        elif content.again is not None and not job.halved:
            self._requeue_halved(job, content.again)
        else:
            self._finish(job, TrialState.FAILED, report.seconds, content)
        return Decision.STOP

    @contextmanager
    def _one_commit(self) -> Iterator[None]:
        """Commit all records of the block together, then emit its events, also after an error."""
        failure: StudyFailedError | StudyPausedError | None = None
        self._deferred = []
        try:
            with self.study.together():
                try:
                    yield
                except (StudyFailedError, StudyPausedError) as error:
                    failure = error
            events = self._deferred
        finally:
            self._deferred = None
        for event in events:
            self.emit(event)
        if failure is not None:
            raise failure

    def _emit(self, event: Event) -> None:
        """Emit an event, within `_one_commit` after the commit."""
        if self._deferred is None:
            self.emit(event)
        else:
            self._deferred.append(event)

    def _requeue_halved(self, job: Job, note: str) -> None:
        """Requeue a job with halved batches; once for each trial."""
        self._remove(job)
        self.study.halve(job.number, note)
        self._emit_state(job.number, note)

    def lost(self, job: Job, fault: Fault = _LOST, worker: str | None = None) -> None:
        """End a job because of `fault`: its trial waits again, or fails if this repeats.

        `worker` is host:pid if the worker sent its error.

        Raises:
            StudyFailedError, StudyPausedError: as in `Study.requeue`.
        """
        idle = job.number in self._not_begun
        if idle and fault.reason in INTERRUPTIONS | {Reason.DATABASE, Reason.RAY}:
            if self._remove(job):
                self.study.put_back(job.number)
            return
        self.begin(job)  # a worker that cannot start counts as an attempt
        if self._remove(job):
            try:
                self.study.requeue(job.number, fault, worker)
            finally:  # emit the recorded change even if it ends the study
                self._emit_state(job.number, fault.reason.replace("_", " "))

    def timed_out(self, job: Job, seconds: float) -> None:
        """End a job that sent no report for `seconds`."""
        self.lost(job, Fault(Reason.TIMEOUT, f"no report for {seconds:g} s"))

    def interrupt(self, fault: Fault = _INTERRUPTED) -> None:
        """Requeue every job in flight because of `fault`, which the trials did not cause."""
        for job in list(self._in_flight.values()):
            self.lost(job, fault)

    def _epoch(self, job: Job, epoch: Epoch, report: Report) -> Decision:
        study, number = self.study, job.number
        if epoch.counted is not None and not study.count(
            number, job.attempt, epoch.counted, report.worker, epoch.device
        ):
            self._remove(job)
            self._emit_state(number, "count")
            return Decision.STOP
        if epoch.proxies is not None:
            study.score(number, job.attempt, epoch.proxies)
        rung = study.spec.ladder.rung(epoch.epoch)
        measurement = Measurement(
            epoch.epoch, rung, epoch.metrics, epoch.train_loss, report.seconds, epoch.by_class
        )
        decision = study.record(number, job.attempt, measurement)
        if study.trial(number).state.finished:  # it failed because a value is not finite
            self._remove(job)
            self._emit_state(number, "record")
            return Decision.STOP
        self._emit(TrialMeasured(study.trial(number), measurement))
        if decision is Decision.STOP:
            complete = epoch.epoch >= study.spec.ladder.max_epochs
            if complete and epoch.saving:
                return Decision.CONTINUE  # the trial is finished when its weights are saved
            state = TrialState.COMPLETE if complete else TrialState.STOPPED
            self._finish(job, state, report.seconds, epoch)
        return decision

    def _finish(
        self, job: Job, state: TrialState, seconds: float, content: Epoch | Saved | Failure
    ) -> None:
        if not self._remove(job):
            return
        reports: dict[str, Mapping[str, Any]] = {}
        if not isinstance(content, Failure) and content.profile is not None:
            reports[profile.PROFILE_REPORT] = profile.complete_profile(content.profile, seconds)
        outcome = Outcome(state, seconds)
        if isinstance(content, Failure):
            outcome = replace(outcome, fail_reason=content.reason, fail_detail=content.detail)
        elif isinstance(content, Saved):
            outcome = replace(outcome, weights_path=content.path, weights_sha256=content.sha256)
        try:
            self.study.finish(job.number, job.attempt, outcome, reports)
        finally:
            self._emit_state(job.number, "finish")

    def _remove(self, job: Job) -> bool:
        """Remove `job` from those in flight; False if it is not in flight, or was replaced."""
        if self._in_flight.get(job.number) is not job:
            return False
        del self._in_flight[job.number]
        self._not_begun.discard(job.number)
        return True

    def _emit_state(self, number: int, reason: str) -> None:
        """Emit an event if a trial is finished or waits; it still runs if the store failed."""
        trial = self.study.trial(number)
        if trial.state.finished:
            self._emit(TrialFinished(trial))
        elif trial.state is TrialState.WAITING:
            self._emit(TrialRequeued(trial, reason))
