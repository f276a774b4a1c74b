"""Determinism: proposals depend on the record alone, not on the process or the order."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace
from nas.samplers import make_sampler
from nas.space.architecture import Architecture
from nas.study.ports import Sampler
from nas.study.proposals import seen
from nas.study.rungs import Decision
from nas.study.spec import StudySpec
from nas.study.study import Study
from nas.study.trial import Outcome, Trial, TrialState
from tests.faulted import LOST
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, measurement, run_all, share, small_spec

SPEC = small_spec(num_trials=14, confirm=2, seeds=3)
FEASIBLE = FeasibleSpace(CostModel(SPEC.space, SPEC.deployment, SPEC.classes), SPEC.budget)


class Finite(WalkSampler):
    """Knows few architectures, each of them once."""

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        known = {trial.arch_id for trial in history}
        fresh = np.random.default_rng(0)
        for _ in range(5):
            at = super().propose([], 1, fresh)
            if at is not None and at.arch_id not in known:
                return at
        return None


SAMPLERS: dict[str, Callable[[StudySpec], Sampler]] = {
    "walk": WalkSampler,
    "finite": Finite,
    "random": lambda spec: make_sampler("random", FEASIBLE, spec.goals),
    "evolution": lambda spec: make_sampler("evolution", FEASIBLE, spec.goals),
    "predictor": lambda spec: make_sampler("predictor", FEASIBLE, spec.goals),
}


def run_workers(study: Study, workers: int, timing: random.Random, stop_after: int = 10**9) -> None:
    """Execute a study with several workers whose epochs end in any order; some are lost."""
    flying: dict[int, tuple[Trial, int]] = {}
    for _ in range(stop_after):
        if len(flying) < workers and (trial := study.ask()) is not None:
            if not trial.state.finished:
                flying[trial.number] = (trial, 0)
            continue
        if not flying:
            return
        trial, epoch = flying.pop(timing.choice(sorted(flying)))
        if timing.random() < 0.02:
            study.requeue(trial.number, LOST)
        elif _advance(study, trial, epoch + 1) is Decision.CONTINUE:
            flying[trial.number] = (trial, epoch + 1)


def _advance(study: Study, trial: Trial, epoch: int) -> Decision:
    number, attempt, last = trial.number, trial.attempt, study.spec.ladder.max_epochs
    if share("crash", trial.arch_id) < 1 / 9:
        study.finish(number, attempt, Outcome(TrialState.FAILED, 0.1, "crash", trial.arch_id))
        return Decision.STOP
    decision = study.record(number, attempt, measurement(trial, epoch, study.spec))
    if decision is Decision.STOP:
        state = TrialState.COMPLETE if epoch == last else TrialState.STOPPED
        study.finish(number, attempt, Outcome(state, 0.1 * epoch))
    return decision


def identity(trial: Trial) -> tuple[object, ...]:
    """Return what is decided when a trial is asked for."""
    return (trial.number, trial.arch_id, trial.seed, trial.reference, trial.replicate_of,
            trial.replicate)  # fmt: skip


def as_it_stood(spec: StudySpec, trials: list[Trial], number: int) -> MemoryStore:
    """Return the store as it stood when trial `number` was asked for."""
    store = MemoryStore()
    asked = trials[number].created_at
    for trial in trials[:number]:
        over = trial.finished_at is not None and trial.finished_at <= asked
        begun = replace(trial, state=TrialState.WAITING, measurements=(), finished_at=None, lost=0)
        store.insert_trial(spec.name, trial if over else begun)
    return store


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_study_replayed_from_its_store_asks_for_the_same_trials(
    sampler: str, workers: int
) -> None:
    store = MemoryStore()
    study = Study(SPEC, store, SAMPLERS[sampler](SPEC))
    run_workers(study, workers, random.Random(workers))
    trials = store.trials(SPEC.name)
    assert any(t.replicate_of is not None for t in trials)
    for number in range(len(trials)):
        before = as_it_stood(SPEC, trials, number)
        replayed = Study(SPEC, before, SAMPLERS[sampler](SPEC))
        while (trial := replayed.ask()).number != number:  # those on their way start again first
            assert trial.number < number
        assert identity(trial) == identity(trials[number])


def test_what_a_sampler_saw_can_be_read_from_the_store() -> None:
    class Remembers(WalkSampler):
        def __init__(self, spec: StudySpec) -> None:
            super().__init__(spec)
            self.saw: dict[int, list[Trial]] = {}

        def propose(
            self, history: Sequence[Trial], number: int, rng: np.random.Generator
        ) -> Architecture | None:
            self.saw[number] = list(history)
            return super().propose(history, number, rng)

    store, sampler = MemoryStore(), Remembers(SPEC)
    run_workers(Study(SPEC, store, sampler), 4, random.Random(3))
    trials = store.trials(SPEC.name)
    asked = [t.number for t in trials if t.candidate]
    assert any(t.state is TrialState.WAITING for n in asked for t in sampler.saw[n])
    for number in asked:
        assert [_known(t) for t in seen_at(trials, number)] == [
            _known(t) for t in sampler.saw[number]
        ]


def seen_at(trials: list[Trial], number: int) -> list[Trial]:
    """Return what a sampler saw when it proposed trial `number`, from the times of a record."""
    asked = next(trial.created_at for trial in trials if trial.number == number)

    def then(trial: Trial) -> Trial:
        ended = trial.state.finished and trial.finished_at <= asked
        return trial if ended else replace(trial, state=TrialState.RUNNING)

    return seen([then(trial) for trial in trials if trial.number < number])


def _known(trial: Trial) -> Trial:
    return replace(trial, created_at=None, finished_at=None)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 120), st.integers(1, 6), st.randoms(use_true_random=False))
def test_only_what_has_finished_can_matter(steps: int, workers: int, chance: Any) -> None:
    study = Study(SPEC, MemoryStore(), WalkSampler(SPEC))
    run_workers(study, workers, random.Random(1), stop_after=steps)
    changed = [
        trial if trial.state.finished else _otherwise(trial, chance) for trial in study.trials
    ]
    assert seen(changed) == seen(study.trials)
    assert [t.number for t in seen(changed)] == [t.number for t in changed if t.replicate == 0]


def _otherwise(trial: Trial, chance: random.Random) -> Trial:
    """Return a trial on its way as another execution would have it."""
    epochs = chance.randint(0, 3)
    return replace(
        trial,
        state=chance.choice([TrialState.WAITING, TrialState.RUNNING]),
        attempt=chance.randint(0, 3),
        lost=chance.randint(0, 2),
        measurements=tuple(measurement(trial, epoch + 1, SPEC) for epoch in range(epochs)),
        worker=chance.choice([None, "elsewhere:1"]),
        proxies=chance.choice([None, {"synflow": 1.0}]),
        created_at=None,
    )


@pytest.mark.parametrize("workers", [1, 4])
def test_where_and_when_it_ran_makes_no_difference_to_the_finished(workers: int) -> None:
    # the same finished set gives the same next proposal, in whichever order it was reached
    store = MemoryStore()
    run_workers(Study(SPEC, store, WalkSampler(SPEC)), workers, random.Random(9), stop_after=60)
    finished = [t for t in store.trials(SPEC.name) if t.state.finished]
    proposals = []
    for order in (finished, finished[::-1]):
        elsewhere = MemoryStore()
        for trial in order:
            moved = replace(trial, worker="there", seconds=9.0, attempt=trial.attempt + 1)
            elsewhere.insert_trial(SPEC.name, moved)
        study = Study(SPEC, elsewhere, WalkSampler(SPEC))
        proposals.append(identity(study.ask()))
    assert proposals[0] == proposals[1]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_worker_and_one_seed_give_one_run(sampler: str) -> None:
    def trials(seed: int) -> list[tuple[object, ...]]:
        spec = replace(SPEC, seed=seed)
        ran = run_all(Study(spec, MemoryStore(), SAMPLERS[sampler](spec)))
        return [(*identity(t), t.state, repr(t.measurements)) for t in ran]

    assert trials(1) == trials(1) != trials(2)
