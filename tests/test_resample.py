"""Resampling: coverage of intervals, level of tests, arithmetic against brute force."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.stats import resampling as resample
from nas.stats.resampling import (
    bootstrap,
    bootstrap_difference,
    edf,
    edf_reach,
    flip,
    holm,
    least_p,
    least_p_of_pairs,
    mean,
    permute,
    quantile,
    share_below,
)

samples = st.lists(st.integers(0, 12), min_size=2, max_size=12).map(
    lambda values: np.array(values) / 12
)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resample less: what is tested here does not need many digits."""
    monkeypatch.setattr(resample, "RESAMPLES", 600)
    monkeypatch.setattr(resample, "PERMUTATIONS", 399)


# ---- intervals ----


@pytest.mark.parametrize("n", [6, 20])
@pytest.mark.parametrize(
    ("statistic", "truth"), [(mean, 0.0), (quantile(0.5), 0.0)], ids=["mean", "median"]
)
def test_intervals_cover_as_often_as_they_say(
    fast: None, n: int, statistic: Any, truth: float
) -> None:
    rng = np.random.default_rng(n)
    found = [bootstrap(rng.normal(size=n), statistic, rng) for _ in range(300)]
    covered = np.mean([each.low <= truth <= each.high for each in found])
    assert 0.91 <= covered <= 0.995


def test_the_interval_of_a_difference_covers_it(fast: None) -> None:
    rng = np.random.default_rng(1)
    found = [
        bootstrap_difference(rng.normal(2, 1, 8), rng.normal(0, 2, 12), mean, rng)
        for _ in range(300)
    ]
    covered = np.mean([each.low <= 2 <= each.high for each in found])
    assert 0.91 <= covered <= 0.99


@pytest.mark.parametrize("n", [6, 12, 40])
def test_the_band_holds_the_whole_distribution_as_often_as_it_says(fast: None, n: int) -> None:
    """The truth is uniform on [0, 1]; its largest distance from the sample is Kolmogorov's."""
    rng = np.random.default_rng(n)
    covered = 0
    for _ in range(300):
        values = np.sort(rng.random(n))
        above = np.arange(1, n + 1) / n - values
        below = values - np.arange(n) / n
        covered += max(above.max(), below.max()) <= edf_reach(values, rng)
    assert 0.91 <= covered / 300 <= 0.999


def test_one_value_is_known_no_better_than_not_at_all() -> None:
    found = bootstrap(np.array([0.2]), mean, np.random.default_rng(0))
    assert (found.value, found.low, found.high) == (0.2, -math.inf, math.inf)


def test_equal_generators_give_equal_answers() -> None:
    values = np.random.default_rng(0).random(9)
    one, two = (bootstrap(values, mean, np.random.default_rng(4)) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("below", "low", "high"), [(0, 0.0, 0.27753), (5, 0.23659, 0.76341), (10, 0.72247, 1.0)]
)
def test_shares_have_the_interval_of_wilson(below: int, low: float, high: float) -> None:
    found = share_below(np.arange(10) / 10, below / 10 - 0.05)
    assert found.value == below / 10
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


@given(samples, samples)
def test_the_empirical_distribution_counts(values: Any, at: Any) -> None:
    assert edf(values, at).tolist() == [np.mean(values <= level) for level in at]


# ---- tests ----


def test_p_is_level_where_only_the_strata_differ(fast: None) -> None:
    """Labels are permuted within strata, so that unequal strata make no difference of samples."""
    rng, strata = np.random.default_rng(2), np.repeat([0, 1, 2], 6)
    first = np.array([True, False] * 9)
    p = [permute(rng.normal(3 * strata, 1), first, strata.tolist(), rng) for _ in range(300)]
    for level in (0.05, 0.2, 0.5):
        assert np.mean([each.p_mean <= level for each in p]) == pytest.approx(level, abs=0.08)
        assert np.mean([each.p_distance <= level for each in p]) <= level + 0.05  # it has steps


def test_a_difference_that_strata_would_hide_is_seen(fast: None) -> None:
    rng, strata = np.random.default_rng(3), np.repeat([0, 1, 2], 8)
    first = np.array([True, False] * 12)
    values = rng.normal(10 * strata - 2 * first, 0.5)
    assert permute(values, first, strata.tolist(), rng).p_mean <= 0.01
    assert permute(values, first, [0] * 24, rng).p_mean > 0.05


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_permutation_agrees_with_every_arrangement(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, first = rng.integers(5, size=8) / 4, np.arange(8) % 2 == 0
    gaps = [
        abs(values[list(chosen)].mean() - np.delete(values, chosen).mean())
        for chosen in itertools.combinations(range(8), 4)
    ]
    observed = abs(values[first].mean() - values[~first].mean())
    exact = np.mean([gap >= observed - 1e-12 for gap in gaps])
    assert permute(values, first, [0] * 8, rng).p_mean == pytest.approx(exact, abs=0.03)


@given(samples, samples)
@settings(max_examples=15, deadline=None)
def test_the_distance_is_the_largest_between_the_two_distributions(one: Any, other: Any) -> None:
    both = np.concatenate([one, other])
    first = np.arange(len(both)) < len(one)
    expected = max(abs(edf(one, both) - edf(other, both)))
    found = permute(both, first, [0] * len(both), np.random.default_rng(0))
    assert found.distance == pytest.approx(expected, abs=1e-9)


def test_flipped_signs_are_counted_exactly() -> None:
    rng = np.random.default_rng(0)
    assert flip(np.array([0.1, 0.2, 0.3, 0.1, 0.2, 0.4]), rng) == 2 / 64
    differences = np.array([0.3, -0.1, 0.2, 0.0, 0.4])
    every = [abs(np.mean(differences * signs)) for signs in itertools.product((-1, 1), repeat=5)]
    expected = np.mean(np.array(every) >= abs(differences.mean()) - 1e-12)
    assert flip(differences, rng) == expected


def test_flipping_is_level_for_many_pairs(fast: None) -> None:
    rng = np.random.default_rng(5)
    p = np.array([flip(rng.standard_t(3, size=30), rng) for _ in range(300)])
    assert np.mean(p <= 0.1) == pytest.approx(0.1, abs=0.06)


def test_the_least_p_is_reached_by_the_most_extreme_sample() -> None:
    first, strata = np.array([True, True, False, False] * 2), [0] * 4 + [1] * 4
    assert least_p(first, strata) == 2 / 36
    values = np.where(first, 0.0, 1.0)
    rng = np.random.default_rng(0)
    assert permute(values, first, strata, rng).p_mean == pytest.approx(2 / 36, abs=0.01)
    assert least_p_of_pairs(6) == 2 / 64 == flip(np.ones(6), rng)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_lowers(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(p <= q <= 1 for p, q in zip(values, adjusted, strict=True))
    ranked = [q for _, q in sorted(zip(values, adjusted, strict=True))]
    assert ranked == sorted(ranked)
