"""The statistics of the benchmark of rungs, against scipy and known properties."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from benchmarks.rank_correlation import Judge, spearman

rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=12)


@given(rows)
def test_the_correlation_is_that_of_scipy_ties_included(pairs: Any) -> None:
    one, other = np.array(pairs, dtype=float).T
    assume(len(set(one)) > 1 and len(set(other)) > 1)
    assert spearman(one[None], other[None])[0] == pytest.approx(spearmanr(one, other).statistic)


def test_what_diverged_is_the_last_and_a_constant_score_tells_nothing() -> None:
    losses = np.array([[0.1, 0.2, np.inf]])
    assert spearman(losses, np.array([[1.0, 2.0, 3.0]]))[0] == 1
    assert np.isnan(spearman(np.ones((1, 3)), losses)[0])


def networks(count: int = 40, noise: float = 0.3) -> np.ndarray:
    """Return losses of networks under three seeds: what they are, and noise."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(count, 1)) + noise * rng.normal(size=(count, 3))


def test_a_run_is_compared_with_the_other_seeds_alone() -> None:
    truth = networks()
    judge = Judge(truth)
    by_hand = [
        spearmanr(truth[:, seed], np.delete(truth, seed, axis=1).mean(axis=1)).statistic
        for seed in range(3)
    ]
    assert judge.spearman(truth).value == pytest.approx(np.mean(by_hand))
    assert judge.spearman(truth[:, :1]).value == pytest.approx(by_hand[0])
    nothing = np.random.default_rng(4).normal(size=(40, 3))
    assert abs(Judge(nothing).spearman(nothing).value) < 0.3


def test_an_interval_holds_the_value_and_narrows_with_more_networks() -> None:
    few, many = (Judge(networks(count)).spearman(networks(count)) for count in (10, 200))
    for found in (few, many):
        assert found.low <= found.value <= found.high
    assert many.high - many.low < few.high - few.low
    assert many.sure


def test_a_gain_is_paired_and_of_a_score_over_itself_nothing() -> None:
    truth = networks()
    judge, blurred = Judge(truth), truth + np.random.default_rng(5).normal(size=truth.shape)
    none = judge.gain(blurred, blurred)
    assert (none.value, none.low, none.high) == (0, 0, 0)
    gain, loss = judge.gain(truth, blurred), judge.gain(blurred, truth)
    assert gain.sure
    assert gain.value == pytest.approx(-loss.value)
    assert gain.value == pytest.approx(judge.spearman(truth).value - judge.spearman(blurred).value)
    others = Judge(networks(noise=1.0))
    apart = judge.gain(truth, blurred, others)
    assert apart.value == judge.spearman(truth).value - others.spearman(blurred).value
