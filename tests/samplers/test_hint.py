"""What a proven training-free score adds: measured against chance, and against made-up networks."""

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.audit import proven
from nas.objective import objective
from nas.samplers import make_sampler
from nas.samplers.predictor import surrogate
from nas.samplers.predictor.data import observe
from nas.samplers.predictor.features import Column, Features
from nas.samplers.predictor.hint import FEWEST, Ruler, effect
from nas.samplers.predictor.model import Model, Points
from nas.samplers.predictor.surrogate import PRIOR, Surrogate
from nas.tables import ACCURACY, Table, TableSpace
from nas.trial import Measurement, Trial, TrialState
from tests.samplers.test_predictor import rows_of, wave

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import bm_scores

FRONT = (ACCURACY, objective("madds"))
LANDSCAPES = 12
TRAINED = 60


@cache
def made_up(folder, seed):
    """Return a small landscape under the median of its costs."""
    table = Table.read(bm_scores.write(folder, seed, values=3))
    return TableSpace(table, [table.quantile(0.5)])


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("made-up")


def history_of(space, kind, count=TRAINED, seed=0):
    """Return trained networks drawn at random, half of them in the band, each with its score."""
    rng = np.random.default_rng([1, seed])
    drawn = space.sample_many(rng, count // 2, low=0.85) + space.sample_many(rng, 3 * count)
    some = list(dict.fromkeys(drawn))[:count]
    return [trained(space, number, some[number], kind) for number in rng.permutation(len(some))]


def trained(space, number, architecture, kind):
    error = 1 - space.table.trainings(space.index(architecture))[0] / 100
    last = Measurement(1, 0, error, 3 * error, 1.0, 1.0)
    return Trial(
        number, architecture, space.cost(architecture), TrialState.COMPLETE, number,
        measurements=(last,), proxies=scorer_of(space, kind)(architecture),
    )  # fmt: skip


def scorer_of(space, kind):
    return lambda architecture: {kind: space.scores(architecture)[kind], f"{kind}_ms": 3.0}


def asked(space, history, scorer, goals=FRONT, number=TRAINED):
    sampler = make_sampler("predictor", space, goals, scorer)
    return sampler.propose(history, number, np.random.default_rng([0, number]))


def never(architecture):
    raise AssertionError(f"{architecture} was scored")


# the slope


def columns(rng, count, slope):
    surprises = rng.standard_normal(count)
    return slope * surprises + rng.standard_normal(count), surprises, rng.uniform(0.5, 2.0, count)


def test_a_clear_effect_is_found_nearly_in_full():
    found = effect(*columns(np.random.default_rng(0), 200, -0.8))
    assert found == pytest.approx(-0.8, abs=0.15)


def test_what_is_nothing_is_used_in_no_more_cases_than_its_interval_allows():
    rng = np.random.default_rng(1)
    used = sum(effect(*columns(rng, 20, 0.0)) != 0 for _ in range(2000))
    assert 20 <= used <= 90  # 2.5 % of them are 50


def test_a_score_that_is_wrong_or_rare_or_repeats_the_features_has_no_say():
    rng = np.random.default_rng(2)
    assert effect(*columns(rng, 200, 0.8)) == 0
    assert effect(*columns(rng, FEWEST - 1, -5.0)) == 0
    residuals, surprises, variances = columns(rng, 200, -0.8)
    assert effect(residuals, 0.05 * surprises, variances) == 0


def test_nothing_jumps_when_an_effect_comes_into_use():
    rng = np.random.default_rng(3)
    surprises = rng.standard_normal(30)
    noise = rng.standard_normal(30)
    found = [effect(noise - b * surprises, surprises, np.ones(30)) for b in np.linspace(0, 2, 2001)]
    assert found[0] == 0
    assert found[-1] < -1.5
    assert np.abs(np.diff(found)).max() < 0.01


def test_left_out_is_what_the_others_foretell():
    rng = np.random.default_rng(4)
    rows = rows_of(rng, 15)
    values, noise = wave(rows) + 0.1 * rng.standard_normal(15), 0.1 * rng.random(15)
    residuals, variances = Surrogate(rows, values, noise, PRIOR).left_out()
    mean, scale = surrogate._standard(values, noise)
    covariance = surrogate._kernel(PRIOR, surrogate._distances(rows, rows))
    covariance += np.diag(surrogate._noise(PRIOR, noise / scale**2))
    for one in range(15):
        others = np.arange(15) != one
        weights = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, one])
        foretold = mean + weights @ (values[others] - mean)
        assert residuals[one] == pytest.approx(values[one] - foretold)
        left = covariance[one, one] - weights @ covariance[others, one]
        assert variances[one] == pytest.approx(scale**2 * left)


