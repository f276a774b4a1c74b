"""The study: the rules of the search loop, without heavy libraries.

`nas.study.ports` declares the interfaces of its sampler and its store. An executor of trials (Ray
Tune, or a plain loop) calls `ask`, then `record` for each epoch, then `finish`.

When all candidates have ended, the top ones are trained again with further seeds
(`nas.study.confirmation`). A training that is equal to an earlier one in any study of the store is
not repeated (`nas.study.reuse`).
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from nas.cost import Cost, total_cost
from nas.errors import StudyPausedError
from nas.space import Architecture
from nas.steady_clock import CLOCK
from nas.study import confirmation as confirm
from nas.study import reuse
from nas.study.attempts import AttemptEnd, FaultDecision, RunningAttempts, repeatable
from nas.study.diverging import not_finite, warning_reports
from nas.study.environment_faults import break_circuit
from nas.study.inference import INFERRED_REPORT, Forecast, Forecasts
from nas.study.ports import Sampler, StudyStore
from nas.study.proposals import check_record, new_trial, next_candidate, next_reference, seen
from nas.study.rungs import Decision
from nas.study.spec import StudySpec
from nas.study.time_limit import TimeLimit, time_was_up
from nas.study.trial import (
    NOTE_REPORT,
    Fault,
    Measurement,
    Outcome,
    Reason,
    Trial,
    TrialState,
    ended,
    last_line,
    reopened,
)

_CANDIDATES_FIRST = 4
_MISMATCH = "fvcore counts another cost than nas"


class Study:
    """One study in progress: a copy of its record in memory, and the rules."""

    def __init__(
        self,
        spec: StudySpec,
        store: StudyStore,
        sampler: Sampler,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Read the trials so far.

        Trials that a lost driver left RUNNING wait again; this does not count as a lost worker.
        `clock` returns seconds, for a study with a time limit; by default the monotonic clock.
        """
        self.spec = spec
        self._costs = {} if spec.networks else spec.cost_models()
        self.running = RunningAttempts(continues=bool(spec.networks))
        self._store = store
        self._sampler = sampler
        self._trials = {trial.number: trial for trial in store.trials(spec.name)}
        for moment in filter(None, (trial.finished_at for trial in self.trials)):
            CLOCK.advance(moment)  # the system clock may have been set back since
        self.borrowed = [] if spec.networks else store.borrowed(spec.name)
        self._confirming: list[int] | None = None
        self._forecasts = Forecasts(spec.reported)
        self._time_limit = TimeLimit(spec.time_limit, self.trials, clock)
        self.exhausted = store.exhausted(spec.name)
        self._halved = set(store.notes(spec.name))
        self._handed_out: set[int] = set()  # waiting trials that an executor has already
        if time_was_up(spec, self.trials):
            self._time_limit.close()
        for trial in self.trials:
            self.requeue(trial.number, Fault(Reason.DRIVER, "its driver ended"))

    @property
    def trials(self) -> list[Trial]:
        """All trials, by number."""
        return list(self._trials.values())  # inserted in the order of their numbers

    @property
    def candidates(self) -> list[Trial]:
        """The trials that can win: all except references and further seeds."""
        return [trial for trial in self.trials if trial.candidate]

    def check_budget(self) -> None:
        """Check that every recorded candidate is within the budget.

        Raises:
            BudgetError: a candidate is over the budget, so that its record must have been changed.
        """
        check_record(self.spec, self.candidates)

    def trial(self, number: int) -> Trial:
        """Return one trial."""
        return self._trials[number]

    def ask(self, begin: bool = True) -> Trial | None:
        """Return the next trial, recorded as RUNNING, or None if there is none now.

        Without `begin` it stays WAITING until the executor calls `begin` or `put_back`. If an
        earlier result is reused, the trial is COMPLETE and needs no training.

        Waiting trials come first. The published references come after the first few candidates,
        because they train to the last rung and would delay the first results. Further seeds come
        last: seeds of references when no candidate is left to start, seeds of the best candidates
        when all candidates have ended.
        """
        self._time_limit.start()
        for trial in self.trials:
            if trial.state is TrialState.WAITING and trial.number not in self._handed_out:
                self._handed_out.add(trial.number)
                return self.begin(trial.number) if begin else trial
        if len(self.candidates) < _CANDIDATES_FIRST:
            new = self._next_candidate() or self._next_reference()
        else:
            new = self._next_reference() or self._next_candidate()
        new = new or self._next_replicate()
        if new is None:
            return None
        new = reuse.with_earlier_result(self.spec, self._store, self.trials, new)
        if not (begin or new.state.finished):
            new = replace(new, state=TrialState.WAITING, attempt=0)
            self._handed_out.add(new.number)
        self.running.begin(new.number)
        self._store.insert_trial(self.spec.name, new)
        self._trials[new.number] = new
        return new

    def begin(self, number: int) -> Trial:
        """Return a waiting trial, recorded as RUNNING in a new attempt."""
        trial = self._trials[number]
        self.put_back(number)
        self.running.begin(number)
        attempt = trial.attempt + 1
        self._store.start_trial(self.spec.name, number, attempt)
        running = replace(trial, state=TrialState.RUNNING, attempt=attempt, measurements=())
        self._trials[number] = running
        return running

    def put_back(self, number: int) -> None:
        """Let `ask` return a trial again that was handed out and has not started."""
        self._handed_out.discard(number)

    def cost(self, architecture: Architecture) -> Cost:
        """Return the cost of a network of the study at its deployment."""
        if self.spec.networks:
            return total_cost(self.spec.deployed_layers(architecture))
        return self._costs[architecture.space].cost(architecture)

    @property
    def time_left(self) -> float | None:
        """The seconds in which new candidates may be started; None without a time limit."""
        return 0.0 if self.spec.time_limit and self._all_asked() else self._time_limit.left

    def to_come(self) -> tuple[int | None, int]:
        """Return how many candidates, and how many full trainings, have not been started.

        Full trainings are those of references and of further seeds. The number of candidates is
        None if only time limits the search, and time is left.
        """
        ours = len(self.candidates)
        whole = len(self.spec.references) + ours - len(self._trials)
        whole += confirm.num_replicates(self.spec, self.trials, self._searched())
        if self._all_asked():
            return 0, whole
        return (self.spec.num_trials - ours if self.spec.counted else None), whole

    def planned(self) -> int | None:
        """Return the number of trials of the whole study, with references and further seeds.

        None if it is unknown, because only time limits the search, and time is left.
        """
        candidates, whole = self.to_come()
        return None if candidates is None else len(self._trials) + candidates + whole

    def together(self) -> AbstractContextManager[None]:
        """Commit all records within the block together, at its end."""
        return self._store.together(self.spec.name)

    def count(
        self, number: int, attempt: int, counted: Cost, worker: str, device: str | None = None
    ) -> bool:
        """Record fvcore's count; if it differs from ours, fail the trial and return False.

        `worker` and `device` are recorded with the attempt.

        Raises:
            StudyFailedError: as in `finish`.
        """
        trial = self._running(number, attempt)
        if trial is None:
            return False
        self._store.record_count(self.spec.name, number, attempt, counted, worker, device)
        trial = self._trials[number] = replace(trial, counted=counted, worker=worker)
        if (counted.madds, counted.params) == (trial.cost.madds, trial.cost.params):
            return True
        detail = f"{trial.architecture}\nours: {trial.cost}\nfvcore: {counted}\n{_MISMATCH}"
        self.finish(number, attempt, Outcome(TrialState.FAILED, 0.0, Reason.COUNT, detail))
        return False

    def score(self, number: int, attempt: int, proxies: Mapping[str, float]) -> None:
        """Record the training-free scores of a running trial."""
        trial = self._running(number, attempt)
        if trial is not None:
            self._store.record_proxies(self.spec.name, number, attempt, proxies)
            self._trials[number] = replace(trial, proxies=dict(proxies))

    def record(self, number: int, attempt: int, measurement: Measurement) -> Decision:
        """Record one epoch and decide; a late report of an earlier attempt is dropped.

        The trial fails if a metric or the training loss is NaN or infinite.

        Raises:
            StudyFailedError: as in `finish`.
        """
        trial = self._running(number, attempt)
        if trial is None:
            return Decision.STOP
        if detail := not_finite(measurement):
            outcome = Outcome(TrialState.FAILED, measurement.seconds, Reason.NAN, detail)
            self.finish(number, attempt, outcome)
            return Decision.STOP
        self._store.record_measurement(self.spec.name, number, attempt, measurement)
        self.running.progressed(number)
        measured = (*trial.measurements, measurement)
        trial = self._trials[number] = replace(trial, measurements=measured)
        others = [] if self.spec.networks else self._firsts  # fixed networks are not judged
        return self.spec.judging.decide(others, trial, measurement)

    def forecast(self, number: int) -> Forecast | None:
        """Return an estimate of the reported metric of a trial after all epochs.

        It is inferred from the learning curve; None with fewer than three complete trials.
        """
        return self._forecasts.of(self._firsts, self._trials[number])

    def _inferred(self, number: int) -> dict[str, Mapping[str, Any]]:
        """Return the report with the forecast of a stopped trial; empty without one."""
        stopped = self._trials[number].state is TrialState.STOPPED
        forecast = self.forecast(number) if stopped else None
        return {INFERRED_REPORT: forecast.report()} if forecast else {}

    @property
    def _firsts(self) -> list[Trial]:
        """The trials without further seeds."""
        return [trial for trial in self.trials if trial.replicate_of is None]

    def finish(
        self,
        number: int,
        attempt: int,
        outcome: Outcome,
        reports: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Set a running trial to its final state, and record its `reports`, {kind: values}.

        The forecast of a stopped trial, and a warning if it diverged, are further reports. They are
        recorded after the state; if the driver is lost in between, they are missing.

        Raises:
            StudyFailedError: the last three finished trials failed for the same reason.
        """
        trial = self._running(number, attempt)
        if trial is None:
            return
        outcome = replace(outcome, device_seconds=self.running.device_seconds(number))
        self._store.finish_trial(self.spec.name, number, attempt, outcome)
        trial = self._trials[number] = ended(trial, outcome, CLOCK.now())
        warning = {} if repeatable(trial) else warning_reports(self.spec, trial)
        for kind, values in {**(reports or {}), **warning, **self._inferred(number)}.items():
            self._store.record_report(self.spec.name, number, kind, values)
        break_circuit(self.spec.name, self.trials)

    def requeue(self, number: int, fault: Fault, worker: str | None = None) -> None:
        """End the attempt of a running trial because of `fault`; the trial waits again.

        The trial fails instead if it has lost three workers, or if the error repeats that of the
        previous attempt (`nas.study.attempts`). `worker` is host:pid if the worker sent its error.

        Raises:
            StudyFailedError: as in `finish`.
            StudyPausedError: the next trial would end in the same way, because a disk, data or a
                device failed, or because the nodes keep being lost.
        """
        trial = self._trials[number]
        if trial.state is not TrialState.RUNNING:
            return
        verdict, lost = self.running.judge(trial, fault)
        if verdict is FaultDecision.FAIL:
            seconds = trial.last.seconds if trial.last else 0.0
            failed = Outcome(TrialState.FAILED, seconds, fault.reason, fault.detail, worker=worker)
            self.finish(number, trial.attempt, failed)
            return
        end = AttemptEnd(fault, lost, self.running.device_seconds(number), worker)
        self._store.requeue_trial(self.spec.name, number, trial.attempt, end)
        self._trials[number] = replace(trial, state=TrialState.WAITING, lost=lost)
        if verdict is FaultDecision.PAUSE:
            raise StudyPausedError(
                f"{self.spec.name} is paused: {last_line(fault.detail).rstrip('.')}.",
                "All measurements are kept. Repair this before you continue.",
            )

    def retry_failed(self) -> list[int]:
        """Set the failed trials that may succeed next time to WAITING; return their numbers."""
        again = [trial for trial in self.trials if repeatable(trial)]
        for trial in again:
            self._store.reopen_trial(self.spec.name, trial.number, trial.attempt)
            self._trials[trial.number] = reopened(trial)
        return [trial.number for trial in again]

    def halved(self, number: int) -> bool:
        """Tell whether the batches of a trial are halved in its next attempts."""
        return number in self._halved

    def halve(self, number: int, note: str) -> None:
        """Set a running trial that ran out of memory to WAITING, with halved batches.

        The record holds `note`, so that a resumed study halves the batches too.
        """
        self._store.record_report(self.spec.name, number, NOTE_REPORT, {"text": note})
        self._halved.add(number)
        self.requeue(number, Fault(Reason.HALVED, note))

    def _running(self, number: int, attempt: int) -> Trial | None:
        trial = self._trials.get(number)
        current = trial and trial.state is TrialState.RUNNING and trial.attempt == attempt
        return trial if current else None

    def _next_reference(self) -> Trial | None:
        found = next_reference(self.spec, self.trials)
        return None if found is None else self._new(found[1], reference=found[0])

    def _next_candidate(self) -> Trial | None:
        if self._all_asked():
            return None
        found = next_candidate(self.spec, self.trials, self.borrowed, self._sampler)
        if found is not None:
            return self._new(found)
        self.exhausted = True
        self._store.record_exhausted(self.spec.name)
        return None

    def _all_asked(self) -> bool:
        """Tell whether no more candidates will be proposed."""
        enough = len(self.candidates) >= self.spec.num_trials
        return enough or self.exhausted or self._time_limit.over

    def _searched(self) -> bool:
        """Tell whether all candidates have ended, and no more will be proposed."""
        return self._all_asked() and all(trial.state.finished for trial in self.candidates)

    def _next_replicate(self) -> Trial | None:
        if not self._all_asked():
            return None
        spec, trials = self.spec, self.trials
        references = confirm.repeated_references(spec, trials)
        following = confirm.next_replicate(spec, trials, self._to_confirm(), references)
        if following is None:
            return None
        return self._new(self._trials[following[0]].architecture, replicate=following)

    def _to_confirm(self) -> list[int]:
        """Return the numbers of the trials that get further seeds in this study."""
        if self.spec.networks:
            return confirm.begun_networks(self.trials, False)
        return self.to_confirm() if self.spec.seeds > 1 else []

    def to_confirm(self) -> list[int]:
        """Return the candidates to confirm, the best first; none before all have ended."""
        if self.spec.confirm == 0 or not self._searched():
            return []
        if self._confirming is None:  # the same after each resume, as all candidates have ended
            expected = self._sampler.expected_losses(seen(self.trials, self.borrowed))
            self._confirming = confirm.chosen(self.spec, self.trials, expected)
        return self._confirming

    def _new(
        self,
        architecture: Architecture,
        reference: str | None = None,
        replicate: tuple[int, int] | None = None,
    ) -> Trial:
        cost, number = self.cost(architecture), len(self._trials)
        return new_trial(self.spec, number, architecture, cost, reference, replicate)
