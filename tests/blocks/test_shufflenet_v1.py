"""ShuffleNetV1: golden counts, the unit of the paper, search and training."""

from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ArchitectureError
from nas.space.blocks import BLOCK_KINDS
from nas.space.blocks.kind import StageKind
from nas.space.file import read_space
from nas.space.layers import Activation, Add, Builder, Concat, Conv, Layer, Pool, Shape, Shuffle
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
from tests.messages import carries, carrying

SPACE = space_named("shufflenetv1")
KNOWN = known("shufflenetv1")
KIND = cast(StageKind, BLOCK_KINDS.load("shufflenetv1"))
UNIT = {"bottleneck": 4, "groups": 3, "dense_entry": False}

# Stages that may keep the width, group counts that fit some widths only, a pooled stem.
SMALL = """
schema = 1
name = "small"
block = "shufflenetv1"
title = "small enough to list"
deployment = { input = "3x32x32", classes = 4 }
stem = { width = 12, stride = 1, pool = true }
head = { width = 0 }
choices = { bottleneck = [2, 4], groups = [1, 2, 3], dense_entry = [false, true] }
[[stage]]
depth = [0, 1, 2]
width = [12, 16, 24]
[[stage]]
stride = 2
depth = [1, 3]
width = [24, 36]
dense_entry = false
"""


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_golden_counts(entry: Published) -> None:
    assert_golden(entry)


def test_all_known_networks_are_there() -> None:
    assert {entry.name for entry in KNOWN} == {
        *(f"shufflenetv1-g{groups}-1.0" for groups in (1, 2, 3, 4, 8)),
        *(f"shufflenetv1-g{groups}-{scale}" for groups in (3, 8) for scale in (0.5, 1.5, "2.0")),
    }


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_widths_are_the_multiplier_times_those_of_the_paper(entry: Published) -> None:
    groups, scale = entry.name.removeprefix("shufflenetv1-g").split("-")
    base = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}[int(groups)] * float(scale)
    assert entry.architecture.column("width") == (base, 2 * base, 4 * base)


def test_fvcore_gives_the_golden_counts() -> None:
    for name in ("shufflenetv1-g3-0.5", "shufflenetv1-g8-1.0"):
        entry = SPACE.known(name)
        assert entry is not None
        counted = referee.fvcore_cost(lower(entry.space, entry.architecture))
        assert (counted.params, counted.madds) == (entry.counted["params"], entry.counted["madds"])


def test_shuffle_groups_are_those_of_the_convolutions() -> None:
    layers = lower(SPACE, SPACE.parse("shufflenetv1-g3-1.0"))
    assert [layer.groups for layer in layers if isinstance(layer, Shuffle)] == [3] * 16
    entry = next(layer for layer in layers if layer.name == "stage1.0.compress")
    assert isinstance(entry, Conv)
    assert entry.groups == 1
    assert sum(isinstance(layer, Concat) for layer in layers) == 3
    assert sum(isinstance(layer, Add) for layer in layers) == 13


def unit(stride: int, width: int, first: bool) -> list[Layer]:
    net = Builder(Shape(24, 8, 8))
    KIND.lower(net, UNIT, width, stride, first)
    return net.layers


def test_a_unit_with_a_stride_pools_and_concatenates_what_it_reads() -> None:
    layers = unit(2, 60, first=True)
    last = layers[-1]
    assert isinstance(last, Activation)
    assert last.shape == (60, 4, 4)
    assert [type(layer) for layer in layers[-3:]] == [Pool, Concat, Activation]
    assert layers[-2].inputs == ("expand_bn", "pool")
    assert next(layer for layer in layers if layer.name == "expand").shape.channels == 36


def test_a_first_unit_without_a_stride_concatenates_its_input_itself() -> None:
    layers = unit(1, 60, first=True)
    assert layers[-2].inputs == ("expand_bn", "input")
    assert not any(isinstance(layer, Pool) for layer in layers)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_first_unit_that_keeps_the_width_adds(stride: int) -> None:
    layers = unit(stride, 24, first=True)
    assert isinstance(layers[-2], Add)
    assert layers[-2].inputs == ("expand_bn", "pool" if stride == 2 else "input")


