"""The pool and its points: independent of the number and order of requests."""

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri
from threadpoolctl import threadpool_info, threadpool_limits

from nas.feasible import FeasibleSpace
from nas.samplers import make_sampler
from nas.samplers.predictor.acquisition import knowledge_gradient
from nas.samplers.predictor.blas_threads import on_one_thread
from nas.samplers.predictor.candidate_pool import CandidatePool
from nas.samplers.predictor.features import Column, Features
from nas.samplers.predictor.history import Coder
from nas.stats.log_scale import log_losses
from nas.study.objectives import objective
from tests.contracts.test_samplers import BUDGETS, FRONT, feasible_space, search

ERROR, MADDS = FRONT


def space() -> FeasibleSpace:
    return feasible_space(BUDGETS["one"])


def coder(goals: Any = FRONT) -> Coder:
    variables = space().coding.variables
    features = Features([Column(len(v.values), v.ordered, v.key) for v in variables])
    return Coder(space(), features, goals)


def pool() -> CandidatePool:
    return CandidatePool(space(), coder().points)


def fresh(of: Any, asked: Any, taken: Any = frozenset(), seed: int = 0) -> Any:
    parents = space().sample_many(np.random.default_rng(1), 5)
    return of.fresh(parents, set(taken), asked, np.random.default_rng([seed, asked]))


def same(one: Any, two: Any) -> Any:
    return one.architectures == two.architectures and all(
        np.array_equal(getattr(one.points, name), getattr(two.points, name), equal_nan=True)
        for name in ("choices", "profile", "known")
    )


def test_a_pool_that_is_first_asked_late_has_the_draws_of_one_that_was_asked_all_along() -> None:
    early, late = pool(), pool()
    fresh(early, 60)
    assert same(fresh(early, 70), fresh(late, 70))


def test_candidates_are_distinct_feasible_and_untaken_with_their_own_points() -> None:
    every = fresh(pool(), 10)
    taken = {architecture.arch_id for architecture in every.architectures[::7]}
    found = fresh(pool(), 10, taken)
    ids = [architecture.arch_id for architecture in found.architectures]
    assert ids == [a.arch_id for a in every.architectures if a.arch_id not in taken]
    assert len(set(ids)) == len(ids) > 500
    assert all(map(space().admits, found.architectures))
    own = coder()
    for row in range(0, len(ids), 60):
        architecture = found.architectures[row]
        assert np.array_equal(found.points.choices[row], own.points([architecture]).choices[0])
        assert tuple(found.points.profile[row]) == space().coding.profile(architecture)
        madds = float(space().cost(architecture).madds)
        assert found.points.known[row, 1] == log_losses(np.array([madds]))[0]
        assert np.isnan(found.points.known[row, 0])


def test_there_may_be_no_candidates() -> None:
    every = {architecture.arch_id for architecture in fresh(pool(), 10).architectures}
    assert fresh(pool(), 10, every) is None


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_points_are_the_same_bits_in_whatever_company(count: int) -> None:
    """Also on spaces whose stages are so many that a mean over them is summed in parts."""
    drawn = space().sample_many(np.random.default_rng(2), 40)
    whole, some = coder().points(drawn), coder().points(drawn[:count])
    assert np.array_equal(whole.choices[:count], some.choices)
    wide = Features([Column(6, True, "g")] * 13)
    codes = np.random.default_rng(3).integers(0, 6, (40, 13)).astype(float)
    assert np.array_equal(wide.choices(codes)[:2], wide.choices(codes[:2]))


def test_every_known_goal_has_its_transformed_cost() -> None:
    goals = (ERROR, objective("params"))
    drawn = space().sample_many(np.random.default_rng(4), 3)
    known = coder(goals).points(drawn).known
    assert list(known[:, 1]) == [
        log_losses(np.array([float(space().cost(a).params)]))[0] for a in drawn
    ]


def test_estimates_do_not_depend_on_the_number_of_threads() -> None:
    history = search("random", BUDGETS["one"], 150)
    estimates = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            sampler = make_sampler("predictor", space(), FRONT)
            proposed = sampler.propose(history, 150, np.random.default_rng(0))
            estimates.append((proposed, sampler.expected_losses(history)))
    assert estimates[0] == estimates[1]


def test_the_number_of_threads_is_put_back() -> None:
    def threads() -> Any:
        libraries = [one for one in threadpool_info() if one["user_api"] == "blas"]
        return [one["num_threads"] for one in libraries]

    @on_one_thread
    def inside() -> Any:
        """Tell."""
        return threads()

    @on_one_thread
    def failing() -> None:
        raise ValueError("on one thread")

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        assert set(inside()) == {1}
        with pytest.raises(ValueError, match="on one thread"):
            failing()
        assert threads() == before
    assert inside.__doc__ == "Tell."


def test_the_knowledge_gradient_is_that_of_its_formula_to_the_bit() -> None:
    rng = np.random.default_rng(5)
    mean, deviation, noise = rng.random(300), 0.1 + rng.random(300), 0.2
    shared, contenders = rng.standard_normal((300, 24)), rng.random(24)
    spread = np.sqrt(deviation**2 + noise**2)
    slopes = np.concatenate([shared, (deviation**2)[:, None]], axis=1) / spread[:, None]
    levels = np.concatenate([np.broadcast_to(contenders, shared.shape), mean[:, None]], axis=1)
    quantiles = ndtri((np.arange(24) + 0.5) / 24)  # of the noise, each of the same probability
    lowest = np.stack([(levels + slopes * z).min(axis=1) for z in quantiles])
    expected = np.maximum(levels.min(axis=1) - lowest.mean(axis=0), 0.0)
    found = knowledge_gradient(mean, deviation, shared, contenders, noise)
    assert np.array_equal(found, expected)
