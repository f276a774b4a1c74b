"""Quantities as people read them."""

import pytest

from nas.units import duration, percent, points


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (2.44, "2.4 s"), (9.97, "10 s"), (59.2, "59 s"), (59.6, "1 min 00 s"),
     (61, "1 min 01 s"), (3725, "1 h 02 min"), (7260, "2 h 01 min")],
)  # fmt: skip
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(None, ""), (0.0, "0.00 %"), (0.0342, "3.42 %"), (0.24791, "24.79 %"), (1.0, "100.00 %")],
)
def test_a_percentage_has_two_decimals_whatever_its_size(share: float | None, words: str) -> None:
    assert percent(share) == words


def test_a_difference_of_shares_is_in_points() -> None:
    assert points(-0.0123) == "-1.23"
