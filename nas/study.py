"""The study: the rules of the loop. Ask, gate, record, decide, finish; it knows no heavy library.

What it needs of samplers and stores it declares here as Protocols and gets as arguments. Whoever
executes the trials (Ray Tune, or a plain loop) calls `ask`, then `record` for each epoch, then
`finish`; the order of these calls is the only thing that an execution decides.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from nas.architecture import Architecture
from nas.budget import admits
from nas.cost import Cost, CostModel
from nas.errors import StudyFailedError
from nas.rungs import Decision
from nas.spec import StudySpec
from nas.trial import Measurement, Outcome, Trial, TrialState

MAX_LOSSES = 3
_SAME_FAILURES = 3
_PROPOSALS = 20
_CANDIDATES_FIRST = 4
_MISMATCH = "fvcore counts another cost than we do"  # alike for all, so that it breaks the circuit


class Sampler(Protocol):
    """Proposes architectures; a function of its arguments alone, so that a replay agrees."""

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a canonical member of the space within the budget, or None where none is left.

        `history` holds every trial of the study so far, running ones and references included.
        """
        ...


class StudyStore(Protocol):
    """The durable record of one or more studies; every call has been committed when it returns."""

    def trials(self, study: str) -> list[Trial]:
        """Return the trials of `study` with their measurements, by number."""
        ...

    def insert_trial(self, study: str, trial: Trial) -> None:
        """Add a trial; its number must be new in the study."""
        ...

    def start_trial(self, study: str, number: int, attempt: int) -> None:
        """Turn a WAITING trial RUNNING under a new attempt, its earlier measurements set aside."""
        ...

    def requeue_trial(self, study: str, number: int, attempt: int, lost: bool) -> None:
        """Turn a RUNNING trial WAITING again, one loss richer where the attempt was `lost`."""
        ...

    def record_measurement(
        self, study: str, number: int, attempt: int, measurement: Measurement
    ) -> None:
        """Add one measurement to a RUNNING trial of that attempt."""
        ...

    def record_count(
        self, study: str, number: int, attempt: int, counted: Cost, worker: str
    ) -> None:
        """Keep fvcore's count of a RUNNING trial, and where it runs."""
        ...

    def finish_trial(self, study: str, number: int, attempt: int, outcome: Outcome) -> None:
        """Give a RUNNING trial of that attempt its final state."""
        ...


