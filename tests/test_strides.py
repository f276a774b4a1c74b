"""Strides: the rule by the size of the input, what a user states, and what a study keeps of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import NasError
from nas.results.settings_text import trained_at
from nas.space.file import read_space
from nas.space.layers import GlobalPool, Shape
from nas.space.lowering import lower
from nas.space.strides import Stated, adapt, check_strides, given_strides, read_strides
from nas.study.reuse import comparable
from nas.study.rung_resolutions import check_images, check_resolutions
from nas.study.spec import StudySpec
from tests.members import SMALL, space_named
from tests.messages import carries, carrying
from tests.studies import small_spec, study_view

IGCV3 = space_named("igcv3")
D = IGCV3.parse("igcv3-d-1.0")
LARGE = (2, 1, 2, 2, 2, 1, 2, 1)
CIFAR = (1, 1, 1, 2, 2, 1, 1, 1)
sides = st.integers(1, 600)


def square(side: int) -> Shape:
    return Shape(3, side, side)


def igcv3_spec(**changed: Any) -> StudySpec:
    return small_spec(
        **{"space_name": "igcv3", "space_text": IGCV3.source, "input": "3x224x224", **changed}
    )


def stored_by_an_earlier_version(spec: StudySpec) -> StudySpec:
    fields = json.loads(spec.to_json())
    for key in ("strides", "task_strides", "stride_rule", "task_input"):
        del fields[key]
    return StudySpec.from_json(json.dumps(fields))


# -- the rule --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "stem", "stages", "final"),
    [
        (288, 2, (1, 2, 2, 2, 1, 2, 1), 9),
        (224, 2, (1, 2, 2, 2, 1, 2, 1), 7),
        (160, 2, (1, 2, 2, 2, 1, 2, 1), 5),
        (96, 2, (1, 2, 2, 2, 1, 2, 1), 3),
        (95, 1, (1, 1, 2, 2, 1, 2, 1), 12),
        (64, 1, (1, 1, 2, 2, 1, 2, 1), 8),
        (32, 1, (1, 1, 2, 2, 1, 1, 1), 8),
        (8, 1, (1, 1, 2, 2, 1, 1, 1), 2),
        (1, 1, (1, 1, 2, 2, 1, 1, 1), 1),
    ],
)
def test_inputs_below_96_pixels_keep_fewer_strides(
    side: int, stem: int, stages: tuple[int, int, int, int, int, int, int], final: int
) -> None:
    adaptation = adapt(IGCV3, square(side))
    assert (adaptation.stem, adaptation.stages) == (stem, stages)
    layers = lower(IGCV3, D, square(side), 10)
    pool = next(layer for layer in layers if isinstance(layer, GlobalPool))
    before = next(layer for layer in layers if layer.name == pool.inputs[0])
    assert before.shape == (1280, final, final)
    assert f"final map {final}x{final}" in adaptation.describe()
    assert f"1/{adaptation.total} of the input" in adaptation.describe()


@pytest.mark.parametrize(
    "name", ["igcv3", "mobilenetv1", "mobilenetv2", "igcv2", "shufflenetv1", "nasnet-a",
             "igcv1-imagenet"],
)  # fmt: skip
@given(height=st.integers(96, 600), width=st.integers(96, 600))
def test_from_96_pixels_upwards_the_strides_are_the_spaces_own(
    name: str, height: int, width: int
) -> None:
    space = space_named(name)
    at = adapt(space, Shape(3, height, width))
    assert at.stages == tuple(stage.stride for stage in space.stages)
    assert (at.stem, at.pool) == (space.stem_stride, 2 if space.stem_pool else None)
    assert at.total == 32


@given(sides, sides)
def test_the_shorter_side_decides(height: Any, width: Any) -> None:
    at = adapt(IGCV3, Shape(3, height, width))
    assert at.strides == adapt(IGCV3, square(min(height, width))).strides
    assert f"{-(-height // at.total)}x{-(-width // at.total)}" in at.describe()


def test_at_the_deployment_of_a_small_space_every_stride_stays() -> None:
    # 32 pixels would keep two strides of a larger deployment; here three are written for 32
    small = space_named("small")
    at_home = adapt(small, small.deployment)
    assert (at_home.stem, at_home.stages) == (2, (1, 2, 2))
    assert adapt(small, Shape(3, 64, 64)).total == 8
    assert adapt(small, Shape(1, 8, 8)).strides == (1, 1, 2, 2)


def test_a_stride_that_the_space_does_not_list_stays() -> None:
    listed = SMALL.replace("[choices]", '[adaptation]\ndrop_strides = ["stage3"]\n[choices]')
    assert adapt(read_space(listed, "my.toml"), Shape(3, 8, 8)).strides == (2, 1, 2, 1)


# -- what a user states ----------------------------------------------------------------------------


@given(st.lists(st.sampled_from([1, 2]), min_size=1, max_size=12).map(tuple), st.booleans())
def test_what_is_printed_can_be_typed(strides: tuple[int, ...], spaced: bool) -> None:
    text = (", " if spaced else ",").join(map(str, strides))
    assert read_strides(text) == strides


@given(st.integers(96, 300), st.tuples(*[st.sampled_from([1, 2])] * 5))
def test_stated_strides_hold_whatever_the_input(side: int, chosen: tuple[int, ...]) -> None:
    stem, second, third, fourth, sixth = chosen
    strides = (stem, 1, second, third, fourth, 1, sixth, 1)
    for shape in (square(side), square(side // 8)):
        at = adapt(IGCV3, shape, strides)
        assert at.strides == strides
        assert read_strides(at.text) == strides


def test_the_pooling_of_a_stem_has_its_place() -> None:
    space = space_named("shufflenetv1")
    assert adapt(space, space.deployment).text == "2,2,2,2,2"
    without = adapt(space, space.deployment, (2, 1, 2, 2, 2))
    assert (without.pool, without.total) == (1, 16)
    assert carries(without.describe(), "2,1,2,2,2 … stem … pool … stages … 1/16")
    layers = lower(space, space.published[0].architecture, strides=(2, 1, 2, 2, 2))
    assert not any(layer.name == "stem.pool" for layer in layers)


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("", "''", "1 … 2"),
        ("2,1,2,2,x,1,2,1", "'x'", "1 … 2"),
        ("2,1,2,2,3,1,2,1", "'3'", "1 … 2"),
        ("2,1,2", "3 … igcv3 … 8", "--strides 2,1,2,2,2,1,2,1"),
        ("2,1,2,2,2,1,2,1,1", "9 … igcv3 … 8", "--strides 2,1,2,2,2,1,2,1"),
        ("2,1,2,2,2,1,2,2", "stage7 … igcv3 … 2", "stage7 … 1"),
    ],
)
def test_strides_that_cannot_be(text: str, said: str, remedy: str) -> None:
    with pytest.raises(NasError) as caught:
        given_strides([IGCV3], text)
    assert carries(caught.value.cause, said)
    assert carries(caught.value.remedy, remedy)


def test_strides_must_fit_every_space() -> None:
    assert given_strides([IGCV3], None) == ()
    with pytest.raises(NasError, match=carrying("shufflenetv1 … 5")):
        given_strides([IGCV3, space_named("shufflenetv1")], "2,1,2,2,2,1,2,1")


@pytest.mark.parametrize(
    ("stated", "deployment", "images", "deployed", "trained"),
    [
        (Stated(), 224, 160, LARGE, LARGE),
        (Stated(), 224, 32, LARGE, CIFAR),
        (Stated(), 32, 224, CIFAR, LARGE),
        (Stated((1, *LARGE[1:])), 224, 160, (1, *LARGE[1:]), (1, *LARGE[1:])),
        (Stated((1, *LARGE[1:])), 224, 32, (1, *LARGE[1:]), CIFAR),
        (Stated(LARGE), 64, 64, LARGE, LARGE),  # images as large as the deployment
        (Stated(LARGE), 64, 32, LARGE, CIFAR),
        (Stated((), LARGE), 224, 32, LARGE, LARGE),
        (Stated(CIFAR, LARGE), 32, 32, CIFAR, LARGE),
    ],
)
def test_strides_of_the_deployment_and_of_the_task(
    stated: Stated, deployment: int, images: int, deployed: Any, trained: Any
) -> None:
    at = square(deployment)
    assert stated.deployed(IGCV3, at).strides == deployed
    assert stated.trained(IGCV3, at, square(images)).strides == trained


def test_strides_are_checked_wherever_they_are_lowered() -> None:
    with pytest.raises(NasError, match=carrying("2 … igcv3")):
        lower(IGCV3, D, strides=(2, 1))
    assert check_strides(IGCV3, LARGE) == LARGE


# -- the study -------------------------------------------------------------------------------------


def test_a_study_keeps_what_was_stated_and_counts_with_it() -> None:
    spec = igcv3_spec(strides=(1, *LARGE[1:]), task_strides=CIFAR, task_input="3x160x160")
    assert StudySpec.from_json(spec.to_json()) == spec
    plain = igcv3_spec()
    assert spec.cost_models()["igcv3"].cost(D).madds > plain.cost_models()["igcv3"].cost(D).madds
    assert spec.cost_models()["igcv3"].layers(D) == spec.deployed_layers(D)
    assert spec.task_layers(D, square(160), 9) == lower(IGCV3, D, square(160), 9, CIFAR)
    assert spec.differences(plain)[0] == "strides: (1, 1, 2, 2, 2, 1, 2, 1), not ()"


def test_the_report_says_the_strides_in_force() -> None:
    spec = igcv3_spec(task_strides=(1, *LARGE[1:]), task_input="3x160x160")
    settings = dict(study_view(spec, []).settings)
    assert "strides 2,1,2,2,2,1,2,1" in settings["Counted at"]
    assert "3x160x160: strides 1,1,2,2,2,1,2,1" in settings["Trained at"]
    assert trained_at(spec) == settings["Trained at"]
    assert "Trained at" not in dict(study_view(igcv3_spec(), []).settings)


@pytest.mark.parametrize(("side", "stem"), [(224, 2), (160, 1), (96, 1), (32, 1)])
def test_a_study_of_an_earlier_version_keeps_its_networks(side: int, stem: int) -> None:
    old = stored_by_an_earlier_version(igcv3_spec(input=str(square(side))))
    assert old.deployed(IGCV3).stem == stem
    assert old.trained(IGCV3, square(side)).stem == stem
    assert old.task_layers(D, square(side), 10)[1].stride == stem
    assert StudySpec.from_json(old.to_json()) == old
    assert igcv3_spec(input=str(square(side))).deployed(IGCV3).stem == (2 if side >= 96 else 1)


def test_trainings_with_other_strides_are_other_trainings() -> None:
    images = {"task_input": "3x160x160"}
    new = igcv3_spec(**images)
    assert comparable(new, igcv3_spec(**images), D)
    assert comparable(new, igcv3_spec(task_strides=LARGE, **images), D)  # the same, in words
    assert not comparable(new, igcv3_spec(task_strides=CIFAR, **images), D)
    assert not comparable(new, igcv3_spec(strides=(1, *LARGE[1:]), **images), D)
    assert not comparable(new, igcv3_spec(task_input="3x64x64"), D)
    assert not comparable(igcv3_spec(), igcv3_spec(task_strides=CIFAR), D)


@pytest.mark.parametrize(("images", "same"), [("3x32x32", True), ("3x160x160", False)])
def test_results_of_an_earlier_version_are_reused_where_the_strides_are_the_same(
    images: str, same: bool
) -> None:
    old = stored_by_an_earlier_version(igcv3_spec())
    assert comparable(igcv3_spec(task_input=images), old, D) is same
    assert comparable(old, igcv3_spec(task_input=images), D) is same
    assert comparable(old, old, D)


def test_images_of_another_size_are_refused() -> None:
    spec = igcv3_spec(task_input="3x96x96")
    check_images(spec, square(96))
    check_images(igcv3_spec(), square(96))
    with pytest.raises(NasError, match=carrying("3x64x64 … study … 3x96x96")):
        check_images(spec, square(64))


def test_a_low_resolution_trains_the_network_of_the_full_one() -> None:
    """64 of 96 pixels: the sizes that are allowed, and the layers, are those of 96."""
    spec = igcv3_spec(rungs=(1, 4), resolutions=(64,), task_input="3x96x96")
    check_resolutions(spec, square(96))
    assert spec.task_layers(D, square(96), 10)[1].stride == 2
    with pytest.raises(NasError, match=carrying("48 … 32 … igcv3")):
        check_resolutions(igcv3_spec(rungs=(1, 4), resolutions=(48,)), square(96))
    check_resolutions(
        igcv3_spec(rungs=(1, 4), resolutions=(48,), task_strides=(1, *LARGE[1:])), square(96)
    )
