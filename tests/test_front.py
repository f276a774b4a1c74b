"""Dominance, ranks and hypervolume against the definitions, point by point and cell by cell."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.stats.pareto import hypervolume, non_dominated, non_dominated_ranks

SIDE = 5  # few values, so that ties and equal rows are common


@st.composite
def point_sets(draw: st.DrawFn, max_size: int = 9) -> np.ndarray:
    objectives = draw(st.integers(1, 4))
    row = st.tuples(*[st.integers(0, SIDE)] * objectives)
    rows = draw(st.lists(row, max_size=max_size))
    return np.array(rows, dtype=float).reshape(len(rows), objectives)


def dominates(one: Any, other: Any) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


@settings(deadline=None)
@given(point_sets(max_size=14))
def test_the_front_holds_what_no_other_row_dominates(points: Any) -> None:
    wanted = [not any(dominates(other, row) for other in points) for row in points]
    assert non_dominated(points).tolist() == wanted


@settings(deadline=None)
@given(point_sets(max_size=12))
def test_the_rank_is_the_length_of_the_longest_chain_of_dominance(points: Any) -> None:
    ranks = non_dominated_ranks(points)
    for row, rank in zip(points, ranks, strict=True):
        above = [int(r) for other, r in zip(points, ranks, strict=True) if dominates(other, row)]
        assert rank == max(above, default=-1) + 1


@settings(max_examples=60, deadline=None)
@given(point_sets())
def test_the_volume_is_the_number_of_cells_dominated(points: Any) -> None:
    objectives = points.shape[1]
    reference = np.full(objectives, float(SIDE - 1))
    cells = itertools.product(range(SIDE - 1), repeat=objectives)
    wanted = sum(any(np.all(row <= cell) for row in points) for cell in cells)
    assert hypervolume(points, reference) == pytest.approx(wanted)


@settings(deadline=None)
@given(point_sets(), st.permutations(range(4)))
def test_neither_order_nor_repetition_changes_the_volume(points: Any, order: Any) -> None:
    reference = np.full(points.shape[1], float(SIDE))
    columns = [axis for axis in order if axis < points.shape[1]]
    volume = hypervolume(points, reference)
    assert hypervolume(np.concatenate([points, points])[::-1], reference) == pytest.approx(volume)
    assert hypervolume(points[:, columns], reference) == pytest.approx(volume)


def test_the_volume_of_known_fronts() -> None:
    reference = np.array([10.0, 10.0])
    assert hypervolume(np.zeros((0, 2)), reference) == 0.0
    assert hypervolume(np.array([[10.0, 0.0]]), reference) == 0.0
    assert hypervolume(np.array([[4.0, 6.0]]), reference) == 24.0
    assert hypervolume(np.array([[2.0, 6.0], [6.0, 2.0]]), reference) == 48.0
    assert hypervolume(np.array([[2.0, 6.0], [6.0, 2.0], [7.0, 7.0]]), reference) == 48.0
    assert hypervolume(np.array([[0.0, 0.0, 0.0]]), np.array([1.0, 2.0, 3.0])) == 6.0


def test_a_large_front_is_sorted_in_seconds() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((20_000, 2))
    kept = points[non_dominated(points)]
    order = np.argsort(kept[:, 0])
    assert np.all(np.diff(kept[order, 1]) < 0)
    assert 0 < len(kept) < 100


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40))
def test_the_quick_ranks_of_pairs_are_those_of_peeling_fronts(pairs: list[tuple[int, int]]) -> None:
    points = np.array(pairs, dtype=float)
    by_peeling = non_dominated_ranks(np.column_stack([points, np.zeros(len(points))]))
    assert non_dominated_ranks(points).tolist() == by_peeling.tolist()
