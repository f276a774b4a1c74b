"""Confirmation: what is trained again, and how the means decide."""

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost.budget import Constraint
from nas.cost.model import Cost
from nas.results.findings import Standing, StudyResults
from nas.stats.means import Summary
from nas.stats.pareto import non_dominated
from nas.study import confirmation as confirm
from nas.study.spec import StudySpec
from nas.study.study import Study
from nas.study.trial import Outcome, Trial, TrialState
from tests.classified import classified
from tests.memory_store import MemoryStore
from tests.messages import carries
from tests.studies import WalkSampler, run_all, small_spec
from tests.studies import complete_trial as trial

SPEC = small_spec(confirm=3, seeds=3)


def again(number: int, of: int, replicate: int, error: float, **fields: Any) -> Trial:
    """Return a further seed of a candidate."""
    return trial(number, error, replicate_of=of, replicate=replicate, **fields)


def run(**changed: Any) -> list[Trial]:
    """Return the trials of a whole small study with confirmation."""
    spec = small_spec(**{"confirm": 3, "seeds": 3, "num_trials": 12, **changed})
    return run_all(Study(spec, MemoryStore(), WalkSampler(spec)))


# ---- who is trained again ----


def test_the_top_candidates_get_further_seeds_in_full_at_the_end() -> None:
    trials = run()
    further = [t for t in trials if t.replicate_of is not None]
    assert [t.number for t in further] == [t.number for t in trials[-6:]]
    assert [t.replicate for t in further] == [1, 1, 1, 2, 2, 2]
    assert len({t.replicate_of for t in further}) == 3
    by_number = {t.number: t for t in trials}
    for one in further:
        origin = by_number[one.replicate_of]
        assert origin.state is TrialState.COMPLETE
        assert (one.arch_id, one.cost) == (origin.arch_id, origin.cost)
        assert one.state in (TrialState.COMPLETE, TrialState.FAILED)  # never stopped early
        assert not one.candidate
    seeds = [t.seed for t in trials]
    assert len(set(seeds)) == len(seeds)


def test_the_sampler_says_which_are_the_top() -> None:
    class Contrary(WalkSampler):
        def expected_losses(self, history: Sequence[Trial]) -> dict[int, float]:
            self.told = history
            return {t.number: -(t.value("top1_error") or 0.0) for t in history if t.final}

    spec = small_spec(confirm=2, seeds=2, num_trials=12)
    sampler = Contrary(spec)
    trials = run_all(Study(spec, MemoryStore(), sampler))
    done = [t for t in trials if t.candidate and t.final]
    worst = sorted(done, key=lambda t: -t.value("top1_error"))[:2]
    chosen = [t.replicate_of for t in trials if t.replicate_of is not None]
    assert chosen == [t.number for t in worst]
    assert not any(t.replicate_of is not None for t in sampler.told)


def test_a_loss_without_an_estimate_is_taken_as_observed() -> None:
    trials = [trial(0, 0.3), trial(1, 0.1), trial(2, 0.2), trial(3, 0.05, reference="small-plain"),
              trial(4, 0.01, state=TrialState.STOPPED)]  # fmt: skip
    spec = small_spec(confirm=2, seeds=2)
    assert confirm.chosen(spec, trials, {}) == [1, 2]
    assert confirm.chosen(spec, trials, {0: 0.0, 1: 0.5}) == [0, 2]
    cheap = [trial(0, 0.1, 200), trial(1, 0.1, 100)]
    assert confirm.chosen(small_spec(confirm=1, seeds=2), cheap, {}) == [1]


@pytest.mark.parametrize("off", [{"confirm": 0, "seeds": 3}, {"confirm": 3, "seeds": 1}])
def test_confirmation_can_be_turned_off(off: dict[str, int]) -> None:
    trials = run(**off)
    assert not any(t.replicate_of is not None for t in trials)
    assert len(trials) == 14


def test_more_than_there_are_is_all_there_are() -> None:
    trials = run(confirm=100, seeds=2, num_trials=8)
    complete = [t.number for t in trials if t.candidate and t.final]
    assert sorted(t.replicate_of for t in trials if t.replicate) == complete
    spec = small_spec(confirm=100, seeds=2)
    store = MemoryStore()
    study = Study(spec, store, WalkSampler(spec))
    assert study.planned() == 8 + 2 + 100  # at most, until the candidates have ended
    run_all(study)
    assert study.planned() == len(study.trials)
    assert Study(spec, store, WalkSampler(spec)).planned() == len(study.trials)


