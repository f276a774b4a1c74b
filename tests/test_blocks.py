"""The IGCV3 block: its layers in their order, its rules, what makes no difference."""

import itertools
from collections.abc import Callable
from typing import Any, cast

import pytest

from nas.errors import ArchitectureError
from nas.space.blocks import BLOCK_KINDS
from nas.space.blocks.igcv3 import RELU_PLACEMENTS
from nas.space.blocks.kind import StageKind
from nas.space.layers import Add, Builder, Conv, Layer, Shape, Shuffle
from tests.messages import carrying

IGCV3 = cast(StageKind, BLOCK_KINDS.load("igcv3"))
CHOICES: dict[str, Any] = {
    "depth": 1,
    "width": 24,
    "expansion": 6,
    "g1": 2,
    "g2": 4,
    "relu": "depthwise",
    "permute2": False,
}


def block(first: bool = True, stride: int = 1, width: int = 24, **changed: Any) -> Any:
    net = Builder(Shape(16, 10, 10))
    IGCV3.lower(net, {**CHOICES, **changed}, width, stride, first)
    return net.layers[1:]


def names(layers: list[Layer]) -> list[str]:
    return [layer.name for layer in layers]


def test_the_block_of_igcv3_d_has_the_layers_of_the_released_graph() -> None:
    assert names(block()) == [
        "first", "first_bn", "permute1", "depthwise", "depthwise_bn", "depthwise_relu", "last",
        "last_bn",
    ]  # fmt: skip


def test_the_convolutions_carry_width_groups_kernel_and_stride() -> None:
    convs = [layer for layer in block(stride=2) if isinstance(layer, Conv)]
    seen = [
        (c.in_channels, c.shape.channels, c.kernel, c.stride, c.groups, c.shape.height)
        for c in convs
    ]
    assert seen == [(16, 96, 1, 1, 2, 10), (96, 96, 3, 2, 96, 5), (96, 24, 1, 1, 4, 5)]


def test_a_repeated_block_adds_its_input_last() -> None:
    layers = block(first=False, width=16)
    assert isinstance(layers[-1], Add)
    assert layers[-1].inputs == ("last_bn", "input")
    assert not any(isinstance(layer, Add) for layer in block(first=True, width=16))


def test_expansion_0_leaves_the_first_convolution_out_with_all_that_belongs_to_it() -> None:
    layers = block(expansion=0, g1=8, relu="first+depthwise+last")
    assert names(layers) == [
        "depthwise", "depthwise_bn", "depthwise_relu", "last", "last_bn", "last_relu",
    ]  # fmt: skip
    assert layers[0].shape.channels == 16


@pytest.mark.parametrize("placement", RELU_PLACEMENTS)
def test_relu_stands_after_the_convolutions_named_and_no_others(placement: Any) -> None:
    wanted = [] if placement == "none" else placement.split("+")
    found = [layer.name for layer in block(relu=placement) if layer.name.endswith("_relu")]
    assert found == [f"{position}_relu" for position in wanted]


def test_the_placements_are_all_subsets() -> None:
    subsets = {frozenset(p.split("+")) - {"none"} for p in RELU_PLACEMENTS}
    assert len(RELU_PLACEMENTS) == len(subsets) == 8


def test_the_second_permutation_interleaves_width_over_g2_groups() -> None:
    shuffles = {s.name: s.groups for s in block(permute2=True) if isinstance(s, Shuffle)}
    assert shuffles == {"permute1": 2, "permute2": 6}
    assert names(block(permute2=True))[-1] == "permute2"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"expansion": 0, "g1": 1}, {"expansion": 0, "g1": 8}, True),
        ({"expansion": 0, "relu": "first"}, {"expansion": 0, "relu": "none"}, True),
        ({"expansion": 0, "relu": "first+last"}, {"expansion": 0, "relu": "last"}, True),
        ({"g2": 1, "permute2": True}, {"g2": 1, "permute2": False}, True),
        ({"g2": 24, "permute2": True}, {"g2": 24, "permute2": False}, True),
        ({"g2": 4, "permute2": True}, {"g2": 4, "permute2": False}, False),
        ({"relu": "first"}, {"relu": "none"}, False),
        ({"g1": 1}, {"g1": 2}, False),
        ({"expansion": 1, "g1": 1}, {"expansion": 0, "g1": 1}, False),
    ],
)
def test_choices_are_equal_where_their_layers_are(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    canonical = [IGCV3.canonical({**CHOICES, **changed}) for changed in (one, other)]
    assert (canonical[0] == canonical[1]) is same
    assert (block(**one) == block(**other)) is same


@pytest.mark.parametrize(
    ("changed", "in_width", "key"),
    [
        ({"g1": 3}, 16, "g1"),
        ({"g1": 32, "expansion": 2}, 16, "g1"),
        ({"g2": 5}, 16, "g2"),
        ({"g2": 48}, 16, "g2"),
        ({"expansion": 0, "g2": 3}, 16, "g2"),
        ({"expansion": 0, "g1": 3}, 16, None),
        ({"g1": 16, "g2": 24}, 16, None),
    ],
)
def test_a_group_count_that_does_not_divide_is_named(
    changed: dict[str, Any], in_width: int, key: str | None
) -> None:
    problem = IGCV3.problem({**CHOICES, **changed}, in_width, 24)
    assert (problem and problem[0]) == key
    if problem:
        assert f"{key}={changed[key]} does not divide width=" in problem[1]


def test_whatever_has_no_problem_can_be_lowered_and_the_rest_cannot() -> None:
    for expansion, g1, g2, width in itertools.product(
        (0, 1, 3), (1, 2, 3, 5), (1, 2, 4, 5), (8, 10)
    ):
        changed: dict[str, Any] = {"expansion": expansion, "g1": g1, "g2": g2}
        if IGCV3.problem({**CHOICES, **changed}, 16, width) is None:
            assert block(width=width, **changed)[-1].shape.channels == width
        else:
            with pytest.raises(ArchitectureError):
                block(width=width, **changed)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("expansion", -1), ("expansion", 65), ("expansion", True), ("expansion", 1.0),
        ("g1", 0), ("g2", "2"), ("relu", "first+first"), ("relu", ["first"]), ("permute2", 1),
    ],
)  # fmt: skip
def test_a_rule_refuses_what_it_does_not_expect(key: str, value: Any) -> None:
    assert not IGCV3.rules[key].allows(value)
    assert IGCV3.rules[key].allows(CHOICES[key])


@pytest.mark.parametrize(
    ("build", "cause"),
    [
        (lambda net: net.conv("a", 24, groups=5), "5 groups … a … 16"),
        (lambda net: net.conv("a", 20, groups=16), "16 groups … a … 20"),
        (lambda net: net.conv("a", 24, groups=0), "0 groups … a … 16"),
        (lambda net: net.branch("b"), "b"),
        (lambda net: net.add("a", "b"), "a … b … None"),
        (lambda net: net.conv("input", 8), "input"),
    ],
)
def test_layers_that_a_block_kind_cannot_ask_for_are_refused(
    build: Callable[..., Any], cause: str
) -> None:
    with pytest.raises(ArchitectureError, match=carrying(cause)):
        build(Builder(Shape(16, 10, 10)))


def test_maps_of_different_sizes_are_not_joined() -> None:
    net = Builder(Shape(16, 10, 10))
    net.conv("half", 16, stride=2)
    with pytest.raises(ArchitectureError, match=carrying("both … 16x10x10 … 16x5x5")):
        net.concat("both", ["input", "half"])
