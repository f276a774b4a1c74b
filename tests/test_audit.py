"""The audit of training-free scores: rank correlations in the band, their intervals, verdicts."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nas.cost.budget import Constraint
from nas.cost.model import Cost
from nas.feasible import BAND
from nas.results.score_audit import audit_scores, in_band
from nas.stats.correlations import FEWEST, correlation, correlation_difference
from nas.study.trial import Trial, TrialState
from tests.classified import classified
from tests.members import space_named

LIMIT = 1_000_000
BUDGET = (Constraint("madds", LIMIT), Constraint("params", 10**9))
ARCHITECTURE = space_named("small").published[0].architecture

numbers = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 3))
columns = st.integers(FEWEST, 40).flatmap(
    lambda n: st.tuples(*[st.lists(numbers, min_size=n, max_size=n).map(np.array)] * 2)
)


def trial(number: int, error: float, madds: float = 0.95, **given: Any) -> Trial:
    cost = Cost(round(madds * LIMIT), 1000 + number, 10)
    measurement = classified(4, 0, error, 2 * error, error, 1.0)
    proxies = {name: float(value) for name, value in given.pop("proxies", {}).items()}
    fields = {"measurements": (measurement,), "proxies": proxies, **given}
    return Trial(number, ARCHITECTURE, cost, fields.pop("state", TrialState.COMPLETE), 1, **fields)


def study(n: int = 20, seed: int = 0, noise: float = 0.1) -> list[Trial]:
    """Errors that `good` foretells, `bad` foretells the wrong way, and `luck` does not."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n)
    return [
        trial(
            number,
            0.3 + 0.01 * hidden[number],
            rng.uniform(BAND, 1),
            proxies={
                "good": -hidden[number] + noise * rng.normal(),
                "bad": hidden[number] + noise * rng.normal(),
                "luck": rng.normal(),
            },
        )
        for number in range(n)
    ]


def found(result: Any, name: str) -> Any:
    return next(finding for finding in result.findings if finding.name == name)


# -- the arithmetic ------------------------------------------------------------------------------


@given(columns)
def test_the_interval_holds_rho(pair: Any) -> None:
    one, other = pair
    rho = correlation(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert rho is None
    else:
        assert -1 <= rho.low <= rho.value <= rho.high <= 1


def test_the_interval_is_that_of_bonett_and_wright() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    rho = stats.spearmanr(x, y).statistic
    reach = stats.norm.ppf(0.975) * math.sqrt((1 + rho**2 / 2) / 27)
    assert correlation(x, y).low == pytest.approx(math.tanh(math.atanh(rho) - reach))
    assert correlation(x, y).high == pytest.approx(math.tanh(math.atanh(rho) + reach))


def test_the_interval_holds_what_it_promises() -> None:
    rng = np.random.default_rng(1)
    for strength in (0.0, 0.5):
        truth = 6 / math.pi * math.asin(strength / 2)  # Spearman's of the bivariate normal
        held = 0
        for _ in range(1000):
            x = rng.normal(size=15)
            y = strength * x + math.sqrt(1 - strength**2) * rng.normal(size=15)
            rho = correlation(x, y)
            held += rho.low <= truth <= rho.high
        assert 0.93 <= held / 1000 <= 0.98, strength


def test_a_perfect_order_keeps_an_interval() -> None:
    x = np.arange(FEWEST, dtype=float)
    rho = correlation(x, x)
    assert (rho.value, rho.high) == pytest.approx((1, 1))
    assert 0.5 < rho.low < 1
    turned = correlation(x, -x)
    assert (turned.value, turned.low, turned.high) == pytest.approx((-1, -1, -rho.low))


def test_too_few_or_constant_columns_have_none() -> None:
    x = np.arange(FEWEST, dtype=float)
    assert correlation(x[1:], x[1:]) is None
    assert correlation(x, np.ones(FEWEST)) is None
    assert correlation_difference(x, np.ones(FEWEST), x) is None


@given(columns)
def test_only_the_order_counts(pair: Any) -> None:
    one, other = pair
    steeper = np.arctan(one / 1e3) + 3  # strictly increasing on the values that there are
    if len(set(steeper.tolist())) == len(set(one.tolist())):
        assert correlation(one, other) == correlation(steeper, other)
    assert correlation(7 * one - 4, other) == correlation(one, other)


@given(columns)
def test_turning_a_score_turns_its_interval(pair: Any) -> None:
    one, other = pair
    rho, turned = correlation(one, other), correlation(-one, other)
    if rho is not None:
        assert (turned.value, turned.low, turned.high) == pytest.approx(
            (-rho.value, -rho.high, -rho.low)
        )


def test_the_difference_is_paired() -> None:
    rng = np.random.default_rng(2)
    target = rng.normal(size=40)
    close, far = target + 0.1 * rng.normal(size=40), rng.normal(size=40)
    better = correlation_difference(close, far, target)
    assert better.above_zero
    assert better.value == pytest.approx(
        correlation(close, target).value - correlation(far, target).value
    )
    assert better == correlation_difference(close, far, target)  # a fixed seed
    worse = correlation_difference(far, close, target)
    assert (worse.value, worse.low, worse.high) == pytest.approx(
        (-better.value, -better.high, -better.low)
    )
    twin = correlation_difference(close, 2 * close, target)
    assert (twin.value, twin.low, twin.high) == (0, 0, 0)


def test_the_bootstrap_resamples_rows() -> None:
    rng = np.random.default_rng(3)
    x, y, target = (rng.integers(0, 6, 25).astype(float) for _ in range(3))
    ours = correlation_difference(x, y, target)
    spread = []
    for _ in range(500):
        rows = rng.integers(0, 25, 25)
        spread.append(
            stats.spearmanr(x[rows], target[rows]).statistic
            - stats.spearmanr(y[rows], target[rows]).statistic
        )
    low, high = np.nanpercentile(spread, [2.5, 97.5])
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.1)