def test_nothing_is_trained_again_before_every_candidate_has_ended() -> None:
    spec = small_spec(confirm=1, seeds=2, num_trials=4, published=False)
    study = Study(spec, MemoryStore(), WalkSampler(spec))
    out = [study.ask() for _ in range(4)]
    assert study.ask() is None
    for one in out[:-1]:
        study.count(one.number, 1, one.cost, "here")
        for epoch in (1, 2, 3, 4):
            study.record(one.number, 1, classified(epoch, None, 0.5, 1.0, 1.0, 1.0))
        study.finish(one.number, 1, _done())
        assert study.ask() is None
    study.finish(out[-1].number, 1, _done())
    assert study.ask().replicate_of is not None


def _done() -> Outcome:
    return Outcome(TrialState.COMPLETE, 1.0)


# ---- the references ----


def test_the_references_get_as_many_seeds_as_the_confirmed() -> None:
    spec = small_spec(confirm=2, seeds=3, reference_seeds=3, num_trials=12)
    study = Study(spec, MemoryStore(), WalkSampler(spec))
    assert study.planned() == 12 + 2 + 2 * 2 + 2 * 2
    trials = run_all(study)
    assert study.planned() == len(trials)
    found = StudyResults(spec, trials)
    references = [t for t in trials if t.reference]
    assert len(references) == 2
    for reference in references:
        own = [t for t in trials if t.replicate_of == reference.number]
        assert [t.replicate for t in own] == [1, 2]
        assert all(t.arch_id == reference.arch_id and not t.candidate for t in own)
        done = [t for t in own if t.state is TrialState.COMPLETE]
        assert found.estimate(reference.number).n == 1 + len(done)
        assert found.standing(reference.number) is None
    assert all(t.candidate for t in (*found.front, *found.unconfirmed, found.best))
    seeds = [t.seed for t in trials]
    assert len(set(seeds)) == len(seeds)


def test_a_reference_over_the_budget_gets_its_further_seeds_too() -> None:
    tight = small_spec(
        confirm=1, seeds=2, reference_seeds=2, budget=(Constraint("madds", 300_000),)
    )
    trials = run_all(Study(tight, MemoryStore(), WalkSampler(tight)))
    over = [t for t in trials if t.reference and t.cost.madds > 300_000]
    assert over
    assert {t.number for t in over} <= {t.replicate_of for t in trials}


def test_the_seeds_of_the_references_fill_the_workers_that_wait_for_the_last_candidates() -> None:
    spec = small_spec(confirm=1, seeds=2, reference_seeds=2, num_trials=4)
    study = Study(spec, MemoryStore(), WalkSampler(spec))
    out = [study.ask() for _ in range(6)]
    assert [t.reference is not None for t in out] == [False] * 4 + [True] * 2
    assert study.ask() is None
    reference = out[4]
    study.count(reference.number, 1, reference.cost, "here")
    study.record(reference.number, 1, classified(4, 2, 0.5, 1.0, 1.0, 1.0))
    study.finish(reference.number, 1, _done())
    assert study.ask().replicate_of == reference.number
    assert study.ask() is None
    assert study.planned() == 4 + 2 + 1 + 2


def test_a_study_from_before_the_references_had_seeds_is_resumed_as_it_was_planned() -> None:
    spec = small_spec(confirm=2, seeds=3, num_trials=12)
    old = json.loads(spec.to_json())
    del old["reference_seeds"]
    again = StudySpec.from_json(json.dumps(old))
    assert again == spec
    store = MemoryStore()
    trials = run_all(Study(spec, store, WalkSampler(spec)))
    resumed = Study(again, store, WalkSampler(again))
    assert resumed.planned() == len(trials)
    assert resumed.ask() is None
    found = StudyResults(again, trials)
    assert {found.estimate(t.number).n for t in found.references} == {1}


# ---- what the means say ----


def test_the_winner_is_the_best_mean_and_not_the_luckiest() -> None:
    trials = [trial(0, 0.030), trial(1, 0.034), trial(2, 0.035),
              again(3, 0, 1, 0.045), again(4, 1, 1, 0.036)]  # fmt: skip
    assert StudyResults(SPEC, trials[:3]).best.number == 0
    found = StudyResults(SPEC, trials)
    assert found.best.number == 1  # 3.5 % is the best mean; trial 2 was measured once
    own = found.estimate(0)
    assert (own.mean, own.n, own.split) == (pytest.approx(0.0375), 2, "validation")
    assert (own.low, own.high) == (0.0, pytest.approx(0.0375 + own.reach))
    assert found.further(0).mean == 0.045
    assert carries(found.words(0), "3.75 % ± 9.53 … 2 seeds … 3.00 % … 4.50 %")
    assert found.words(2) == "3.50 % (1 seed)"


def test_the_interval_of_an_error_stays_a_share_and_that_of_a_loss_need_not() -> None:
    trials = [trial(0, 0.90), again(1, 0, 1, 0.80)]
    found = StudyResults(SPEC, trials)
    error, loss = found.estimate(0), found.estimate(0, "loss")
    assert (error.low, error.high) == (pytest.approx(0.85 - error.reach), 1.0)
    assert loss.high == pytest.approx(1.7 + loss.reach)
    assert loss.high > 2


