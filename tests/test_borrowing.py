"""Borrowing: what a new study learns from earlier ones, and that nothing else changes by it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nas.feasible import FeasibleSpace
from nas.results import StudyResults
from nas.space.architecture import Architecture
from nas.study import Learnt, RealTraining, borrow, borrowable
from nas.study.proposals import seen
from nas.study.rungs import Ladder
from nas.study.spec import StudySpec
from nas.study.study import Study
from nas.study.trial import Outcome, Trial, TrialState
from nas.workflows.further_study import further_spec
from tests.classified import classified
from tests.members import SMALL
from tests.memory_store import MemoryStore
from tests.studies import BUDGET, WalkSampler, complete_trial, measurement, small_spec

SPEC = small_spec()
FEASIBLE = FeasibleSpace(SPEC.cost_models()["small"], BUDGET)
MEMBERS = list(dict.fromkeys(FEASIBLE.sample_many(np.random.default_rng(0), 300)))


def earlier_trial(number: int, state: TrialState = TrialState.COMPLETE, **fields: Any) -> Trial:
    """Return a trial of an earlier study; a stopped one ended at the first rung."""
    epoch, rung = (4, 2) if state is TrialState.COMPLETE else (1, 0)
    measured = (classified(epoch, rung, 0.5 - number / 1000, 1.0, 1.0, 1.0),)
    plain = complete_trial(number, 0.5, architecture=MEMBERS[number], measurements=measured)
    return replace(plain, state=state, **fields)


def lent(trials: Sequence[Trial], most: int = 200) -> list[Trial]:
    found = [("earlier", trial) for trial in trials]
    return borrow(found, SPEC.ladder, SPEC.goals, FEASIBLE, most)[0]


class Watched(WalkSampler):
    """Walks, and keeps every history that it was shown."""

    def __init__(self, spec: StudySpec) -> None:
        super().__init__(spec)
        self.shown: list[list[Trial]] = []

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        self.shown.append(list(history))
        return super().propose(history, number, rng)


def searched(store: MemoryStore, spec: StudySpec) -> tuple[Study, Watched]:
    """Run a study to its end, every trial complete."""
    sampler = Watched(spec)
    study = Study(spec, store, sampler)
    while (trial := study.ask()) is not None:
        study.count(trial.number, trial.attempt, trial.cost, "here")
        for epoch in (1, 2, 3, 4):
            study.record(trial.number, trial.attempt, measurement(trial, epoch, spec))
        study.finish(trial.number, trial.attempt, Outcome(TrialState.COMPLETE, 1.0))
    return study, sampler


@pytest.mark.parametrize(
    ("changed", "comparable"),
    [
        ({"budget": ()}, True),
        ({"sampler": "random", "num_trials": 3, "confirm": 2, "published": False}, True),
        ({"objectives": ("top1_error", "params")}, True),
        ({"task": "cifar10"}, False),
        ({"recipe": "epochs = 4\nlr = 0.1"}, False),
        ({"rungs": (1, 2, 5)}, False),
        ({"seed": 8}, False),
        ({"limit": 100}, False),
        ({"classes": 100}, False),
        ({"space_text": f"{SMALL}\n# edited"}, False),
        ({"data_dir": "/images"}, False),
    ],
)
def test_trainings_are_comparable_under_any_budget_but_only_if_made_alike(
    changed: dict[str, Any], comparable: bool
) -> None:
    trials = [earlier_trial(0), earlier_trial(1, TrialState.STOPPED)]
    assert borrowable(SPEC, small_spec(**changed), trials) == (trials if comparable else [])


def test_a_stopped_trial_is_comparable_only_at_equal_rungs() -> None:
    trials = [earlier_trial(0), earlier_trial(1, TrialState.STOPPED)]
    assert borrowable(SPEC, small_spec(rungs=(2, 4)), trials) == trials[:1]


def test_only_informative_trials_are_borrowed() -> None:
    running = earlier_trial(0, TrialState.RUNNING)
    crashed = earlier_trial(1, TrialState.FAILED, measurements=(), fail_reason="error")
    diverged = earlier_trial(2, TrialState.FAILED, measurements=(), fail_reason="nan")
    further = earlier_trial(3, replicate_of=0, replicate=1)
    reference = earlier_trial(4, reference="small-plain")
    trials = [running, crashed, diverged, further, reference]
    assert borrowable(SPEC, small_spec(name="other"), trials) == [diverged, reference]


def test_of_several_spaces_those_that_both_studies_have_are_compared() -> None:
    both = small_spec(more_spaces=(("tiny", SMALL.replace("small", "tiny")),))
    other = replace(earlier_trial(0), architecture=replace(MEMBERS[0], space="tiny"))
    assert borrowable(SPEC, both, [earlier_trial(0), other]) == [earlier_trial(0)]
    assert borrowable(both, SPEC, [earlier_trial(0)]) == [earlier_trial(0)]


def test_a_borrowed_training_has_the_costs_and_rungs_of_the_new_study() -> None:
    (one,) = borrow(
        [("earlier", earlier_trial(5, reference="small-plain", seconds=9.0))],
        Ladder((2, 4), 2), SPEC.goals, FEASIBLE,
    )[0]  # fmt: skip
    assert one.cost == FEASIBLE.cost(MEMBERS[5]) != earlier_trial(5).cost
    assert [(m.epoch, m.rung) for m in one.measurements] == [(4, 1)]
    assert (one.number, one.borrowed, one.candidate, one.reference) == (
        -1, "earlier/5", False, None,
    )  # fmt: skip


def test_a_training_that_several_studies_have_is_borrowed_once() -> None:
    reused = earlier_trial(0, origin="first/0")
    found = [("first", earlier_trial(0)), ("second", reused), ("second", earlier_trial(1))]
    borrowed, learnt = borrow(found, SPEC.ladder, SPEC.goals, FEASIBLE)
    assert [trial.borrowed for trial in borrowed] == ["first/0", "second/1"]
    assert learnt == (Learnt("first", 1, 1), Learnt("second", 1, 1))


def test_of_many_trainings_the_best_and_some_others_are_borrowed() -> None:
    trials = [earlier_trial(number) for number in range(120)]
    found = [("earlier", trial) for trial in trials]
    borrowed, learnt = borrow(found, SPEC.ladder, SPEC.goals, FEASIBLE, most=40)
    assert learnt == (Learnt("earlier", 40, 120),)
    assert [trial.number for trial in borrowed] == list(range(-40, 0))
    best = min(trials, key=lambda trial: trial.value("top1_error") or 1)
    assert f"earlier/{best.number}" in {trial.borrowed for trial in borrowed}


def test_a_sampler_sees_borrowed_trainings_before_its_first_trial_and_after_a_resume() -> None:
    store, borrowed = MemoryStore(), lent([earlier_trial(n) for n in range(6)])
    spec = small_spec(num_trials=4, confirm=1, seeds=2)
    store.create_study(spec, borrowed)
    study, sampler = searched(store, spec)
    assert len(sampler.shown) == 4
    for shown in sampler.shown:
        assert shown[:6] == borrowed
        assert all(trial.borrowed is None for trial in shown[6:])
    assert sum(trial.candidate for trial in study.trials) == 4
    assert all(trial.borrowed is None and trial.number >= 0 for trial in study.trials)
    longer = replace(spec, num_trials=5)
    _, again = searched(store, longer)
    assert again.shown[0][:6] == borrowed


def test_a_study_that_confirms_the_networks_of_a_search_has_learnt_nothing() -> None:
    real = RealTraining("epochs = 8", 8, None, 3)
    spec = small_spec(learnt=(Learnt("earlier", 6, 6),), real=real)
    confirming = further_spec(StudyResults(spec, [earlier_trial(0)], {}), [0])
    assert confirming is not None
    assert (len(confirming.networks), confirming.learnt) == (1, ())


def test_the_same_training_is_not_shown_twice() -> None:
    borrowed = lent([earlier_trial(n) for n in range(3)])
    own = replace(earlier_trial(1), number=0)
    assert [trial.number for trial in seen([own], borrowed)] == [-3, -1, 0]
    another_seed = replace(own, seed=99)
    assert seen([another_seed], borrowed) == [*borrowed, another_seed]
    shorter = replace(earlier_trial(1, TrialState.STOPPED), number=0)
    assert seen([shorter], borrowed) == [*borrowed, shorter]
    running = replace(own, state=TrialState.RUNNING)
    assert seen([running], borrowed)[:3] == borrowed
