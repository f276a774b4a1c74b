"""The ladder: trials that continue."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import NasError
from nas.stats.pareto import non_dominated_ranks
from nas.study.rungs import Decision, Ladder, default_rungs, stratum

GO, STOP = Decision.CONTINUE, Decision.STOP
LADDER = Ladder((1, 3, 9), 3)


def arrivals(losses: Any, ladder: Ladder = LADDER) -> list[Decision]:
    """Return the decisions for trials that reach one rung after another."""
    rows = [loss if isinstance(loss, tuple) else (loss,) for loss in losses]
    return [ladder.decide(row, rows[:i]) for i, row in enumerate(rows)]


def test_the_first_to_arrive_goes_on() -> None:
    assert arrivals([0.9]) == [GO]


def test_one_objective_is_asynchronous_successive_halving() -> None:
    # the best ceil(n / 3) of the n that have arrived so far
    assert arrivals([0.5, 0.4, 0.6, 0.45, 0.44, 0.3, 0.5, 0.41]) == [
        GO, GO, STOP, GO, GO, GO, STOP, GO,
    ]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(2, 4))
def test_with_one_objective_a_trial_goes_on_if_fewer_than_the_quota_are_better(
    losses: list[int], eta: int
) -> None:
    decision = Ladder((1, 2), eta).decide([losses[0]], [[loss] for loss in losses[1:]])
    better = sum(loss < losses[0] for loss in losses[1:])
    assert (decision is GO) == (better < math.ceil(len(losses) / eta))


def test_equals_are_treated_alike() -> None:
    assert arrivals([0.5] * 5) == [GO] * 5
    assert arrivals([0.5, 0.4, 0.4, 0.5]) == [GO, GO, GO, STOP]
    assert arrivals([(0.5, 10.0)] * 4) == [GO] * 4


pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(pairs, st.integers(2, 4))
def test_with_two_objectives_the_lower_ranks_pass_first(points: Any, eta: int) -> None:
    quota = math.ceil(len(points) / eta)
    ranks = non_dominated_ranks(np.array(points, dtype=float))
    before, along = int(np.sum(ranks < ranks[0])), int(np.sum(ranks == ranks[0]))
    decision = Ladder((1, 2), eta).decide(points[0], points[1:])
    if before >= quota:
        assert decision is STOP
    if before + along <= quota:
        assert decision is GO


@settings(max_examples=100, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=15))
def test_no_more_than_the_quota_pass_among_distinct_trials(points: Any) -> None:
    rows = sorted(points)
    passing = [
        LADDER.decide(row, [r for r in rows if r != row]) is GO for row in rows
    ]  # the same trials seen from each of them
    assert sum(passing) == math.ceil(len(rows) / 3)


def test_trials_equally_far_from_the_others_are_told_apart_by_their_error() -> None:
    # the extremes pass first; the two between them are as far from these as each other
    front = [(0.0, 4.0), (1.0, 3.0), (3.0, 1.0), (4.0, 0.0), *[(9.0, 9.0)] * 5]
    decisions = [LADDER.decide(row, [*front[:i], *front[i + 1 :]]) for i, row in enumerate(front)]
    assert decisions[:4] == [GO, GO, STOP, GO]


def test_small_networks_are_not_crowded_out_by_accurate_large_ones() -> None:
    # all twelve are on one front: the larger the network, the lower its error
    front = [(0.9 - 0.05 * size, 10.0 * size) for size in range(1, 13)]
    passing = [row for row in front if LADDER.decide(row, [r for r in front if r is not row]) is GO]
    assert len(passing) == 4
    assert front[0] in passing  # the smallest
    assert front[-1] in passing  # the most accurate
    sizes = sorted(size for _, size in passing)
    assert max(np.diff(sizes)) <= 50  # and the rest lie between them


def test_a_dominated_network_stops_however_small_the_field() -> None:
    assert LADDER.decide((0.5, 300.0), [(0.4, 200.0)]) is STOP
    assert LADDER.decide((0.4, 200.0), [(0.5, 300.0)]) is GO


def test_strata_halve_the_cost_and_the_last_holds_the_rest() -> None:
    shares = (1.0, 0.51, 0.5, 0.26, 0.25, 0.126, 0.125, 0.01, 1e-9)
    assert [stratum(share) for share in shares] == [0, 0, 1, 1, 2, 2, 3, 3, 3]
    assert len({stratum(share) for share in np.linspace(0.85, 1.0, 20)}) == 1


@pytest.mark.parametrize("epochs", [(), (0, 1), (1, 1), (3, 1), (-1,)])
def test_rungs_that_do_not_rise_are_refused(epochs: tuple[int, ...]) -> None:
    with pytest.raises(NasError, match="do not rise"):
        Ladder(epochs, 3)


@pytest.mark.parametrize("eta", [-1, 0, 1])
def test_a_share_of_everything_is_refused(eta: int) -> None:
    with pytest.raises(NasError, match="eta"):
        Ladder((1, 3), eta)


def test_epochs_know_their_rung() -> None:
    assert [LADDER.rung(epoch) for epoch in (1, 2, 3, 9, 10)] == [0, None, 1, 2, None]
    assert LADDER.max_epochs == 9


@settings(deadline=None)
@given(st.integers(1, 500))
def test_default_rungs_make_a_ladder_up_to_full_fidelity(epochs: int) -> None:
    ladder = Ladder(default_rungs(epochs), 3)
    assert ladder.max_epochs == epochs
    assert 1 <= len(ladder.epochs) <= 3
    assert epochs <= 9 * ladder.epochs[0] < epochs + 9


def test_default_rungs_of_some_lengths() -> None:
    assert default_rungs(90) == (10, 30, 90)
    assert default_rungs(27) == (3, 9, 27)
    assert default_rungs(8) == (1, 3, 8)
    assert default_rungs(2) == (1, 2)
    assert default_rungs(1) == (1,)