# the ruler


def ruler(folder):
    space = made_up(folder, 0)
    return Ruler.of(history_of(space, "informative"), space.budget)


@given(one=st.floats(-1e12, 1e12), other=st.floats(-1e12, 1e12))
def test_a_ruler_keeps_the_order_and_nothing_is_far_out(folder, one, other):
    low, high = (ruler_of(folder).read({"informative": value}) for value in sorted((one, other)))
    assert low <= high
    assert low > -4.5
    assert high < 4.5


@cache
def ruler_of(folder):
    return ruler(folder)


def test_a_ruler_reads_what_it_has_and_no_more(folder):
    found = ruler_of(folder)
    assert list(found.weights) == ["informative"]
    for nothing in ({}, {"other": 3.0}, {"informative": float("nan")}):
        assert np.isnan(found.read(nothing))


def test_there_is_no_ruler_where_nothing_is_proven(folder):
    space = made_up(folder, 0)
    for kind in ("noise", "flipped"):
        assert Ruler.of(history_of(space, kind), space.budget) is None
    assert Ruler.of(history_of(space, "informative")[:8], space.budget) is None


# proposals


@pytest.mark.parametrize("kind", ["noise", "flipped", "repeated"])
@pytest.mark.parametrize("goals", [FRONT, FRONT[:1]])
def test_without_a_score_that_adds_something_a_proposal_is_what_it_was(folder, kind, goals):
    space = made_up(folder, 1)
    history = history_of(space, kind)
    assert asked(space, history, never, goals) == asked(space, history, None, goals)


def test_repeating_the_cost_may_be_proven_and_still_says_nothing(folder):
    histories = [history_of(made_up(folder, n), "repeated") for n in range(LANDSCAPES)]
    budgets = [made_up(folder, n).budget for n in range(LANDSCAPES)]
    known = [bool(proven(h, b)) for h, b in zip(histories, budgets, strict=True)]
    assert any(known)  # or the test above holds for a dull reason


@pytest.mark.parametrize("goals", [FRONT, (*FRONT, objective("loss")), FRONT[:1]])
def test_a_few_candidates_are_scored_and_one_of_them_is_proposed(folder, goals):
    space, scored = made_up(folder, 0), []
    score = scorer_of(space, "informative")

    def noted(architecture):
        scored.append(architecture)
        return score(architecture)

    proposed = asked(space, history_of(space, "informative"), noted, goals)
    assert 1 < len(scored) <= 8
    assert len(set(scored)) == len(scored)
    assert proposed in scored


def test_a_candidate_is_scored_once_and_what_was_scored_before_changes_nothing(folder):
    """A sampler that has been asked for long goes on as one that is made anew, after a resume."""
    space, scored = made_up(folder, 0), []
    score = scorer_of(space, "informative")

    def noted(architecture):
        scored.append(architecture)
        return score(architecture)

    history = history_of(space, "informative")
    old = make_sampler("predictor", space, FRONT, noted)
    for number in range(TRAINED, TRAINED + 6):
        proposed = old.propose(history, number, np.random.default_rng([0, number]))
        assert proposed == asked(space, history, score, number=number)
        history = [*history, trained(space, number, proposed, "informative")]
    assert len(set(scored)) == len(scored)


def test_a_trial_on_its_way_says_nothing_by_its_score(folder):
    space = made_up(folder, 0)
    history, score = history_of(space, "informative"), scorer_of(space, "informative")
    at = next(a for a in space.table.architectures
              if space.admits(a) and a not in {t.architecture for t in history})  # fmt: skip
    waiting = replace(trained(space, TRAINED, at, "informative"), state=TrialState.WAITING)
    without = replace(waiting, measurements=(), proxies=None)
    one, two = (
        asked(space, [*history, replace(without, proxies=proxies)], score, number=TRAINED + 1)
        for proxies in (None, {})
    )
    assert one == two


