"""Resolution as a fidelity: valid sizes of the rungs, and their use in a study."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from nas.errors import NasError
from nas.space.layers import Shape
from nas.study.reuse import comparable
from nas.study.rung_resolutions import check_resolutions, early_sides
from nas.study.rungs import Ladder
from nas.study.spec import StudySpec
from tests.messages import carries, carrying
from tests.studies import SPACE, small_spec, study_view


def refused(match: str, call: Any, *args: Any) -> None:
    with pytest.raises(NasError, match=carrying(match)) as caught:
        call(*args)
    assert "\n" not in caught.value.cause + caught.value.remedy


# -- the ladder ------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 20), min_size=2, max_size=4, unique=True).map(sorted), st.data())
def test_every_epoch_up_to_a_rung_has_its_side_and_the_last_ones_none(
    rungs: list[int], data: DataObject
) -> None:
    count = len(rungs) - 1
    sides = sorted(data.draw(st.lists(st.integers(1, 300), min_size=count, max_size=count)))
    ladder = Ladder(tuple(rungs), 2, tuple(sides))
    start = 0
    for end, side in zip(rungs, [*sides, None], strict=True):
        assert {ladder.side(epoch) for epoch in range(start + 1, end + 1)} == {side}
        start = end


def test_a_ladder_without_sides_is_always_at_full_size() -> None:
    ladder = Ladder((1, 2, 4), 2)
    assert [ladder.side(epoch) for epoch in range(1, 5)] == [None] * 4
    assert ladder.resolutions == ""
    assert carries(Ladder((2, 4), 2, (96,)).resolutions, "96x96 … epoch 2")


@pytest.mark.parametrize(
    ("sides", "said"),
    [((96,), "1 … 3 rungs"), ((128, 96), "128, 96")],
)
def test_sides_that_are_no_ladder(sides: tuple[int, ...], said: str) -> None:
    refused(said, Ladder, (2, 4, 8), 2, sides)


# -- what was typed --------------------------------------------------------------------------------


def test_the_last_resolution_is_the_tasks_own_and_may_be_left_out() -> None:
    assert early_sides((16, 24, 32), (2, 4, 8), 32) == (16, 24)
    assert early_sides((16, 24), (2, 4, 8), 32) == (16, 24)
    assert early_sides((96, 128, 160), (2, 4, 8), None) == (96, 128)


@pytest.mark.parametrize(
    ("sides", "full", "said"),
    [
        ((16,), 32, "16 … 1 … 3 rungs"),
        ((16, 20, 24, 32), 32, "4 … 3 rungs"),
        ((16, 20, 24), 32, "24 … 32x32"),
    ],
)
def test_resolutions_that_do_not_fit_the_rungs(
    sides: tuple[int, ...], full: int, said: str
) -> None:
    refused(said, early_sides, sides, (2, 4, 8), full)


@pytest.mark.parametrize(
    ("side", "said"),
    [
        (20, "20 … 8 … small … 3x32x32"),
        (36, "36 … 32x32"),
        (2, "2 … 8"),
        (0, "0"),
        (-4, "-4"),
    ],
)
def test_resolutions_that_the_networks_cannot_have(side: int, said: str) -> None:
    spec = small_spec(rungs=(1, 4), resolutions=(side,))
    refused(said, check_resolutions, spec, Shape(3, 32, 32))
    check_resolutions(small_spec(rungs=(1, 4), resolutions=(16,)), Shape(3, 32, 32))


# -- the study -------------------------------------------------------------------------------------


def test_a_study_keeps_its_resolutions_and_old_ones_have_none() -> None:
    spec = small_spec(resolutions=(16, 24))
    assert StudySpec.from_json(spec.to_json()) == spec
    assert spec.ladder.sides == (16, 24)
    old = json.loads(spec.to_json())
    del old["resolutions"]
    assert StudySpec.from_json(json.dumps(old)).resolutions == ()
    assert spec.differences(small_spec()) == ["resolutions: (16, 24), not ()"]


def test_the_report_says_the_resolutions() -> None:
    settings = dict(study_view(small_spec(resolutions=(16, 24)), []).settings)
    assert carries(settings["Resolutions"], "16x16 … epoch 1 … 24x24 … epoch 2")
    assert "Resolutions" not in dict(study_view(small_spec(), []).settings)


def test_trainings_at_other_resolutions_are_other_trainings() -> None:
    architecture = SPACE.published[0].architecture

    def same(mine: dict[str, object], theirs: dict[str, object]) -> bool:
        return comparable(small_spec(**mine), small_spec(**theirs), architecture)

    assert same({"resolutions": (16, 24)}, {"resolutions": (16, 24)})
    assert not same({"resolutions": (16, 24)}, {"resolutions": (16, 16)})
    assert not same({"resolutions": (16, 24)}, {})
    assert not same(
        {"rungs": (1, 2, 4), "resolutions": (16, 24)}, {"rungs": (1, 3, 4), "resolutions": (16, 24)}
    )
    assert same({"rungs": (1, 2, 4)}, {"rungs": (2, 4)})
