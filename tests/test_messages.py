"""The matching of messages by their values."""

import pytest

from tests.messages import carries, carrying

SAID = "width=120 is less than the 2400 channels of 'small.toml'.\nType --width 2400."


@pytest.mark.parametrize(
    ("values", "found"),
    [("width=120", True), ("2400 … width=120", True), ("'small.toml' … --width 2400", True),
     ("240", False), ("width=12", False), ("idth=120", False), ("width=120 … 241", False),
     ("small", True), (".toml", True)],
)  # fmt: skip
def test_every_value_is_found_as_a_whole_in_any_order(values: str, found: bool) -> None:
    assert carries(SAID, values) is found


def test_the_pattern_is_one_for_raises() -> None:
    with pytest.raises(ValueError, match=carrying("2400 … 120")):
        raise ValueError(SAID)
