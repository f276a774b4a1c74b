"""Profiles: parts that add up, over epochs, trials and images."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.study.time_profile import (
    LAPS,
    PROFILE_PARTS,
    add_profiles,
    complete_profile,
    profile_table,
    profile_total,
)

SECONDS = st.floats(0, 1e4, allow_nan=False)
LAPS_OF = st.fixed_dictionaries(dict.fromkeys(LAPS, SECONDS))
IMAGES = st.integers(1, 10**6)


@given(LAPS_OF, st.floats(0, 1e4))
def test_the_parts_add_up_to_the_whole_time(laps: Any, rest: float) -> None:
    seconds = sum(laps.values()) + rest
    whole = complete_profile(laps, seconds)
    assert profile_total(whole) == pytest.approx(seconds)
    assert whole["overhead"] == pytest.approx(rest, abs=1e-6)


@given(st.lists(st.tuples(LAPS_OF, IMAGES), min_size=1, max_size=5))
def test_a_table_holds_sums_medians_and_seconds_for_each_image(
    found: list[tuple[Any, Any]],
) -> None:
    profiles = [
        complete_profile({**laps, "images": n}, sum(laps.values()) + 1.0) for laps, n in found
    ]
    rows = {row.part: row for row in profile_table(profiles)}
    assert list(rows) == [*PROFILE_PARTS, "total"]
    images = sum(n for _, n in found)
    assert rows["forward"].seconds == pytest.approx(sum(laps["forward"] for laps, _ in found))
    assert rows["overhead"].median == pytest.approx(1.0, abs=1e-6)
    assert rows["total"].per_image == pytest.approx(rows["total"].seconds / images)
    assert sum(rows[part].share for part in PROFILE_PARTS) == pytest.approx(1.0)
    assert rows["total"].share == pytest.approx(1.0)


def test_the_median_is_that_of_the_trials() -> None:
    rows = profile_table([complete_profile({"data": n}, 10.0) for n in (1.0, 2.0, 9.0)])
    assert (rows[0].part, rows[0].seconds, rows[0].median) == ("data", 12.0, 2.0)
    assert rows[0].per_image is None


def test_sums_of_profiles_know_missing_ones_and_missing_parts() -> None:
    assert add_profiles(None, None) is None
    assert add_profiles(None, {"data": 1.0}) == add_profiles({"data": 1.0}, None) == {"data": 1.0}
    assert add_profiles({"data": 1.0}, {"data": 2.0, "images": 3.0}) == {"data": 3.0, "images": 3.0}
