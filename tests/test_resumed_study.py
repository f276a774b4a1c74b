"""Studies that lose their workers or their driver, over a store in memory."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from nas.space.architecture import Architecture
from nas.study.attempts import MAX_LOSSES
from nas.study.study import Study
from nas.study.trial import Measurement, Trial, TrialState
from tests.classified import classified
from tests.faulted import INTERRUPTED, LOST
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, alike, essence, measurement, new_study, run_all, small_spec

SPEC = small_spec()


def at(epoch: int) -> Measurement:
    return classified(epoch, SPEC.ladder.rung(epoch), 0.5, 1.0, 1.0, epoch * 1.0)


# ---- losing workers ----


def test_a_lost_trial_runs_again_before_anything_new_and_from_its_beginning() -> None:
    study = new_study()
    lost, other = study.ask(), study.ask()
    study.record(lost.number, 1, at(1))
    study.requeue(lost.number, LOST)
    assert study.trial(lost.number).state is TrialState.WAITING
    again = study.ask()
    assert (again.number, again.attempt, again.measurements) == (lost.number, 2, ())
    assert again.seed == lost.seed
    assert study.trial(other.number).state is TrialState.RUNNING


def test_a_trial_that_is_lost_each_time_fails() -> None:
    study = new_study()
    for attempt in range(1, MAX_LOSSES + 1):
        trial = study.ask()
        assert (trial.number, trial.attempt) == (0, attempt)
        study.requeue(0, LOST)
    assert study.trial(0).state is TrialState.FAILED
    assert study.trial(0).fail_reason == "worker_lost"
    assert study.ask().number == 1


# ---- resuming ----


class KilledError(BaseException):
    """The driver dies here."""


def killed_at(write: int, after: int, study: Callable[[MemoryStore], Study]) -> MemoryStore:
    """Return the store of a driver that dies before a write of `after`, in a fresh study."""
    store = MemoryStore()

    def die(_: str) -> None:
        if store.writes >= write:
            raise KilledError

    store.before_write = die
    try:
        run_all(study(store))
    except KilledError:
        store.before_write = lambda name: None
        return store
    raise AssertionError(f"the study ended after {after} writes")


class Few(WalkSampler):
    """Has six architectures to propose, each once."""

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        known = {trial.arch_id for trial in history}
        return next((one for one in alike(6) if one.arch_id not in known), None)


CASES = {
    "search alone": {},
    "confirmation": {"confirm": 2, "seeds": 3},
    "confirmation of all": {"confirm": 9, "seeds": 2, "num_trials": 6},
    "nothing left to propose": {"confirm": 1, "seeds": 4, "published": False, "sampler": "few"},
}


@pytest.mark.parametrize("changed", CASES.values(), ids=CASES)
def test_a_study_killed_at_any_write_resumes_to_the_same_trials(changed: Any) -> None:
    spec = small_spec(**changed)

    def new_study(store: MemoryStore) -> Study:
        return Study(spec, store, (Few if "sampler" in changed else WalkSampler)(spec))

    store = MemoryStore()
    whole = essence(run_all(new_study(store)))
    further = [t for t in store.trials("study") if t.replicate_of is not None]
    assert bool(further) == bool(spec.confirm)
    check_every_kill(new_study, store, whole)


def check_every_kill(new_study: Any, store: MemoryStore, whole: list[tuple[object, ...]]) -> None:
    assert {t.state for t in store.trials("study")} >= {TrialState.COMPLETE}
    for write in range(store.writes):
        cut = killed_at(write, store.writes, new_study)
        finished = {t.number: t for t in cut.trials("study") if t.state.finished}
        resumed = new_study(cut)
        assert not any(t.state is TrialState.RUNNING for t in resumed.trials)
        assert essence(run_all(resumed)) == whole, write
        assert essence(cut.trials("study")) == whole
        for number, trial in finished.items():
            assert cut.trials("study")[number] == trial  # not repeated, not even touched


def test_a_finished_study_has_nothing_left_to_resume() -> None:
    store = MemoryStore()
    trials = run_all(new_study(store))
    writes = store.writes
    assert essence(run_all(new_study(store))) == essence(trials)
    assert store.writes == writes


def test_an_interrupted_trial_waits_and_is_never_failed_for_it() -> None:
    store = MemoryStore()
    study = new_study(store)
    for _ in range(MAX_LOSSES + 2):
        trial = study.ask()
        study.record(trial.number, trial.attempt, measurement(trial, 1, SPEC))
        study.requeue(trial.number, INTERRUPTED)
        study = new_study(store)
        assert study.trial(trial.number).state is TrialState.WAITING
    assert len(study.trials) == 1


def test_only_losses_count_towards_giving_up() -> None:
    store = MemoryStore()
    for _ in range(4):
        study = new_study(store)
        study.requeue(study.ask().number, INTERRUPTED)
    for lost in range(1, MAX_LOSSES):
        study = new_study(store)
        study.requeue(study.ask().number, LOST)
        assert store.trials("study")[0].lost == lost
        assert store.trials("study")[0].state is TrialState.WAITING
    study.requeue(study.ask().number, LOST)
    assert study.trial(0).fail_reason == "worker_lost"
    assert study.trial(0).fail_detail == LOST.detail
