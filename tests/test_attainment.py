"""The attainment surface against its definition, pair by pair."""

import itertools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.stats.pareto import attainment_surface

SIDE = 4  # few values, so that ties are common


@st.composite
def runs_of_points(draw: st.DrawFn) -> list[np.ndarray]:
    row = st.tuples(st.integers(0, SIDE), st.integers(0, SIDE))
    runs = draw(st.lists(st.lists(row, max_size=5), max_size=5))
    return [np.array(run, dtype=float).reshape(len(run), 2) for run in runs]


def attained(points: np.ndarray, pair: Any) -> bool:
    return bool(np.any(np.all(points <= np.array(pair), axis=1)))


@settings(deadline=None)
@given(runs_of_points(), st.integers(1, 5))
def test_a_pair_is_beyond_the_surface_if_and_only_if_enough_runs_attain_it(
    runs: list[np.ndarray], least: int
) -> None:
    surface = attainment_surface(runs, least)
    for pair in itertools.product(range(SIDE + 1), repeat=2):
        assert attained(surface, pair) == (sum(attained(run, pair) for run in runs) >= least)


@settings(deadline=None)
@given(runs_of_points(), st.integers(1, 5))
def test_its_corners_rise_in_the_first_loss_and_fall_in_the_second(
    runs: list[np.ndarray], least: int
) -> None:
    steps = np.diff(attainment_surface(runs, least), axis=0)
    assert np.all(steps[:, 0] > 0)
    assert np.all(steps[:, 1] < 0)
