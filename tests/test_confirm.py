"""Confirmation: who is trained again, how the means decide, and what is said of them."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas import confirm
from nas.cost import Cost
from nas.front import non_dominated
from nas.replicates import Summary
from nas.results import best, front, losses, study_hypervolume
from nas.study import Study
from nas.trial import Measurement, Trial, TrialState
from tests.memory_store import MemoryStore
from tests.studies import SPACE, WalkSampler, run_all, small_spec

SPEC = small_spec(confirm=3, seeds=3)
ARCHITECTURE = SPACE.published[0].architecture


def trial(number: int, error: float, madds: int = 100, **fields: object) -> Trial:
    """Return a complete candidate, unless `fields` say otherwise."""
    measured = (Measurement(4, 2, error, 2 * error, error, 1.0),)
    plain = Trial(number, ARCHITECTURE, Cost(madds, 1, 1), TrialState.COMPLETE, number,
                  measurements=measured)  # fmt: skip
    return replace(plain, **fields)


def again(number: int, of: int, replicate: int, error: float, **fields: object) -> Trial:
    """Return a further seed of a candidate."""
    return trial(number, error, replicate_of=of, replicate=replicate, **fields)


def run(**changed: object) -> list[Trial]:
    """Return the trials of a whole small study with confirmation."""
    spec = small_spec(**{"confirm": 3, "seeds": 3, "num_trials": 12, **changed})
    return run_all(Study(spec, MemoryStore(), WalkSampler(spec)))


# ---- who is trained again ----


def test_the_top_candidates_get_further_seeds_in_full_at_the_end():
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


def test_the_sampler_says_which_are_the_top():
    class Contrary(WalkSampler):
        def believe(self, history):
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


def test_what_is_not_believed_is_taken_as_observed():
    trials = [trial(0, 0.3), trial(1, 0.1), trial(2, 0.2), trial(3, 0.05, reference="small-plain"),
              trial(4, 0.01, state=TrialState.STOPPED)]  # fmt: skip
    spec = small_spec(confirm=2, seeds=2)
    assert confirm.chosen(spec, trials, {}) == [1, 2]
    assert confirm.chosen(spec, trials, {0: 0.0, 1: 0.5}) == [0, 2]
    cheap = [trial(0, 0.1, 200), trial(1, 0.1, 100)]
    assert confirm.chosen(small_spec(confirm=1, seeds=2), cheap, {}) == [1]


@pytest.mark.parametrize("off", [{"confirm": 0, "seeds": 3}, {"confirm": 3, "seeds": 1}])
def test_confirmation_can_be_turned_off(off):
    trials = run(**off)
    assert not any(t.replicate_of is not None for t in trials)
    assert len(trials) == 14


def test_more_than_there_are_is_all_there_are():
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


def test_nothing_is_trained_again_before_every_candidate_has_ended():
    spec = small_spec(confirm=1, seeds=2, num_trials=4, published=False)
    study = Study(spec, MemoryStore(), WalkSampler(spec))
    out = [study.ask() for _ in range(4)]
    assert study.ask() is None
    for one in out[:-1]:
        study.count(one.number, 1, one.cost, "here")
        for epoch in (1, 2, 3, 4):
            study.record(one.number, 1, Measurement(epoch, None, 0.5, 1.0, 1.0, 1.0))
        study.finish(one.number, 1, _done())
        assert study.ask() is None
    study.finish(out[-1].number, 1, _done())
    assert study.ask().replicate_of is not None


def _done():
    from nas.trial import Outcome

    return Outcome(TrialState.COMPLETE, 1.0)


# ---- what the means say ----


def test_the_winner_is_the_best_mean_and_not_the_luckiest():
    trials = [trial(0, 0.030), trial(1, 0.034), trial(2, 0.035),
              again(3, 0, 1, 0.045), again(4, 1, 1, 0.036)]  # fmt: skip
    assert best(SPEC, trials[:3]).number == 0
    assert best(SPEC, trials).number == 1  # 3.5 % is the best mean; trial 2 was measured once
    found = confirm.confirmed(trials)[0]
    assert found.observed("top1_error") == 0.030
    assert found.summary("top1_error").mean == pytest.approx(0.0375)
    assert found.further("top1_error") == 0.045
    assert found.words().startswith("observed in the search 3.00 %, confirmed 3.75 % ± 9.53 ")
    assert "2 seeds; the further one 4.50 %" in found.words()


def test_a_further_seed_that_fails_or_is_on_its_way_does_not_count():
    trials = [trial(0, 0.03), again(1, 0, 1, 0.05, state=TrialState.FAILED),
              again(2, 0, 2, 0.05, state=TrialState.RUNNING)]  # fmt: skip
    assert confirm.confirmed(trials) == {}
    assert best(SPEC, trials).number == 0


def test_a_lucky_single_seed_does_not_push_a_mean_off_the_front():
    trials = [trial(0, 0.030, 300), trial(1, 0.035, 200), trial(2, 0.034, 310),
              again(3, 0, 1, 0.050, cost=Cost(300, 1, 1))]  # fmt: skip
    assert [t.number for t in front(SPEC, trials)] == [1, 0]
    # trial 2 was dominated as observed: it does not come in because trial 0 was measured again


def test_a_mean_that_dominates_an_observation_takes_it_off_the_front():
    trials = [trial(0, 0.040, 300), trial(1, 0.035, 310),
              again(2, 0, 1, 0.020, cost=Cost(300, 1, 1))]  # fmt: skip
    assert [t.number for t in front(SPEC, trials)] == [0]
    point = losses(SPEC, front(SPEC, trials), confirm.confirmed(trials))
    assert point.tolist() == [[pytest.approx(0.03), 300.0]]
    assert study_hypervolume(SPEC, trials) == pytest.approx((1 - 0.03) * (2e6 - 300))


errors = st.integers(1, 9).map(lambda n: n / 10)
measured = st.tuples(errors, st.integers(1, 9), st.lists(errors, max_size=2))
candidates = st.lists(measured, min_size=1, max_size=8)


@given(candidates)
@settings(max_examples=200, deadline=None)
def test_front_and_best_agree_whatever_was_measured_how_often(rows):
    trials = [trial(i, error, madds) for i, (error, madds, _) in enumerate(rows)]
    for of, (_, madds, more) in enumerate(rows):
        for replicate, error in enumerate(more, 1):
            cost = Cost(madds, 1, 1)
            trials.append(again(len(trials), of, replicate, error, cost=cost))
    means, found = confirm.confirmed(trials), front(SPEC, trials)
    winner = best(SPEC, trials)
    assert winner in found
    assert all(t.candidate for t in found)
    if means:
        assert winner.number in means
        assert all(
            means[winner.number].summary("top1_error").mean
            <= other.summary("top1_error").mean
            for other in means.values()
        )  # fmt: skip
    else:
        kept = non_dominated(losses(SPEC, trials))
        on_front = [t.number for t, keep in zip(trials, kept, strict=True) if keep]
        assert sorted(t.number for t in found) == on_front


def test_the_interval_is_students():
    found = Summary.of([0.031, 0.040, 0.046])
    # 4.3027 is Student's t for 95 % at two degrees of freedom
    assert found.mean == pytest.approx(0.039)
    assert found.reach == pytest.approx(4.302653 * found.deviation / math.sqrt(3), rel=1e-5)
    assert Summary.of([0.1]).reach is None