# -- the audit of a study ------------------------------------------------------------------------


def test_what_foretells_the_error_is_used_and_the_rest_is_not() -> None:
    result = audit_scores(study(), BUDGET)
    assert (result.n, result.complete, result.enough) == (20, 20, True)
    good, bad, luck = (found(result, name) for name in ("good", "bad", "luck"))
    assert good.used
    assert good.rho.value > 0.9
    assert good.verdict.startswith("used")
    assert not bad.used
    assert bad.rho.high < 0
    assert bad.verdict.startswith("not used")
    assert not luck.used
    assert luck.rho.low < 0 < luck.rho.high
    assert luck.verdict.startswith("not used")
    assert len({good.verdict, bad.verdict, luck.verdict}) == 3
    assert [finding.name for finding in result.findings] == [
        "bad",
        "good",
        "luck",
        "madds",
        "params",
    ]
    assert all(finding.verdict == "baseline" for finding in result.findings[-2:])


def test_rho_is_that_of_the_score_with_the_error_turned() -> None:
    trials = study(seed=4, noise=0.8)
    expected = -stats.spearmanr(
        [t.proxies["good"] for t in trials], [t.value("top1_error") for t in trials]
    ).statistic
    assert found(audit_scores(trials, BUDGET), "good").rho.value == pytest.approx(expected)
    larger_is_better = [trial(i, 0.5 - 0.01 * i, BAND + 0.01 * i) for i in range(12)]
    assert found(audit_scores(larger_is_better, BUDGET), "madds").rho.value == 1


def test_a_used_score_need_not_beat_the_madds() -> None:
    rng = np.random.default_rng(5)
    sizes = np.linspace(BAND, 1, 20)
    trials = [
        trial(i, 1 - size, size, proxies={"echo": size + 0.01 * rng.normal()})
        for i, size in enumerate(sizes)
    ]
    echo = found(audit_scores(trials, BUDGET), "echo")
    assert echo.used
    assert echo.verdict.startswith("used")
    assert echo.verdict != found(audit_scores(study(), BUDGET), "good").verdict


def test_only_complete_candidates_of_the_band_count() -> None:
    trials = study(FEWEST)
    others = [
        trial(100, 0.0, 0.84, proxies={"good": -99}),
        trial(101, 0.0, 0.9, proxies={"good": -99}, state=TrialState.STOPPED),
        trial(102, 0.0, 0.9, proxies={"good": -99}, reference="igcv3-d-1.0"),
        trial(103, 0.0, 0.9, proxies={"good": -99}, replicate_of=3, replicate=1),
        trial(104, 0.0, 0.9, proxies={"good": -99}, state=TrialState.FAILED),
    ]
    result = audit_scores([*trials, *others], BUDGET)
    assert (result.n, result.complete) == (FEWEST, FEWEST + 1)
    assert found(result, "good") == found(audit_scores(trials, BUDGET), "good")


def test_the_ends_of_the_band_belong_to_it() -> None:
    at = [trial(i, 0.1, share) for i, share in enumerate((0.8499, BAND, 0.9, 1.0, 1.0001))]
    assert [t.number for t in in_band(at, BUDGET)] == [1, 2, 3]
    assert in_band(at, ()) == at
    by_params = in_band(at, (Constraint("params", 1003),))
    assert [t.number for t in by_params] == [0, 1, 2, 3]


def test_too_few_are_said_to_be() -> None:
    result = audit_scores(study(FEWEST - 1), BUDGET)
    assert not result.enough
    assert found(result, "good").rho is None
    assert found(result, "good").verdict == f"too few: {FEWEST} needed"
    assert audit_scores([], BUDGET).n == 0


def test_trials_without_a_score_are_left_out_of_it_alone() -> None:
    trials = study(24)
    for index in range(8):
        rest = {key: value for key, value in trials[index].proxies.items() if key != "good"}
        trials[index] = replace(trials[index], proxies=rest)
    trials.append(replace(trial(30, 0.3), proxies=None))
    result = audit_scores(trials, BUDGET)
    assert (result.n, found(result, "good").n, found(result, "luck").n) == (25, 16, 24)
    assert found(result, "madds").n == 25
    assert found(result, "good").used


def test_the_order_of_the_trials_does_not_matter() -> None:
    trials = study()
    rho = found(audit_scores(trials, BUDGET), "good").rho.value
    assert found(audit_scores(trials[::-1], BUDGET), "good").rho.value == pytest.approx(rho)
