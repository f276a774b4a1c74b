"""The bridge between Ray Tune and an `Execution`: a Searcher, a TrialScheduler and a Stopper.

Tune's loop in the driver's main thread calls all three. Every job is a separate Tune trial, without
retries: if its worker is lost, the job's trial is requeued in the study, and the next attempt is a
new Tune trial.

Errors of the study (circuit breaker, lost database) must not reach Tune, which would log them and
continue: the bridge keeps the first one, stops the run, and the caller raises it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.tune import Stopper
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from nas.errors import NasError, RayLostError, StoreError
from nas.study import Decision, Execution, Failure, Job, Report, WorkerPlan, failure_reason
from nas.tuner.lost_workers import Nodes, fault_of
from nas.tuner.ray_watch import RayWatch

# After so many seconds in which no job has a worker, the run ends.
PLACEMENT_SECONDS = 600.0

# Seconds in which a trial that was given to a waiting worker starts before the next proposal.
HEAD_START = 0.1


@dataclass
class _Flight:
    """One Tune trial: its job, its start, and when and from which host its last report came.

    Times are monotonic seconds; `nodes` were alive at its start.
    """

    job: Job
    since: float
    nodes: Nodes
    host: str | None = None
    tune_trial: TuneTrial | None = None
    heard: float | None = None
    timed_out: bool = False


class Bridge:
    """The common state of the three: jobs in flight by Tune's trial id, and whether to stop."""

    def __init__(
        self,
        execution: Execution,
        plan: WorkerPlan,
        capacity: Callable[[], int],
        report_timeout: float,
        watch: RayWatch,
    ) -> None:
        """Run `execution` with at most `capacity()` jobs at a time, on the Ray of `watch`."""
        self.execution = execution
        self.plan = plan
        self.failure: NasError | None = None
        self.stopping = False
        self._capacity = capacity
        self._report_timeout = report_timeout
        self._watch = watch
        self._idle_since: float | None = None
        self._flights: dict[str, _Flight] = {}
        self._warm = False  # after the first trial, workers start the next within milliseconds

    def turn(self) -> None:
        """Note a turn of Tune's loop, and end the run if Ray is lost."""
        self._watch.turn()
        if self._watch.lost is not None:
            self.ray_is_lost()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return a config, None to be called again later, or FINISHED."""
        if self.stopping:
            return str(Searcher.FINISHED)
        if len(self._flights) >= self._capacity() or self._starting():
            return None
        with self._guard():
            job = self.execution.next()
            if job is not None:
                self._flights[trial_id] = _Flight(job, time.monotonic(), Nodes.alive())
                return {"plan": self.plan, "job": job}
        return None if self._flights else str(Searcher.FINISHED)

    def add(self, tune_trial: TuneTrial) -> None:
        """Store Tune's object of a trial."""
        self._flights[tune_trial.trial_id].tune_trial = tune_trial

    def result(self, trial_id: str, report: Report) -> Decision:
        """Record a report and decide."""
        flight = self._flights.get(trial_id)
        if flight is None or self.stopping:
            return Decision.STOP
        flight.heard, flight.host = time.monotonic(), report.worker.partition(":")[0]
        with self._guard():
            return self.execution.report(flight.job, report)
        return Decision.STOP

    def over(self, trial_id: str) -> None:
        """Remove a Tune trial that ended."""
        self._warm = self._flights.pop(trial_id, None) is not None or self._warm

    def error(self, trial_id: str, error: Exception | None) -> None:
        """Handle a failed Tune trial: killed for its silence, worker lost, or an error of Ray."""
        flight = self._flights.pop(trial_id, None)
        if flight is None or self.stopping or self.ray_is_lost():
            return
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
        """Tell whether Ray is lost; then end the run without a further call of it.

        The jobs in flight end as interrupted: their workers are not to blame.
        """
        if self._watch.check():
            self.failure = self.failure or self._watch.lost
            self.stopping = True
        return self.stopping

    def watch(self) -> None:
        """Kill workers that have been silent for too long; called several times a second."""
        now = time.monotonic()
        self._check_placement(now)
        for flight in self._flights.values():
            if flight.tune_trial is None or flight.tune_trial.status != TuneTrial.RUNNING:
                continue
            if flight.heard is None:
                flight.heard = now
            elif now - flight.heard > self._report_timeout and not flight.timed_out:
                flight.timed_out = True
                _kill(flight.tune_trial)

    def _check_placement(self, now: float) -> None:
        """End the run if its jobs have waited too long for a first worker."""
        placed = any(
            flight.tune_trial is not None and flight.tune_trial.status == TuneTrial.RUNNING
            for flight in self._flights.values()
        )
        if placed or not self._flights:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since > PLACEMENT_SECONDS:
            self.failure = self.failure or RayLostError(
                f"Ray has started no worker for {PLACEMENT_SECONDS:g} s: its nodes are busy or "
                "hang.",
                "All measurements are kept. Free the CPUs and GPUs of the cluster first.",
            )
            self.stop()

    def stop(self) -> None:
        """Stop proposing, and kill the workers, so that Tune need not wait for them."""
        if self.stopping:
            return
        self.stopping = True
        for flight in self._flights.values():
            if flight.tune_trial is not None:
                _kill(flight.tune_trial)

    def interrupt(self) -> None:
        """Stop, and requeue running trials immediately, because a second Ctrl-C may follow."""
        self.stop()
        with suppress(StoreError):  # the next start finds these trials RUNNING and requeues them
            self.execution.interrupt()

    def __getstate__(self) -> dict[str, object]:
        """Return nothing: Tune pickles its arguments, but the store is the only record."""
        return {}

    def _starting(self) -> bool:
        """Tell whether a worker is about to start: it must not wait for another proposal.

        Otherwise two workers that finish together would both wait for both proposals, every time.
        """
        begun = time.monotonic() - HEAD_START
        return self._warm and any(
            flight.since > begun
            and (flight.tune_trial is None or flight.tune_trial.status == TuneTrial.PENDING)
            for flight in self._flights.values()
        )

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            with self._watch.elsewhere():
                yield
        except NasError as error:
            self.failure = self.failure or error
            self.stop()