def test_what_cannot_be_scored_is_taken_as_it_is_foretold(folder):
    space = made_up(folder, 0)
    history = history_of(space, "informative")
    assert space.admits(asked(space, history, lambda _: {}))


def test_beliefs_use_the_scores_of_what_was_trained(folder):
    apart = {True: [], False: []}
    for seed in range(4):
        space = made_up(folder, seed)
        history = history_of(space, "informative")
        truth = np.array([1 - space.table.accuracy[space.index(t.architecture)] / 100
                          for t in history])  # fmt: skip
        for scored in apart:
            scorer = scorer_of(space, "informative") if scored else None
            believed = make_sampler("predictor", space, FRONT, scorer).believe(history)
            found = np.array([believed[t.number] for t in history])
            apart[scored].append(np.abs(np.log(found / truth)).mean())
    assert np.mean(apart[True]) < np.mean(apart[False])


# what it is worth


def doubt(folder, kind):
    """Return how far predictions are from the truth with readings, to without them, (landscapes,).

    Root mean squares over every network that was not trained; the truth is the mean accuracy.
    """
    found = []
    for seed in range(LANDSCAPES):
        space = made_up(folder, seed)
        history = history_of(space, kind, seed=seed)
        known = {trial.architecture for trial in history}
        new = [space.table.architectures[index] for index in space.feasible]
        new = [architecture for architecture in new if architecture not in known]
        model = Model(Features([Column(len(v.values), v.ordered, v.key)
                                for v in space.coding.variables]), [True])  # fmt: skip
        ruler = Ruler.of(history, space.budget)
        read = (lambda each: np.nan) if ruler is None else ruler.read
        points, candidates = (
            Points(
                np.array([space.coding.encode(a) for a in several], float),
                np.array([space.coding.profile(a) for a in several]),
                np.full((len(several), 1), np.nan),
                np.array([read(scorer_of(space, kind)(a)) for a in several]),
            )
            for several in ([trial.architecture for trial in history], new)
        )
        observed = {0: observe(history, ACCURACY)}
        truth = np.log(1 - space.table.accuracy[[space.index(a) for a in new]] / 100)
        hint = model.hint(points, observed, model.kernels(points, observed))
        nobody = np.array([], dtype=np.int64)
        told, plain = (
            model.learn(points, observed, nobody, None, each).predict(candidates)[0][0]
            for each in (hint, None)
        )
        found.append(np.sqrt(np.mean((told - truth) ** 2) / np.mean((plain - truth) ** 2)))
    return np.array(found)


@pytest.mark.parametrize(("kind", "most"), [("strong", 0.75), ("informative", 0.95)])
def test_a_score_that_knows_something_makes_predictions_better(folder, kind, most):
    found = doubt(folder, kind)
    assert found.mean() < most
    assert (found < 1).sum() >= 0.8 * LANDSCAPES


@pytest.mark.parametrize("kind", ["noise", "flipped", "repeated", "trend", "treacherous"])
def test_a_score_that_knows_nothing_or_misleads_makes_them_no_worse(folder, kind):
    found = doubt(folder, kind)
    assert found.mean() < 1.02
    assert found.max() < 1.15


def found_more(folder, kind, landscapes):
    """Return how much more of the front's hypervolume a search finds, (landscapes,)."""
    found = []
    for seed in range(landscapes):
        bm_scores.write(folder, seed, values=3)
        with_, without = (
            bm_scores.run(folder, seed, each, (45,)) for each in (kind, bm_scores.BASELINE)
        )
        found.append(with_.share[0] - without.share[0])
    return np.array(found)


def test_a_search_with_a_score_that_knows_something_finds_a_better_front(folder):
    found = found_more(folder, "strong", 20)
    assert found.mean() > 2 * found.std(ddof=1) / np.sqrt(len(found))


def test_a_search_with_a_score_that_adds_nothing_is_no_worse(folder):
    found = found_more(folder, "trend", 8)
    assert found.mean() > -0.01
