"""When the predictor learns what: early enough for no proposal to wait, and whatever came when."""

from dataclasses import replace
from threading import Barrier, Event, Thread, current_thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from nas.samplers import make_sampler
from nas.samplers.predictor import model
from nas.samplers.predictor.background_fit import Learner, checkpoint, coming, usable
from nas.samplers.predictor.blas_threads import on_one_thread
from nas.samplers.predictor.history_index import HistoryIndex
from nas.study.objectives import objective
from nas.study.trial import TrialState
from tests.contracts.test_samplers import BUDGETS, FRONT, feasible_space, finished

counts = st.integers(0, 20_000)


def trained(count):
    """Return distinct networks that were all trained to the end."""
    drawn = feasible_space(BUDGETS["one"]).sample_many(np.random.default_rng(0), 2 * count)
    distinct = list(dict.fromkeys(drawn))[:count]
    return [finished(number, architecture) for number, architecture in enumerate(distinct)]


@given(counts)
def test_what_is_in_use_was_begun_some_results_ago(count):
    now = usable(count, count)
    assert coming(now, now) == now  # begun when so many had finished
    assert count - now >= count // 16 or now == checkpoint(0)
    assert now <= coming(count, count) <= max(count, checkpoint(0))
    assert usable(count + 1, count + 1) >= now


@given(counts, st.floats(0.5, 1))
def test_a_later_result_among_them_is_not_in_sight(count, share):
    settled = int(np.ceil(share * count))
    assert usable(count, settled) <= coming(count, settled) <= max(settled, checkpoint(0))


@given(st.integers(100, 20_000))
def test_a_straggler_does_not_keep_the_study_from_learning(count):
    assert usable(count, 3) == usable(count, count)


def test_they_are_learnt_once_and_again_when_trials_differ():
    trials = trained(12)
    learnt = []

    def learn(of):
        learnt.append(list(of))
        return {0: np.array([float(len(of))])}

    learner = Learner(learn)
    results = [learner.begin(trials[:n]).result()[0][0] for n in (6, 8, 6, 8)]
    assert (results, [len(of) for of in learnt]) == ([6, 8, 6, 8], [6, 8])
    other = [replace(trials[0], seed=1), *trials[1:6]]
    learner.begin(other).result()
    assert learnt[-1] == other


def test_no_proposal_waits_for_a_fit(monkeypatch):
    """At 48 finished trials there is something new to learn, which may take until 51 of them."""
    history = trained(51)
    sampler = make_sampler("predictor", feasible_space(BUDGETS["one"]), FRONT)
    sampler.propose(history[:47], 47, np.random.default_rng(0))
    let_go, begun, fit = Event(), Event(), model.fit

    def slow(*given):
        begun.set()
        assert let_go.wait(60), "a proposal waits for this"
        return fit(*given)

    monkeypatch.setattr(model, "fit", slow)
    for count in (48, 49, 50):
        assert sampler.propose(history[:count], count, np.random.default_rng(count)) is not None
    assert begun.wait(60)
    let_go.set()
    quick = sampler.propose(history, 51, np.random.default_rng(51))
    fresh = make_sampler("predictor", feasible_space(BUDGETS["one"]), FRONT)
    assert fresh.propose(history, 51, np.random.default_rng(51)) == quick


@pytest.mark.parametrize("late", [(), (9, 4, 1)])
def test_a_sampler_made_anew_has_learnt_what_the_old_one_has(monkeypatch, late):
    """Also where trials end out of order, or fail, and where one is far worse than all others."""
    fitted = []
    fit = model.fit
    monkeypatch.setattr(model, "fit", lambda *given: fitted.append(fit(*given)) or fitted[-1])
    full = trained(90)
    if late:
        full[20] = replace(full[20], measurements=(replace(full[20].last, top1_error=1.0),))
    full[33] = replace(full[33], state=TrialState.FAILED, fail_reason="nan", measurements=())
    waiting = {n: replace(full[n], state=TrialState.WAITING, measurements=()) for n in range(90)}
    old = make_sampler("predictor", feasible_space(BUDGETS["one"]), FRONT)
    lengths = set()
    for count in range(30, 90, 4):
        history = [waiting[n] if count - n in late else full[n] for n in range(count)]
        old.propose(history, count, np.random.default_rng(count))
        fresh = make_sampler("predictor", feasible_space(BUDGETS["one"]), FRONT)
        assert old.believe(history) == fresh.believe(history)
        done, settled = count - len(late), count - max(late, default=0)
        lengths |= {usable(done, settled), coming(done, settled)}
    assert len({theta.tobytes() for theta in fitted}) == len(lengths)


def test_what_is_settled_stays_so_when_the_others_have_finished():
    full = trained(20)
    late = replace(full[9], state=TrialState.WAITING, measurements=())
    seen = HistoryIndex(feasible_space(BUDGETS["one"]), objective("top1_error")).read(
        [*full[:9], late, *full[10:]]
    )
    assert (seen.settled, len(seen.finished)) == (9, 19)
    assert seen.finished[:9] == full[:9]


def test_a_limit_of_threads_holds_until_the_last_one_is_through():
    both, first_is_out, told = Barrier(2), Event(), {}

    def threads():
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    @on_one_thread
    def inside(waits):
        both.wait(30)
        if waits:
            assert first_is_out.wait(30)
        told[current_thread().name] = threads()

    with threadpool_limits(2, user_api="blas"):
        longer = Thread(target=inside, args=(True,), name="longer")
        longer.start()
        inside(False)
        first_is_out.set()
        longer.join()
        assert told["longer"] == {1}
        assert threads() == {2}
