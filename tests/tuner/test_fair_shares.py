"""Shares of a cluster: proportional to the weights, complete, and equal over time."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nas.tuner.sharing import QUANTUM_SECONDS, Claim, Shares, fair_shares

CPU = (1.0, 0.0)


def claim(
    wanted: int = 100, running: int = 0, weight: float = 1.0, served: float = 0.0,
    first: bool = False,
) -> Claim:  # fmt: skip
    return Claim(CPU, running, wanted, weight, served, first)


@pytest.mark.parametrize(
    ("slots", "claims", "shares"),
    [
        (8, {"a": claim()}, {"a": 8}),
        (8, {"a": claim(), "b": claim()}, {"a": 4, "b": 4}),
        (8, {"a": claim(), "b": claim(1)}, {"a": 7, "b": 1}),  # nothing is left unused
        (9, {"a": claim(), "b": claim(weight=2)}, {"a": 3, "b": 6}),
        (2, {"a": claim(running=2), "b": claim()}, {"a": 1, "b": 1}),
        (1, {"a": claim(running=1), "b": claim()}, {"a": 1, "b": 0}),
        (1, {"a": claim(running=1), "b": claim(first=True)}, {"a": 0, "b": 1}),
        (1, {"a": claim(running=1, served=QUANTUM_SECONDS), "b": claim()}, {"a": 0, "b": 1}),
        (0, {"a": claim()}, {"a": 0}),
    ],
)
def test_shares(slots: int, claims: dict[str, Claim], shares: dict[str, int]) -> None:
    assert fair_shares(claims, (float(slots), 0.0)) == shares


def test_what_a_study_needs_most_decides() -> None:
    claims = {"cpu": Claim((1.0, 0.0), 0, 100), "gpu": Claim((1.0, 1.0), 0, 100)}
    assert fair_shares(claims, (64.0, 8.0)) == {"cpu": 57, "gpu": 7}


@given(
    slots=st.integers(0, 30),
    claims=st.dictionaries(
        st.text("abcdef", min_size=1, max_size=2),
        st.builds(
            claim, st.integers(0, 40), st.integers(0, 10), st.sampled_from((0.5, 1.0, 2.0, 7.0)),
            served=st.floats(0, 1e4),
        ),
        max_size=6,
    ),
)  # fmt: skip
def test_every_slot_is_used_by_a_study_that_can(slots: int, claims: dict[str, Claim]) -> None:
    shares = fair_shares(claims, (float(slots), 0.0))
    assert all(0 <= shares[name] <= each.wanted for name, each in claims.items())
    assert sum(shares.values()) == min(slots, sum(each.wanted for each in claims.values()))


@settings(max_examples=8, deadline=None)
@given(slots=st.integers(1, 7), weights=st.lists(st.sampled_from((1.0, 2.0, 4.0)), min_size=2,
                                                max_size=4))  # fmt: skip
@example(slots=5, weights=[1.0] * 4)  # one slot more than studies: it changes hands
def test_over_time_each_gets_its_weight(slots: int, weights: list[float]) -> None:
    """Studies with trials of one second, for a quarter of an hour."""
    now = 0.0
    shares = Shares(lambda: now)
    spent, running = [0.0] * len(weights), [0] * len(weights)
    for _ in range(900):
        for number, weight in enumerate(weights):
            granted, rivals = shares.claim(
                str(number), claim(running=running[number], weight=weight), (float(slots), 0.0)
            )
            assert rivals == (len(weights) - 1 if now else number)
            running[number] = granted
            spent[number] += granted
        now += 1.0
    for one, weight in zip(spent, weights, strict=True):
        fair = slots * 900 * weight / sum(weights)
        assert abs(one - fair) <= 6 * QUANTUM_SECONDS + 0.02 * fair


def test_a_study_saves_up_no_time_while_it_wants_nothing() -> None:
    now = 0.0
    shares = Shares(lambda: now)
    room = (1.0, 0.0)
    shares.claim("idle", claim(0), room)
    for _ in range(1000):
        shares.claim("busy", claim(running=1), room)
        shares.claim("idle", claim(0), room)
        now += 1.0
    assert shares.claim("idle", claim(), room) == (1, 1)  # its first
    for second in range(1, 200):
        now += 1.0
        mine, _ = shares.claim("idle", claim(running=1), room)
        shares.claim("busy", claim(), room)
        if not mine:
            assert second < 3 * QUANTUM_SECONDS
            return
    raise AssertionError("the other study never got its turn")


def test_a_silent_driver_is_forgotten_and_one_that_leaves_at_once() -> None:
    now = 0.0
    shares = Shares(lambda: now)
    room = (2.0, 0.0)
    for name in ("killed", "left", "stays"):
        shares.claim(name, claim(), room)
    assert shares.leave("left") == 2
    assert shares.claim("stays", replace(claim(), running=1), room) == (1, 1)
    now = 20.0
    assert shares.claim("stays", claim(running=1), room) == (2, 0)
    assert shares.leave("stays") == 0
