"""The rules of the loop, over a store in memory and trials without training."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nas.cost.budget import admits
from nas.cost.model import Cost
from nas.errors import ArchitectureError, BudgetError, StudyFailedError
from nas.space.architecture import Architecture
from nas.study.rungs import Decision
from nas.study.trial import Measurement, Outcome, Trial, TrialState
from tests.classified import classified
from tests.faulted import INTERRUPTED, LOST
from tests.memory_store import MemoryStore
from tests.studies import (
    BUDGET,
    SPACE,
    alike,
    essence,
    new_study,
    run_all,
    run_one,
    small_spec,
)

SPEC = small_spec()
DONE = Outcome(TrialState.COMPLETE, 1.0)


def crash(detail: str = "boom", reason: str = "crash") -> Outcome:
    return Outcome(TrialState.FAILED, 0.1, reason, f"Traceback …\n{detail}")


def at(epoch: int, error: float = 0.5, loss: float = 1.0) -> Measurement:
    return classified(epoch, SPEC.ladder.rung(epoch), error, loss, loss, epoch * 1.0)


class Proposes:
    """Proposes the same architectures over and over."""

    def __init__(self, *architectures: Architecture | None) -> None:
        self.architectures = architectures
        self.asked = 0

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        self.asked += 1
        return self.architectures[(self.asked - 1) % len(self.architectures)]


# ---- asking ----


def test_references_come_after_the_first_four_of_the_planned_candidates() -> None:
    study = new_study()
    trials = run_all(study)
    names = [t.reference for t in trials[:7]]
    assert names == [None, None, None, None, "small-plain", "small-deep", None]
    assert len(study.candidates) == 8
    assert len(trials) == study.planned() == 10
    assert [t.number for t in trials] == list(range(10))
    assert all(t.state.finished for t in trials)
    assert study.ask() is None


def test_without_published_there_are_only_candidates() -> None:
    study = new_study(published=False)
    assert run_one(study).reference is None
    assert study.planned() == 8


def test_a_trial_is_recorded_as_running_before_it_is_handed_out() -> None:
    store = MemoryStore()
    trial = new_study(store).ask()
    assert store.trials("study") == [trial]
    assert trial.state is TrialState.RUNNING
    assert trial.attempt == 1
    assert trial.created_at.tzinfo is not None


def test_no_two_candidates_are_the_same_network_and_none_is_over_the_budget() -> None:
    study = new_study(num_trials=20)
    run_all(study)
    assert len({t.arch_id for t in study.candidates}) == len(study.candidates) == 20
    assert all(admits(BUDGET, t.cost) for t in study.candidates)
    assert any(not admits(BUDGET, t.cost) for t in study.trials)  # a reference may be


def test_an_architecture_over_the_budget_never_gets_a_trial() -> None:
    store = MemoryStore()
    heavy = SPACE.parse("small-deep")
    study = new_study(store, Proposes(heavy), published=False)
    assert not admits(BUDGET, study.cost(heavy))
    with pytest.raises(BudgetError, match="over the budget"):
        study.ask()
    assert store.trials("study") == []


def test_a_recorded_candidate_over_the_budget_is_found() -> None:
    store = MemoryStore()
    study = new_study(store, num_trials=2)
    run_all(study)
    study.check_budget()  # a reference over the budget is no fault
    trial = study.candidates[0]
    heavy = replace(trial, cost=replace(trial.cost, madds=BUDGET[0].limit + 1))
    changed = MemoryStore()
    changed.insert_trial("study", heavy)
    with pytest.raises(BudgetError, match=f"trial {trial.number} of study .*the ceiling is"):
        new_study(changed, num_trials=2).check_budget()


def test_an_architecture_outside_the_space_never_gets_a_trial() -> None:
    store = MemoryStore()
    foreign = replace(SPACE.parse("small-plain"), stages=(("x",) * 7,) * 3)
    with pytest.raises(ArchitectureError):
        new_study(store, Proposes(foreign), published=False).ask()
    assert store.trials("study") == []


def test_another_spelling_of_the_same_network_is_not_trained_again() -> None:
    plain = SPACE.parse("small-plain")
    stages = tuple((*values[:-1], True) for values in plain.stages)  # P2 is idle with one group
    sampler = Proposes(plain, replace(plain, stages=stages))
    study = new_study(sampler=sampler, published=False, budget=())
    assert run_one(study).architecture == plain
    assert study.ask() is None


@pytest.mark.parametrize("proposals", [(None,), (SPACE.parse("small-plain"),)])
def test_a_sampler_with_nothing_new_ends_the_study_and_not_the_patience(
    proposals: tuple[Any],
) -> None:
    sampler = Proposes(*proposals)
    store = MemoryStore()
    study = new_study(store, sampler, published=False, budget=())
    run_all(study)
    assert study.exhausted
    assert len(study.trials) == len([p for p in proposals if p])
    assert study.ask() is None
    assert sampler.asked < 50
    asked = sampler.asked
    assert new_study(store, sampler, published=False, budget=()).ask() is None
    assert sampler.asked == asked  # a resumed study does not ask again


def test_the_seed_alone_decides_the_proposals() -> None:
    one, again, other = (run_all(new_study(seed=seed)) for seed in (1, 1, 2))
    assert essence(one) == essence(again)
    assert [t.arch_id for t in one] != [t.arch_id for t in other]
    assert len({t.seed for t in one}) == len(one)


# ---- recording ----


def test_a_candidate_stops_at_a_rung_where_others_are_better() -> None:
    study = new_study(
        sampler=Proposes(*alike(2)),
        published=False,
        objectives=("top1_error",),
        reference_point=(1.0,),
    )
    first, second = study.ask(), study.ask()
    assert study.record(first.number, 1, at(1, 0.2)) is Decision.CONTINUE
    assert study.record(second.number, 1, at(1, 0.6)) is Decision.STOP
    assert study.record(first.number, 1, at(2, 0.2)) is Decision.CONTINUE
    assert study.record(first.number, 1, at(3, 0.2)) is Decision.CONTINUE  # between rungs
    assert study.record(first.number, 1, at(4, 0.2)) is Decision.STOP  # full fidelity
    study.finish(second.number, 1, Outcome(TrialState.STOPPED, 1.0))
    assert study.trial(second.number).final is None
    assert study.trial(second.number).value("top1_error") == 0.6


@pytest.mark.parametrize("objectives", [("top1_error",), ("top1_error", "madds")])
def test_a_network_is_judged_among_those_of_about_its_cost(objectives: tuple[str, ...]) -> None:
    large, small = alike(3), alike(2, 0.25, 0.5)
    sampler = Proposes(large[0], large[1], small[0], small[1], large[2])
    study = new_study(
        sampler=sampler,
        published=False,
        objectives=objectives,
        reference_point=(1.0, 2e6)[: len(objectives)],
    )
    trials = [study.ask() for _ in range(5)]
    decisions = [
        study.record(trial.number, 1, at(1, error))
        for trial, error in zip(trials, (0.2, 0.3, 0.8, 0.9, 0.25), strict=True)
    ]
    go, stop = Decision.CONTINUE, Decision.STOP
    assert decisions[0] is decisions[2] is decisions[4] is go  # the first of the small goes on
    if objectives == ("top1_error",):
        assert decisions == [go, stop, go, stop, go]


def test_a_reference_is_never_stopped_early_and_stops_nobody() -> None:
    study = new_study(objectives=("top1_error",), reference_point=(1.0,))
    one, two, _, _, good, bad = (study.ask() for _ in range(6))
    assert [t.reference for t in (good, bad, one, two)] == ["small-plain", "small-deep", None, None]
    assert study.record(good.number, 1, at(1, 0.1)) is Decision.CONTINUE
    assert study.record(one.number, 1, at(1, 0.5)) is Decision.CONTINUE  # the first candidate
    assert study.record(bad.number, 1, at(1, 0.9)) is Decision.CONTINUE
    assert study.record(two.number, 1, at(1, 0.4)) is Decision.CONTINUE  # better than `one`


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_measurement_that_is_no_number_fails_the_trial_alone(bad: Any) -> None:
    store = MemoryStore()
    study = new_study(store)
    trial = study.ask()
    assert study.record(trial.number, 1, at(1)) is Decision.CONTINUE
    assert study.record(trial.number, 1, at(2, loss=bad)) is Decision.STOP
    study.finish(trial.number, 1, DONE)  # too late: it has failed
    failed = store.trials("study")[0]
    assert (failed.state, failed.fail_reason) == (TrialState.FAILED, "nan")
    assert f"epoch 2: top1_error 0.5, loss {bad}" in failed.fail_detail
    assert len(failed.measurements) == 1
    assert study.ask() is not None


def test_both_counts_are_kept_and_a_disagreement_fails_the_trial() -> None:
    study = new_study()
    good, bad = study.ask(), study.ask()
    assert study.count(good.number, 1, good.cost, "host:1")
    assert study.trial(good.number).counted == good.cost
    assert study.trial(good.number).worker == "host:1"
    wrong = Cost(bad.cost.madds + 1, bad.cost.params, bad.cost.acts)
    assert not study.count(bad.number, 1, wrong, "host:1")
    failed = study.trial(bad.number)
    assert (failed.state, failed.fail_reason) == (TrialState.FAILED, "count_mismatch")
    assert failed.counted == wrong
    for part in (str(bad.cost), str(wrong), bad.architecture.text):
        assert part in failed.fail_detail


def test_reports_of_an_earlier_attempt_change_nothing() -> None:
    store = MemoryStore()
    study = new_study(store)
    trial = study.ask()
    study.record(trial.number, 1, at(1))
    study.requeue(trial.number, LOST)
    assert study.ask().attempt == 2
    before = store.trials("study")
    assert study.record(trial.number, 1, at(2)) is Decision.STOP
    assert not study.count(trial.number, 1, trial.cost, "here")
    study.finish(trial.number, 1, DONE)
    assert store.trials("study") == before == study.trials
    assert study.trial(trial.number).measurements == ()


def test_a_finished_trial_never_changes() -> None:
    study = new_study()
    trial = run_one(study)
    study.finish(trial.number, trial.attempt, crash())
    study.requeue(trial.number, LOST)
    study.requeue(trial.number, INTERRUPTED)
    assert study.record(trial.number, trial.attempt, at(4)) is Decision.STOP
    assert study.trial(trial.number) == trial


# ---- failing ----


def test_three_alike_failures_in_a_row_end_the_study_and_stay_recorded() -> None:
    store = MemoryStore()
    study = new_study(store)
    study.finish(study.ask().number, 1, crash())
    study.finish(study.ask().number, 1, crash())
    with pytest.raises(StudyFailedError, match="crash: boom") as caught:
        study.finish(study.ask().number, 1, crash())
    assert caught.value.exit_code == 3
    assert [t.state for t in store.trials("study")] == [TrialState.FAILED] * 3
    resumed = new_study(store)  # the cause is mended: it goes on
    assert run_one(resumed).number == 3


@pytest.mark.parametrize(
    "third",
    [crash("KeyError: boom"), crash(reason="another"), Outcome(TrialState.STOPPED, 1.0)],
)
def test_failures_of_different_kinds_do_not_end_the_study(third: Any) -> None:
    study = new_study()
    for outcome in (crash(), crash(), third, crash(), crash()):
        study.finish(study.ask().number, 1, outcome)
    assert len(study.trials) == 5


def test_counts_that_keep_disagreeing_end_the_study() -> None:
    study = new_study()
    for wrong in (Cost(1, 1, 1), Cost(2, 2, 2)):
        assert not study.count(study.ask().number, 1, wrong, "here")
    last = study.ask().number
    with pytest.raises(StudyFailedError, match="count_mismatch"):
        study.count(last, 1, Cost(3, 3, 3), "here")
