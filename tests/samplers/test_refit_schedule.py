"""When the predictor fits its kernel parameters, and that a replay fits the same."""

from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from nas.samplers import make_sampler
from nas.samplers.predictor import model
from nas.samplers.predictor.blas_threads import on_one_thread
from nas.samplers.predictor.gaussian_process import fit
from nas.samplers.predictor.history import read_history
from nas.samplers.predictor.sampler import fitted_count
from nas.study.objectives import objective
from nas.study.trial import Trial, TrialState
from tests.classified import with_metrics
from tests.contracts.test_samplers import BUDGETS, FRONT, feasible_space, finished

counts = st.integers(0, 20_000)


def trained(count: int) -> list[Trial]:
    """Return distinct networks that were all trained to the end."""
    drawn = feasible_space(BUDGETS["one"]).sample_many(np.random.default_rng(0), 2 * count)
    distinct = list(dict.fromkeys(drawn))[:count]
    return [finished(number, architecture) for number, architecture in enumerate(distinct)]


@given(counts)
def test_the_parameters_are_fitted_again_after_each_fifteen_percent(count: Any) -> None:
    fitted = fitted_count(count, count)
    assert fitted == 6 or count / 1.15 - 1 < fitted <= count
    assert fitted_count(fitted, fitted) == fitted
    assert fitted_count(count + 1, count + 1) >= fitted


@given(counts, st.floats(0.5, 1))
def test_only_trials_among_which_no_result_comes_are_fitted(count: Any, share: float) -> None:
    settled = int(np.ceil(share * count))
    assert fitted_count(count, settled) == fitted_count(settled, settled)


@given(st.integers(100, 20_000))
def test_a_slow_trial_does_not_keep_the_study_from_learning(count: int) -> None:
    assert fitted_count(count, 3) == fitted_count(count, count)


@pytest.mark.parametrize("late", [pytest.param((), marks=pytest.mark.slow), (9, 4, 1)])
def test_a_new_sampler_estimates_as_one_that_saw_every_step(
    monkeypatch: pytest.MonkeyPatch, late: tuple[int, ...]
) -> None:
    """Also where trials end out of order, or fail, and where one is far worse than all others."""
    fitted: list[Any] = []

    def kept(*given: Any) -> Any:
        fitted.append(fit(*given))
        return fitted[-1]

    monkeypatch.setattr(model, "fit", kept)
    full = trained(90)
    if late:
        full[20] = replace(full[20], measurements=(with_metrics(full[20].last, top1_error=1.0),))
    full[33] = replace(full[33], state=TrialState.FAILED, fail_reason="nan", measurements=())
    waiting = {n: replace(full[n], state=TrialState.WAITING, measurements=()) for n in range(90)}
    old = make_sampler("predictor", feasible_space(BUDGETS["one"]), FRONT)
    lengths = set()
    for count in range(30, 90, 8):
        history = [waiting[n] if count - n in late else full[n] for n in range(count)]
        old.propose(history, count, np.random.default_rng(count))
        fresh = make_sampler("predictor", feasible_space(BUDGETS["one"]), FRONT)
        assert old.expected_losses(history) == fresh.expected_losses(history)
        lengths.add(fitted_count(count - len(late), count - max(late, default=0)))
    assert len({theta.tobytes() for theta in fitted}) == len(lengths)


def test_what_is_settled_stays_so_when_the_others_have_finished() -> None:
    full = trained(20)
    late = replace(full[9], state=TrialState.WAITING, measurements=())
    history = [*full[:9], late, *full[10:]]
    seen = read_history(history, feasible_space(BUDGETS["one"]), objective("top1_error"))
    assert (seen.settled, len(seen.finished)) == (9, 19)
    assert seen.finished[:9] == full[:9]


def test_computations_in_two_threads_leave_the_limit_as_it_was() -> None:
    both, told = Barrier(2), []

    def threads() -> Any:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    @on_one_thread
    def inside() -> None:
        told.append(threads())

    def begin() -> None:
        both.wait(30)
        inside()

    before = threads()
    several = [Thread(target=begin) for _ in range(2)]
    for each in several:
        each.start()
    for each in several:
        each.join()
    assert told == [{1}, {1}]
    assert threads() == before