def test_the_unit_computes_what_its_picture_says() -> None:
    network = build(unit(2, 60, first=True), torch.Generator().manual_seed(0)).eval()
    image = torch.randn(1, 24, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        got = network(image)
        part = dict(network.named_children())
        hidden = part["compress_bn"](part["compress"](image)).relu()
        hidden = hidden.reshape(1, 3, 5, 8, 8).transpose(1, 2).reshape(1, 15, 8, 8)
        hidden = part["expand_bn"](part["expand"](part["depthwise_bn"](part["depthwise"](hidden))))
        counts = torch.nn.functional.avg_pool2d(torch.ones(1, 1, 8, 8), 3, 2, 1)
        pooled = torch.nn.functional.avg_pool2d(image, 3, 2, 1) / counts
        expected = torch.cat([hidden, pooled], 1).relu()
    assert torch.allclose(got, expected, atol=1e-6)


def test_repeated_units_begin_as_identities() -> None:
    layers = lower(SPACE, SPACE.parse("shufflenetv1-g3-1.0"), Shape(3, 16, 16), 10)
    network = build(layers, torch.Generator().manual_seed(0))
    zero = {
        name.removesuffix(".weight")
        for name, value in network.named_parameters()
        if not value.any() and name.endswith("bn.weight")
    }
    assert zero == {layer.inputs[0] for layer in layers if isinstance(layer, Add)}
    assert len(zero) == 13


def test_one_group_leaves_nothing_to_except() -> None:
    text = "depth=1,width=144-240-480,bottleneck=4,groups=1,dense_entry={}-no-no"
    assert SPACE.parse(text.format("yes")) == SPACE.parse(text.format("no"))


@pytest.mark.parametrize(
    ("choices", "in_width", "width", "cause"),
    [
        ({}, 240, 120, "width=120 … 240"),
        ({"bottleneck": 7}, 24, 240, "bottleneck=7 … width=240"),
        ({"groups": 8}, 24, 240, "groups=8 … width=60"),
        ({"groups": 4}, 24, 40, "groups=4 … width=10"),
        ({"groups": 3}, 25, 240, "groups=3 … width=215"),
        ({"groups": 5}, 20, 100, None),
        ({"groups": 5, "dense_entry": True}, 25, 100, None),
    ],
)
def test_what_cannot_be_built_is_told(
    choices: dict[str, Any], in_width: int, width: int, cause: str | None
) -> None:
    problem = KIND.problem({**UNIT, **choices}, in_width, width)
    assert (problem is None) is (cause is None)
    assert problem is None or carries(problem[1], cause)


def test_a_stage_narrower_than_the_one_before_is_refused() -> None:
    text = "depth=1,width=200-400-384,bottleneck=4,groups=1,dense_entry=no"
    with pytest.raises(ArchitectureError, match=carrying("width=384 … 400")):
        SPACE.parse(text)


def test_small_images_keep_the_last_two_strides() -> None:
    adaptation = adapt(SPACE, Shape(3, 32, 32))
    assert (adaptation.stem, adaptation.pool, adaptation.stages) == (1, 1, (1, 2, 2))
    assert adapt(SPACE, SPACE.deployment).total == 32


@settings(max_examples=2, deadline=None)
@given(seeds, shapes, st.integers(2, 50))
def test_three_counts_agree(seed: int, shape: Shape, classes: int) -> None:
    assert_counted_thrice(SPACE, seed, shape, classes)


@settings(max_examples=2, deadline=None)
@given(seeds, shapes)
def test_three_counts_agree_where_widths_may_stay(seed: int, shape: Shape) -> None:
    assert_counted_thrice(read_space(SMALL, "small.toml"), seed, shape, 7)


@pytest.mark.parametrize("seed", [1, 2])
def test_feasible_architectures_are_those_of_the_full_list(seed: int) -> None:
    assert_feasible_agrees(read_space(SMALL, "small.toml"), seed)


def test_trains() -> None:
    text = "depth=1-2-1,width=120-240-480,bottleneck=4,groups=3,dense_entry=yes-no-no"
    results = train_on_digits(SPACE, SPACE.parse(text), epochs=3)
    assert results[-1].train_loss < 0.8 * results[0].train_loss < 4
    assert results[-1].metrics["top1_error"] < 0.35


@settings(max_examples=2, deadline=None)
@given(seeds)
def test_random_members_run(seed: int) -> None:
    assert logits_are_finite(SPACE, random_member(SPACE, seed), Shape(1, 8, 8))
