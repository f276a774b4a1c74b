"""IGCV2: its design rule, counts, search and training."""

import math
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.space.blocks import BLOCK_KINDS
from nas.space.blocks.igcv2 import branch_sizes
from nas.space.blocks.kind import StageKind
from nas.space.file import read_space
from nas.space.layers import Activation, Add, BatchNorm, Builder, Conv, Shape, Shuffle
from nas.space.strides import adapt
from nas.training.network.module import build
from tests.blocks.families import (
    assert_counted_thrice,
    assert_feasible_agrees,
    logits_are_finite,
    random_member,
    seeds,
    shapes,
    space_named,
    train_on_digits,
)

IGCV2 = cast(StageKind, BLOCK_KINDS.load("igcv2"))
SPACE = space_named("igcv2")
SMALL = """
schema = 1
name = "small"
block = "igcv2"
title = "small enough to list"
deployment = { input = "3x16x16", classes = 4 }
stem = { width = 12, stride = 1 }
head = { width = 0 }
choices = { factors = [1, 2, 3], residual = false }
[[stage]]
depth = [0, 1, 2]
width = [6, 8, 12]
[[stage]]
stride = 2
depth = [1, 2, 3]
width = [12, 16, 30]
"""


def block(in_width: int, width: int, first: bool = True, **choices: Any) -> list[Any]:
    net = Builder(Shape(in_width, 6, 6))
    IGCV2.lower(net, {"factors": 2, "residual": False, **choices}, width, 1, first)
    return net.layers


@settings(deadline=None)
@given(st.integers(2, 3000), st.integers(1, 5))
def test_branches_are_complementary_and_balanced(width: int, count: int) -> None:
    sizes = branch_sizes(width, count)
    primes, rest, divisor = 0, width, 2
    while rest > 1:
        if rest % divisor:
            divisor += 1
        else:
            primes, rest = primes + 1, rest // divisor
    assert (sizes is None) == (count > max(primes, 1))
    if sizes is not None:
        assert len(sizes) == count
        assert math.prod(sizes) == width
        assert min(sizes) > 1
        assert list(sizes) == sorted(sizes)


@pytest.mark.parametrize(
    ("width", "sizes"),
    [(64, (8, 8)), (128, (8, 16)), (512, (8, 8, 8)), (96, (8, 12)), (416, (16, 26)), (7, (7,))],
)
def test_branches_are_as_equal_as_the_width_allows(width: int, sizes: tuple[int, ...]) -> None:
    assert branch_sizes(width, len(sizes)) == sizes


def paths(layers: list[Any], in_width: int) -> torch.Tensor:
    """How many paths lead from each input channel (rows) to each output channel, by the network.

    All weights one and no statistics: the depthwise 3x3 is cut down to its middle.
    """
    network = build(
        [layer for layer in layers if isinstance(layer, Conv | Shuffle) or not layer.inputs]
    )
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.zero_()
                middle = module.kernel_size[0] // 2
                module.weight[:, :, middle, middle] = 1
        images = torch.eye(in_width)[:, :, None, None].expand(-1, -1, 6, 6)
        found: torch.Tensor = network(images)[:, :, 2, 2]
    return found


@pytest.mark.parametrize(
    ("in_width", "width", "factors"),
    [(16, 16, 2), (12, 12, 2), (8, 8, 3), (60, 60, 3), (24, 48, 2), (24, 36, 3), (16, 16, 4)],
)
def test_exactly_one_path_leads_from_each_input_to_each_output(
    in_width: int, width: int, factors: int
) -> None:
    assert torch.equal(
        paths(block(in_width, width, factors=factors), in_width), torch.ones(in_width, width)
    )


def test_a_block_is_a_depthwise_convolution_and_the_product_with_one_batch_norm() -> None:
    layers = block(64, 128)
    assert [layer.name for layer in layers[1:]] == [
        "depthwise", "factor1", "permute1", "factor2", "bn", "relu",
    ]  # fmt: skip
    convs = [layer for layer in layers if isinstance(layer, Conv)]
    assert [(c.kernel, c.groups, c.shape.channels) for c in convs] == [
        (3, 64, 64), (1, 8, 64), (1, 8, 128),
    ]  # fmt: skip
    assert sum(isinstance(layer, BatchNorm) for layer in layers) == 1
    assert layers[-1].function == "relu"
    assert isinstance(layers[-1], Activation)


def test_one_factor_is_a_dense_1x1() -> None:
    convs = [layer for layer in block(7, 11, factors=1) if isinstance(layer, Conv)]
    assert [(conv.kernel, conv.groups) for conv in convs] == [(3, 7), (1, 1)]


def test_the_residual_is_added_in_repeated_blocks() -> None:
    assert not any(isinstance(layer, Add) for layer in block(16, 16, residual=True))
    layers = block(16, 16, first=False, residual=True)
    assert [layer.inputs for layer in layers if isinstance(layer, Add)] == [("bn", "input")]


@pytest.mark.parametrize(
    ("factors", "widths", "words"),
    [(2, (13, 26), "width=13"), (4, (12, 12), "width=12"), (2, (12, 16), "width=16")],
)
def test_a_width_that_does_not_factor_is_named(
    factors: int, widths: tuple[int, int], words: str
) -> None:
    key, cause = IGCV2.problem({"factors": factors, "residual": False}, *widths)
    assert key == "factors"
    assert words in cause
    assert f"factors={factors}" in cause


@pytest.mark.parametrize(("key", "value"), [("factors", 0), ("factors", 9), ("residual", 0)])
def test_a_rule_refuses_what_it_does_not_expect(key: str, value: int) -> None:
    assert not IGCV2.rules[key].allows(value)
    assert IGCV2.rules[key].allows({"factors": 2, "residual": False}[key])


def test_no_network_claims_a_published_table() -> None:
    for entry in (*SPACE.published, *SPACE.variants):
        assert "no published layer table" in str(entry.numbers["source"])
        assert not entry.counted


def test_small_images_keep_two_strides() -> None:
    assert adapt(SPACE, Shape(3, 32, 32)).total == 4


@settings(max_examples=2, deadline=None)
@given(seeds, shapes, st.integers(2, 50))
def test_three_counts_agree(seed: int, shape: Shape, classes: int) -> None:
    assert_counted_thrice(SPACE, seed, shape, classes)


def test_feasible_architectures_are_those_of_the_full_list() -> None:
    assert_feasible_agrees(read_space(SMALL, "small.toml"), 1)


@settings(max_examples=3, deadline=None)
@given(seeds)
def test_random_members_run(seed: int) -> None:
    assert logits_are_finite(SPACE, random_member(SPACE, seed), Shape(1, 8, 8))


def test_trains() -> None:
    space = read_space(SMALL, "small.toml")
    member = space.parse("depth=1-2,width=12-30,factors=2,residual=no")
    results = train_on_digits(space, member, epochs=4)
    assert results[-1].train_loss < results[0].train_loss
    assert results[-1].metrics["top1_error"] < 0.6
