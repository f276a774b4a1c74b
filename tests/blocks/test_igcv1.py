"""IGCV1: golden counts, the graph of the authors' code, search and training."""

from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.space.blocks import BLOCK_KINDS
from nas.space.blocks.kind import StageKind
from nas.space.complementary import complementary
from nas.space.file import read_space
from nas.space.layers import Activation, Add, BatchNorm, Builder, Conv, Shape, Shuffle
from nas.space.lowering import lower
from nas.space.search_space import Published
from nas.space.strides import adapt
from nas.training.network import fvcore_count as referee
from nas.training.network.module import build
from tests.blocks.families import (
    assert_counted_thrice,
    assert_feasible_agrees,
    assert_golden,
    known,
    logits_are_finite,
    random_member,
    seeds,
    shapes,
    space_named,
    train_on_digits,
)

IGCV1 = cast(StageKind, BLOCK_KINDS.load("igcv1"))
SPACES = ("igcv1", "igcv1-imagenet")
KNOWN = [entry for name in SPACES for entry in known(name)]
CHOICES: dict[str, Any] = {"primary": 4, "secondary": "strict", "shortcut": False}
SMALL = """
schema = 1
name = "small"
block = "igcv1"
title = "small enough to list"
deployment = { input = "3x16x16", classes = 4 }
stem = { width = 12, stride = 1, kernel = 5, pool = true }
head = { width = 0 }
choices = { primary = [1, 3, 4], secondary = ["strict", "none"], shortcut = [false, true] }
[[stage]]
depth = [0, 1, 2]
width = [6, 8, 24]
[[stage]]
stride = 2
depth = 2
width = [12, 18]
"""


def block(in_width: int = 16, width: int = 16, stride: int = 1, **changed: Any) -> list[Any]:
    net = Builder(Shape(in_width, 10, 10))
    IGCV1.lower(net, {**CHOICES, **changed}, width, stride, True)
    return net.layers


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_golden_counts(entry: Published) -> None:
    assert_golden(entry)


def test_the_networks_of_both_sizes_are_known() -> None:
    names = {entry.name for entry in KNOWN}
    assert {"igcv1-l4m32", "igcv1-l16m16", "igcv1-l100m2", "resnet18-c64"} <= names
    assert {"igcv1-plain-l24m2-d20", "igcv1-plain-l4m8-d38", "igcv1-resnet-l32m26-d20"} <= names
    assert len(KNOWN) == 13


@pytest.mark.parametrize("name", ["igcv1-plain-l4m8-d8", "igcv1-l100m2"])
def test_fvcore_gives_the_golden_count(name: str) -> None:
    entry = next(entry for entry in KNOWN if entry.name == name)
    layers = lower(entry.space, entry.architecture, entry.input, entry.classes)
    counted = referee.fvcore_cost(layers)
    assert (counted.params, counted.madds) == (entry.counted["params"], entry.counted["madds"])


def test_a_plain_block_is_one_pair_with_its_shuffles_and_one_batch_norm() -> None:
    names = [layer.name for layer in block()[1:]]
    assert names == ["primary", "permute", "secondary", "restore", "bn", "relu"]
    convs = [layer for layer in block(width=32, stride=2) if isinstance(layer, Conv)]
    assert [(c.kernel, c.stride, c.groups, c.shape) for c in convs] == [
        (3, 2, 4, (32, 5, 5)),
        (1, 1, 8, (32, 5, 5)),
    ]


def test_the_second_shuffle_undoes_the_first() -> None:
    net = Builder(Shape(24, 4, 4))
    groups = [layer.groups for layer in block(24, 24) if isinstance(layer, Shuffle)]
    for number, count in enumerate(groups):
        net.shuffle(f"shuffle{number}", count)
    image = torch.randn(1, 24, 4, 4)
    assert len(groups) == 2
    assert torch.equal(build(net.layers)(image), image)


def test_the_two_convolutions_of_a_pair_are_strictly_complementary() -> None:
    for primary in (1, 2, 3, 6, 12, 24):
        first, second = (c for c in block(24, 48, primary=primary) if isinstance(c, Conv))
        assert complementary(48, first.groups, second.groups) == "strict"