class StudySearcher(Searcher):
    """Gives Tune the jobs of the study; saves nothing, because the store is the record."""

    def __init__(self, bridge: Bridge) -> None:
        """Use `bridge`."""
        super().__init__()
        self._bridge = bridge

    def suggest(  # type: ignore[override]  # ray's own annotation leaves FINISHED out
        self, trial_id: str
    ) -> dict[str, Any] | str | None:
        """Return the config of the next job; see `Bridge.suggest`."""
        return self._bridge.suggest(trial_id)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Make room for the next job."""
        self._bridge.over(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Save nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


class StudyScheduler(TrialScheduler):
    """Passes Tune's results to the study and its decisions to Tune."""

    def __init__(self, bridge: Bridge) -> None:
        """Use `bridge`."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._bridge = bridge

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Store the trial."""
        self._bridge.add(trial)

    def on_trial_result(
        self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]
    ) -> str:
        """Record one report; the study decides whether the trial continues."""
        decision = self._bridge.result(trial.trial_id, result["report"])
        go_on = decision is Decision.CONTINUE
        return str(TrialScheduler.CONTINUE if go_on else TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Handle a lost worker."""
        self._bridge.error(trial.trial_id, trial.get_pickled_error() or trial.get_error())

    def on_trial_complete(
        self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]
    ) -> None:
        """Do nothing: the last report is already recorded."""

    def on_trial_remove(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Do nothing: the execution requeues jobs that never ran."""

    def choose_trial_to_run(self, tune_controller: Any) -> TuneTrial | None:
        """Let Tune choose in first-in first-out order; silent workers are detected here."""
        self._bridge.watch()
        return None

    def debug_string(self) -> str:
        """Describe the scheduler."""
        return "Decided by the study's own rungs."


class StudyStopper(Stopper):
    """Ends Tune's loop after an interruption, or after an error of the study."""

    def __init__(self, bridge: Bridge, interrupted: Callable[[], bool]) -> None:
        """Check `interrupted` and `bridge` after each event of the loop."""
        self._bridge = bridge
        self._interrupted = interrupted

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never stop a single trial; the scheduler does."""
        return False

    def stop_all(self) -> bool:
        """Tell whether Tune should end; the workers are killed first."""
        self._bridge.turn()
        if self._interrupted():
            self._bridge.interrupt()
        return self._bridge.stopping


def _kill(tune_trial: TuneTrial) -> None:
    actor = tune_trial.temporary_state.ray_actor
    if actor is not None:
        try:
            ray.kill(actor)
        except RayError:  # already gone
            return