def test_a_further_seed_that_fails_or_is_on_its_way_does_not_count() -> None:
    trials = [trial(0, 0.03), again(1, 0, 1, 0.05, state=TrialState.FAILED),
              again(2, 0, 2, 0.05, state=TrialState.RUNNING)]  # fmt: skip
    found = StudyResults(SPEC, trials)
    assert found.confirmed == frozenset()
    assert found.best.number == 0


def test_a_single_seed_is_on_no_front_of_means() -> None:
    trials = [trial(0, 0.030, 300), trial(1, 0.035, 200), trial(2, 0.034, 310),
              again(3, 0, 1, 0.050, cost=Cost(300, 1, 1)), trial(4, 0.045, 400)]  # fmt: skip
    found = StudyResults(SPEC, trials)
    assert [t.number for t in found.front] == [0]
    assert [t.number for t in found.unconfirmed] == [1, 2]
    assert [found.standing(n) for n in range(5)] == [
        Standing.FRONT, Standing.UNCONFIRMED, Standing.UNCONFIRMED, None, Standing.DOMINATED,
    ]  # fmt: skip


def test_the_hypervolume_is_that_of_the_means() -> None:
    trials = [trial(0, 0.040, 300), trial(1, 0.035, 310),
              again(2, 0, 1, 0.020, cost=Cost(300, 1, 1))]  # fmt: skip
    found = StudyResults(SPEC, trials)
    assert [t.number for t in found.front] == [0]
    assert found.losses(found.front).tolist() == [[pytest.approx(0.03), 300.0]]
    assert found.hypervolume == pytest.approx((1 - 0.03) * (2e6 - 300))


errors = st.integers(1, 9).map(lambda n: n / 10)
measured = st.tuples(errors, st.integers(1, 9), st.lists(errors, max_size=2))
candidates = st.lists(measured, min_size=1, max_size=8)


def study_of(rows: Any) -> list[Trial]:
    """Return candidates of (error, madds, further errors), and a reference that beats them all."""
    trials = [trial(i, error, madds) for i, (error, madds, _) in enumerate(rows)]
    trials.append(trial(len(trials), 0.01, 1, reference="small-plain"))
    for of, (_, madds, more) in enumerate(rows):
        for replicate, error in enumerate(more, 1):
            cost = Cost(madds, 1, 1)
            trials.append(again(len(trials), of, replicate, error, cost=cost))
    return trials


@given(candidates)
@settings(max_examples=80, deadline=None)
def test_front_and_best_come_from_one_relation_on_one_scale(rows: Any) -> None:
    trials = study_of(rows)
    found = StudyResults(SPEC, trials)
    estimates = [found.estimate(t.number) for t in found.front]
    assert found.best in found.front
    assert all(t.candidate for t in (*found.front, *found.unconfirmed))
    madds = [t.cost.madds for t in found.front]
    means = [own.mean for own in estimates]
    assert madds == sorted(madds)
    assert means == sorted(means, reverse=True)  # the line only falls
    assert means[-1] == found.estimate(found.best.number).mean == min(means)
    several = {own.n > 1 for own in estimates}
    assert several == {bool(found.confirmed)}
    assert all(found.estimate(t.number).n == 1 for t in found.unconfirmed)
    assert bool(found.confirmed) or not found.unconfirmed
    kept = non_dominated(found.losses(found.ranked))
    assert {t.number for t in found.front} == {
        t.number for t, own in zip(found.ranked, kept, strict=True) if own
    }
    standings = [found.standing(t.number) for t in found.complete]
    assert standings.count(Standing.FRONT) == len(found.front)
    assert standings.count(Standing.UNCONFIRMED) == len(found.unconfirmed)


@given(candidates, st.sampled_from([("top1_error",), ("params", "top1_error"), ("loss", "madds"),
                                    ("top1_error", "params", "madds"), ("madds",)]))  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_the_best_is_on_the_front_whatever_the_objectives(
    rows: Any, objectives: tuple[str, ...]
) -> None:
    spec = small_spec(objectives=objectives, reference_point=(9.0,) * len(objectives))
    found = StudyResults(spec, study_of(rows))
    assert found.best in found.front
    goal = spec.goals[0]
    first = found.losses(found.ranked)[:, 0]
    assert found.losses([found.best])[0, 0] == min(first), goal


def test_the_interval_is_students() -> None:
    found = Summary.of([0.031, 0.040, 0.046])
    # 4.3027 is Student's t for 95 % at two degrees of freedom
    assert found.mean == pytest.approx(0.039)
    assert found.reach == pytest.approx(4.302653 * found.deviation / math.sqrt(3), rel=1e-5)
    assert Summary.of([0.1]).reach is None
