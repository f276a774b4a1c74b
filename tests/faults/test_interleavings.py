"""Random orders of questions, reports, losses, preemptions, crashes and take-overs of one worker.

The model is the study without any of these: whatever happens, its trials come out.
"""

import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from nas.errors import StaleWriteError, StudyPausedError
from nas.store import open_store
from nas.study import Fault, Outcome, Reason, Trial, TrialState
from nas.study.rungs import Decision
from nas.study.study import Study
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, crashes, measurement, run_all, small_spec

SPEC = small_spec(num_trials=5, confirm=1, seeds=2, published=True)
SURROUNDINGS = (Reason.NODE, Reason.PREEMPTED, Reason.DATABASE, Reason.RAY, Reason.USER)
OWN_LOSSES = 2  # the third fails a trial


def facts(trial: Trial) -> tuple[Any, ...]:
    """Return what may not depend on faults."""
    curve = [(m.epoch, m.rung, m.metrics) for m in trial.measurements]
    return trial.number, trial.arch_id, trial.seed, trial.state, trial.replicate_of, curve


@cache
def undisturbed() -> tuple[tuple[Any, ...], ...]:
    """Return the facts of the study without faults."""
    return tuple(map(facts, run_all(Study(SPEC, MemoryStore(), WalkSampler(SPEC)))))


class Interleavings(RuleBasedStateMachine):
    """One study in a database, and a driver with one worker that much befalls."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stores = [open_store(str(self.folder / "nas.db"))]
        self.stores[0].create_study(SPEC, {"nas": "test"})
        self.finished: dict[int, tuple[Any, ...]] = {}
        self.old: list[tuple[Study, Trial]] = []  # drivers that were replaced, and their trials
        self.drive()

    def drive(self) -> None:
        """Begin to drive the study in a new connection."""
        self.stores.append(open_store(str(self.folder / "nas.db")))
        self.study = Study(SPEC, self.stores[-1], WalkSampler(SPEC))
        self.trial: Trial | None = None
        self.epoch = 0

    @property
    def running(self) -> Trial:
        """The running trial; there must be one."""
        assert self.trial is not None
        return self.trial

    @precondition(lambda self: self.trial is None)
    @rule()
    def ask(self) -> None:
        self.trial, self.epoch = self.study.ask(), 0
        if self.trial is not None and self.trial.state.finished:
            self.trial = None

    @precondition(lambda self: self.trial is not None)
    @rule()
    def report(self) -> None:
        trial, self.epoch = self.running, self.epoch + 1
        number, attempt = trial.number, trial.attempt
        if crashes(trial):
            self.study.finish(number, attempt, Outcome(TrialState.FAILED, 0.1, "crash", "x"))
            self.trial = None
            return
        decision = self.study.record(number, attempt, measurement(trial, self.epoch, SPEC))
        if decision is Decision.STOP:
            done = self.epoch == SPEC.ladder.max_epochs
            state = TrialState.COMPLETE if done else TrialState.STOPPED
            self.study.finish(number, attempt, Outcome(state, 1.0, weights_path=f"{number}"))
            self.trial = None

    @precondition(lambda self: self.trial is not None)
    @rule(reason=st.sampled_from(SURROUNDINGS))
    def end_attempt(self, reason: Reason) -> None:
        with suppress(StudyPausedError):  # a fifth node in a row
            self.study.requeue(self.running.number, Fault(reason, "it is gone"))
        self.trial = None

    @precondition(lambda self: self.trial is not None and self.running.lost < OWN_LOSSES)
    @rule()
    def lose_worker(self) -> None:
        self.study.requeue(self.running.number, Fault(Reason.WORKER_LOST, "its worker ended"))
        self.trial = None

    @rule()
    def crash(self) -> None:
        """End the driver without a word, and start another."""
        self.drive()

    @precondition(lambda self: self.trial is not None)
    @rule()
    def take_over(self) -> None:
        """Replace a driver that sleeps; it will wake."""
        self.old.append((self.study, self.running))
        self.drive()

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def wake(self, data: st.DataObject) -> None:
        """A replaced driver reports: this changes nothing."""
        study, trial = data.draw(st.sampled_from(self.old))
        with suppress(StaleWriteError):
            study.record(trial.number, trial.attempt, measurement(trial, 1, SPEC))
        with suppress(StaleWriteError):
            study.finish(trial.number, trial.attempt, Outcome(TrialState.COMPLETE, 9.9))

    @invariant()
    def nothing_finished_changes(self) -> None:
        found = {trial.number: trial for trial in self.stores[0].trials(SPEC.name)}
        for number, before in self.finished.items():
            assert facts(found[number]) == before
        self.finished = {n: facts(t) for n, t in found.items() if t.state.finished}
        assert sum(trial.candidate for trial in found.values()) <= SPEC.num_trials
        for trial in found.values():
            epochs = [measured.epoch for measured in trial.measurements]
            assert epochs == sorted(set(epochs))

    def teardown(self) -> None:
        """Let the study end: it is the one without faults."""
        self.drive()
        run_all(self.study)
        found = tuple(map(facts, self.stores[0].trials(SPEC.name)))
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)
        assert found == undisturbed()


def test_any_order_of_faults_gives_the_study_without_faults() -> None:
    run_state_machine_as_test(
        Interleavings, settings=settings(max_examples=5, stateful_step_count=30, deadline=None)
    )
