"""Execution: the part of running a study that is common to all executors.

An executor (Ray Tune, or the plain loop `run_serial`) takes jobs, hands in reports, and reports
lost workers. This module turns each of these into calls on the study and into events for watchers.
It depends on no executor and on no heavy library.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from nas.errors import StudyFailedError, StudyPausedError
from nas.study import time_profile as profile
from nas.study.attempts import INTERRUPTIONS, LOSSES, PAUSING
from nas.study.evaluator import Attempt, Epoch, Evaluator, Failure, Job, Report, Saved
from nas.study.rungs import Decision
from nas.study.study import Study
from nas.study.trial import Fault, Measurement, Outcome, Reason, Trial, TrialState


@dataclass(frozen=True, slots=True)
class WorkersReady:
    """The executor is ready and runs `concurrent` trials at a time; `note` is a further message."""

    concurrent: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class WorkersAwaited:
    """No trial has had a worker for `seconds`; `cause` says why."""

    seconds: float
    cause: str


@dataclass(frozen=True, slots=True)
class NodeChecked:
    """A node of a cluster was checked: its versions by name, and why it is left out.

    `node` is the executor's id of it. Without a `problem` it can train the study.
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
        self._flying: dict[int, Job] = {}
        self._not_begun: set[int] = set()  # numbers of jobs in flight that no worker has begun
        self._later: list[Event] | None = None  # events to emit after the commit

    @property
    def flying(self) -> int:
        """The number of jobs in flight."""
        return len(self._flying)

    def next(self, begin: bool = True) -> Job | None:
        """Return the next job, recorded as RUNNING; None if there is none now.

        Without `begin` its trial stays WAITING until `begin` is called. While jobs are in flight a
        later call may return one, because a job may be lost.
        """
        while (trial := self.study.ask(begin)) is not None and trial.state.finished:
            self.emit(TrialFinished(trial))  # an earlier result was reused: nothing to run
        if trial is None:
            return None
        halved, attempt = self.study.halved(trial.number), trial.attempt + (not begin)
        job = Job(trial.number, attempt, trial.seed, trial.architecture, halved)
        self._flying[job.number] = job
        if begin:
            self.emit(TrialStarted(trial))
        else:
            self._not_begun.add(job.number)
        return job

    def begin(self, job: Job) -> None:
        """Record that a worker began with `job`; does nothing if that is recorded."""
        if self._flying.get(job.number) is job and job.number in self._not_begun:
            self._not_begun.discard(job.number)
            self._say(TrialStarted(self.study.begin(job.number)))

    def report(self, job: Job, report: Report) -> Decision:
        """Record a report of `job`; STOP means that the job is over and its trial finished."""
        if self._flying.get(job.number) is not job:
            return Decision.STOP
        with self._at_once():
            self.begin(job)
            return self._take(job, report.content, report)
        return Decision.STOP

    def _take(self, job: Job, content: Epoch | Saved | Failure, report: Report) -> Decision:
        if isinstance(content, Epoch):
            return self._epoch(job, content, report)
        if isinstance(content, Saved):
            self._finish(job, TrialState.COMPLETE, report.seconds, content)
        elif content.reason in PAUSING | LOSSES | {Reason.USER}:
            self.lost(job, Fault(content.reason, content.detail), report.worker or None)
        elif content.again is not None and not job.halved:
            self._again(job, content.again)
        else:
            self._finish(job, TrialState.FAILED, report.seconds, content)
        return Decision.STOP

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Commit all records of the block together, then emit its events, even on an error."""
        failure: StudyFailedError | StudyPausedError | None = None
        self._later = []
        try:
            with self.study.together():
                try:
                    yield
                except (StudyFailedError, StudyPausedError) as error:
                    failure = error
            told = self._later
        finally:
            self._later = None
        for event in told:
            self.emit(event)
        if failure is not None:
            raise failure

    def _say(self, event: Event) -> None:
        """Emit an event, at once or after the commit."""
        if self._later is None:
            self.emit(event)
        else:
            self._later.append(event)

    def _again(self, job: Job, note: str) -> None:
        """Requeue a job with halved batches; once for each trial."""
        self._landed(job)
        self.study.halve(job.number, note)
        self._tell(job.number, note)

    def lost(self, job: Job, fault: Fault = _LOST, worker: str | None = None) -> None:
        """End a job because of `fault`: its trial waits again, or fails after too many losses.

        `worker` is host:pid if the worker sent its error.

        Raises:
            StudyFailedError, StudyPausedError: as in `Study.requeue`.
        """
        idle = job.number in self._not_begun
        if idle and fault.reason in INTERRUPTIONS | {Reason.DATABASE, Reason.RAY}:
            if self._landed(job):
                self.study.put_back(job.number)
            return
        self.begin(job)  # a worker that cannot start is one that failed
        if self._landed(job):
            try:
                self.study.requeue(job.number, fault, worker)
            finally:  # emit even if this ends the study: it has been recorded
                self._tell(job.number, fault.reason.replace("_", " "))

    def timed_out(self, job: Job, seconds: float) -> None:
        """End a job that sent no report for `seconds`."""
        self.lost(job, Fault(Reason.TIMEOUT, f"no report for {seconds:g} s"))

    def interrupt(self, fault: Fault = _INTERRUPTED) -> None:
        """Requeue every job in flight because of `fault`, which is not of the trials."""
        for job in list(self._flying.values()):
            self.lost(job, fault)

    def _epoch(self, job: Job, epoch: Epoch, report: Report) -> Decision:
        study, number = self.study, job.number
        if epoch.counted is not None and not study.count(
            number, job.attempt, epoch.counted, report.worker, epoch.device
        ):
            self._landed(job)
            self._tell(number, "count")
            return Decision.STOP
        if epoch.proxies is not None:
            study.score(number, job.attempt, epoch.proxies)
        rung = study.spec.ladder.rung(epoch.epoch)
        measurement = Measurement(
            epoch.epoch, rung, epoch.metrics, epoch.train_loss, report.seconds, epoch.by_class
        )
        decision = study.record(number, job.attempt, measurement)
        if study.trial(number).state.finished:  # the study failed it: not a number
            self._landed(job)
            self._tell(number, "record")
            return Decision.STOP
        self._say(TrialMeasured(study.trial(number), measurement))
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
        if not self._landed(job):
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
            self._tell(job.number, "finish")

    def _landed(self, job: Job) -> bool:
        """Remove `job` from those in flight; False if it is not, or was replaced."""
        if self._flying.get(job.number) is not job:
            return False
        del self._flying[job.number]
        self._not_begun.discard(job.number)
        return True

    def _tell(self, number: int, reason: str) -> None:
        """Emit an event for a trial that changed; it did not if the store refused."""
        trial = self.study.trial(number)
        if trial.state.finished:
            self._say(TrialFinished(trial))
        elif trial.state is TrialState.WAITING:
            self._say(TrialRequeued(trial, reason))


def run_serial(study: Study, evaluator: Evaluator, on_event: Watcher = ignore_event) -> None:
    """Run `study` to its end in this process, one trial after another.

    Raises:
        StudyFailedError: the trials keep failing; everything so far is recorded.
        StudyPausedError: a disk, a folder or data failed; the affected trial waits again.
    """
    execution = Execution(study, on_event)
    on_event(WorkersReady(1))
    while (job := execution.next()) is not None:
        attempt = Attempt(job, lambda: evaluator)
        while execution.report(job, attempt.advance()) is Decision.CONTINUE:
            pass
        attempt.close()