class Study:
    """One study in progress: a mirror of its store, and the rules."""

    def __init__(self, spec: StudySpec, store: StudyStore, sampler: Sampler) -> None:
        """Read the trials so far; those left RUNNING by a lost driver wait again."""
        self.spec = spec
        self._costs = {
            name: CostModel(space, spec.deployment, spec.classes)
            for name, space in spec.spaces.items()
        }
        self._store = store
        self._sampler = sampler
        self._trials = {trial.number: trial for trial in store.trials(spec.name)}
        self.exhausted = False
        for trial in self.trials:
            if trial.state is TrialState.RUNNING:
                self.requeue(trial.number)

    @property
    def trials(self) -> list[Trial]:
        """Every trial, by number."""
        return [self._trials[number] for number in sorted(self._trials)]

    @property
    def candidates(self) -> list[Trial]:
        """The trials that are no references."""
        return [trial for trial in self.trials if trial.reference is None]

    def trial(self, number: int) -> Trial:
        """Return one trial."""
        return self._trials[number]

    def ask(self) -> Trial | None:
        """Return the next trial, already recorded as RUNNING, or None where nothing is left to do.

        Waiting trials come first. The published references come after the first few candidates:
        they train to the end, and nobody should wait for that to see a first result.
        """
        for trial in self.trials:
            if trial.state is TrialState.WAITING:
                return self._start(trial)
        if len(self.candidates) < _CANDIDATES_FIRST:
            new = self._next_candidate() or self._next_reference()
        else:
            new = self._next_reference() or self._next_candidate()
        if new is None:
            return None
        self._store.insert_trial(self.spec.name, new)
        self._trials[new.number] = new
        return new

    def cost(self, architecture: Architecture) -> Cost:
        """Return the cost of a member of one of the spaces at the study's deployment."""
        return self._costs[architecture.space].cost(architecture)

    def planned(self) -> int:
        """Return how many trials the whole study has, references included."""
        return self.spec.num_trials + len(self._references())

    def count(self, number: int, attempt: int, counted: Cost, worker: str) -> bool:
        """Record fvcore's count; return False, and fail the trial, where it differs from ours.

        Raises:
            StudyFailedError: as `finish` does.
        """
        trial = self._running(number, attempt)
        if trial is None:
            return False
        self._store.record_count(self.spec.name, number, attempt, counted, worker)
        trial = self._trials[number] = replace(trial, counted=counted, worker=worker)
        if (counted.madds, counted.params) == (trial.cost.madds, trial.cost.params):
            return True
        detail = f"{trial.architecture}\nours: {trial.cost}\nfvcore: {counted}\n{_MISMATCH}"
        self.finish(number, attempt, Outcome(TrialState.FAILED, 0.0, "count_mismatch", detail))
        return False

    def record(self, number: int, attempt: int, measurement: Measurement) -> Decision:
        """Record one epoch and decide; a late report of an earlier attempt is dropped.

        A measurement that is no number fails the trial.

        Raises:
            StudyFailedError: as `finish` does.
        """
        trial = self._running(number, attempt)
        if trial is None:
            return Decision.STOP
        if not all(map(math.isfinite, (measurement.top1_error, measurement.loss))):
            values = f"error {measurement.top1_error}, loss {measurement.loss}"
            detail = f"epoch {measurement.epoch}: {values}"
            outcome = Outcome(TrialState.FAILED, measurement.seconds, "nan", detail)
            self.finish(number, attempt, outcome)
            return Decision.STOP
        self._store.record_measurement(self.spec.name, number, attempt, measurement)
        measured = (*trial.measurements, measurement)
        trial = self._trials[number] = replace(trial, measurements=measured)
        if measurement.epoch >= self.spec.ladder.max_epochs:
            return Decision.STOP
        if measurement.rung is None or trial.reference is not None:
            return Decision.CONTINUE
        others = self._at_rung(measurement.rung, but=number)
        return self.spec.ladder.decide(self._losses(trial, measurement), others)

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        """Give a running trial its final state.

        Raises:
            StudyFailedError: the last three trials to end failed for the same reason.
        """
        trial = self._running(number, attempt)
        if trial is None:
            return
        self._store.finish_trial(self.spec.name, number, attempt, outcome)
        self._trials[number] = replace(
            trial,
            state=outcome.state,
            fail_reason=outcome.fail_reason,
            fail_detail=outcome.fail_detail,
            seconds=outcome.seconds,
            weights_path=outcome.weights_path,
            weights_sha256=outcome.weights_sha256,
            finished_at=datetime.now(UTC),
        )
        self._break_circuit()

    def requeue(self, number: int) -> None:
        """Put a running trial whose worker or driver was lost back to WAITING.

        After its third loss it is FAILED instead, for it may be the trial that kills them.

        Raises:
            StudyFailedError: as `finish` does.
        """
        trial = self._trials[number]
        if trial.state is not TrialState.RUNNING:
            return
        lost = trial.lost + 1
        if lost >= MAX_LOSSES:
            detail = f"lost {lost} times"
            self.finish(number, trial.attempt, Outcome(TrialState.FAILED, 0, "worker_lost", detail))
            return
        self._store.requeue_trial(self.spec.name, number, trial.attempt, lost=True)
        self._trials[number] = replace(trial, state=TrialState.WAITING, lost=lost)

    def interrupt(self, number: int) -> None:
        """Put a running trial back to WAITING whose attempt was ended on purpose: no loss."""
        trial = self._trials[number]
        if trial.state is TrialState.RUNNING:
            self._store.requeue_trial(self.spec.name, number, trial.attempt, lost=False)
            self._trials[number] = replace(trial, state=TrialState.WAITING)

    def _running(self, number: int, attempt: int) -> Trial | None:
        trial = self._trials.get(number)
        live = trial and trial.state is TrialState.RUNNING and trial.attempt == attempt
        return trial if live else None

    def _start(self, trial: Trial) -> Trial:
        attempt = trial.attempt + 1
        self._store.start_trial(self.spec.name, trial.number, attempt)
        started = replace(trial, state=TrialState.RUNNING, attempt=attempt, measurements=())
        self._trials[trial.number] = started
        return started

    def _references(self) -> list[tuple[str, Architecture]]:
        return [(entry.name, entry.architecture) for entry in self.spec.references]

    def _next_reference(self) -> Trial | None:
        known = {trial.reference for trial in self.trials}
        for name, architecture in self._references():
            if name not in known:
                return self._new(architecture, reference=name)
        return None

    def _next_candidate(self) -> Trial | None:
        if self.exhausted or len(self.candidates) >= self.spec.num_trials:
            return None
        number, history = len(self._trials), self.trials
        taken = {trial.arch_id for trial in self.candidates}
        for proposal in range(_PROPOSALS):
            rng = np.random.default_rng([self.spec.seed, number, proposal])
            proposed = self._sampler.propose(history, number, rng)
            if proposed is None:
                break
            architecture = self.spec.space_of(proposed).check(proposed)
            if architecture.arch_id not in taken:
                return self._new(architecture)
        self.exhausted = True
        return None

    def _new(self, architecture: Architecture, reference: str | None = None) -> Trial:
        cost = self.cost(architecture)
        if reference is None and not admits(self.spec.budget, cost):  # the gate
            raise AssertionError(f"a sampler proposed an architecture over the budget: {cost}")
        number = len(self._trials)
        seed = int(np.random.SeedSequence([self.spec.seed, number]).generate_state(1)[0])
        return Trial(
            number,
            architecture,
            cost,
            TrialState.RUNNING,
            seed,
            reference=reference,
            attempt=1,
            created_at=datetime.now(UTC),
        )

    def _losses(self, trial: Trial, measurement: Measurement) -> list[float]:
        at_rung = replace(trial, measurements=(measurement,))
        return [goal.loss(at_rung.value(goal.name) or 0.0) for goal in self.spec.goals]

    def _at_rung(self, rung: int, but: int) -> list[list[float]]:
        return [
            self._losses(trial, measurement)
            for trial in self.candidates
            if trial.number != but
            for measurement in trial.measurements
            if measurement.rung == rung
        ]

    def _break_circuit(self) -> None:
        ended = [trial for trial in self.trials if trial.state.finished and trial.finished_at]
        ended.sort(key=lambda trial: trial.finished_at or datetime.min.replace(tzinfo=UTC))
        tail = ended[-_SAME_FAILURES:]
        reasons = {(trial.fail_reason, _headline(trial.fail_detail)) for trial in tail}
        if len(tail) == _SAME_FAILURES and len(reasons) == 1 and tail[-1].fail_reason:
            raise StudyFailedError(
                f"the last {_SAME_FAILURES} trials of {self.spec.name} all failed with "
                f"{tail[-1].fail_reason}: {_headline(tail[-1].fail_detail)}.",
                "Everything measured is kept. Mend the cause, then type: "
                f"nas resume {self.spec.name}",
            )


def _headline(detail: str | None) -> str:
    return (detail or "").strip().splitlines()[-1][:200] if detail else ""