def test_a_block_with_a_shortcut_is_that_of_resnet_with_pairs() -> None:
    layers = block(shortcut=True)
    assert sum(isinstance(layer, BatchNorm) for layer in layers) == 2
    assert [layer.name for layer in layers if isinstance(layer, Activation)] == [
        "pair1_relu",
        "relu",
    ]
    (add,) = (layer for layer in layers if isinstance(layer, Add))
    assert add.inputs == ("pair2_bn", "input")
    assert layers[-1].inputs == ("add",)


@pytest.mark.parametrize(("width", "stride"), [(32, 1), (16, 2), (32, 2)])
def test_the_shortcut_is_projected_in_l_groups_where_the_shape_changes(
    width: int, stride: int
) -> None:
    layers = block(width=width, stride=stride, shortcut=True)
    (project,) = (layer for layer in layers if layer.name == "project")
    assert (project.inputs, project.kernel, project.stride, project.groups) == (
        ("input",),
        1,
        stride,
        4,
    )
    assert next(layer for layer in layers if isinstance(layer, Add)).inputs[1] == "project_bn"


def test_secondary_input_has_the_groups_of_the_narrower_side_where_the_width_changes() -> None:
    groups = [
        layer.groups
        for layer in block(16, 32, secondary="input", shortcut=True)
        if isinstance(layer, Conv) and layer.name.endswith("secondary")
    ]
    assert groups == [4, 8]


def test_one_group_without_the_1x1_is_the_basic_block_of_resnet() -> None:
    layers = block(16, 16, primary=1, secondary="none", shortcut=True)
    convs = [layer for layer in layers if isinstance(layer, Conv)]
    assert [(conv.kernel, conv.groups) for conv in convs] == [(3, 1), (3, 1)]


@pytest.mark.parametrize(
    ("changed", "widths", "key"),
    [
        ({"primary": 3}, (16, 24), "primary"),
        ({"primary": 3}, (24, 16), "primary"),
        ({"primary": 4, "secondary": "input"}, (16, 20), None),
        ({"primary": 2, "secondary": "input"}, (16, 20), "secondary"),
        ({"primary": 4}, (16, 20), None),
    ],
)
def test_a_group_count_that_does_not_divide_is_named(
    changed: dict[str, Any], widths: tuple[int, int], key: str | None
) -> None:
    problem = IGCV1.problem({**CHOICES, **changed}, *widths)
    assert (problem and problem[0]) == key
    if problem:
        assert f"{key}={changed[key]}" in problem[1]
    else:
        assert block(*widths, **changed)[-1].shape.channels == widths[1]


@pytest.mark.parametrize(("key", "value"), [("primary", 0), ("secondary", "m"), ("shortcut", 1)])
def test_a_rule_refuses_what_it_does_not_expect(key: str, value: int | str) -> None:
    assert not IGCV1.rules[key].allows(value)
    assert IGCV1.rules[key].allows(CHOICES[key])


def test_small_images_keep_two_strides() -> None:
    for name in SPACES:
        space = space_named(name)
        assert adapt(space, Shape(3, 32, 32)).total == 4
        assert adapt(space, Shape(1, 8, 8)).total == 4
    assert adapt(space_named("igcv1-imagenet"), Shape(3, 224, 224)).total == 32


@settings(max_examples=2, deadline=None)
@given(st.sampled_from(SPACES), seeds, shapes, st.integers(2, 50))
def test_three_counts_agree(name: str, seed: int, shape: Shape, classes: int) -> None:
    assert_counted_thrice(space_named(name), seed, shape, classes)


def test_feasible_architectures_are_those_of_the_full_list() -> None:
    assert_feasible_agrees(read_space(SMALL, "small.toml"), 1)


@settings(max_examples=2, deadline=None)
@given(st.sampled_from(SPACES), seeds)
def test_random_members_run(name: str, seed: int) -> None:
    space = space_named(name)
    assert logits_are_finite(space, random_member(space, seed), Shape(1, 8, 8))


def test_trains() -> None:
    space = space_named("igcv1")
    results = train_on_digits(space, space.parse("igcv1-plain-l24m2-d8"), epochs=5)
    assert results[-1].train_loss < results[0].train_loss
    assert results[-1].metrics["top1_error"] < 0.6
