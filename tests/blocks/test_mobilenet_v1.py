"""MobileNetV1: golden counts, the graph of the paper, search and training."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.space.blocks import BLOCK_KINDS
from nas.space.file import read_space
from nas.space.layers import Activation, Add, Conv, Shape
from nas.space.lowering import lower
from nas.space.search_space import Published
from nas.space.strides import adapt
from nas.training.network import fvcore_count as referee
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

SPACE = space_named("mobilenetv1")
KNOWN = known("mobilenetv1")
SMALL = """
schema = 1
name = "small"
block = "mobilenetv1"
title = "small enough to list"
deployment = { input = "3x16x16", classes = 4 }
stem = { width = 6, stride = 1 }
head = { width = 0 }
choices = { kernel = [3, 5] }
[[stage]]
depth = [0, 1, 2]
width = [6, 8]
[[stage]]
stride = 2
depth = [1, 3]
width = [9, 12, 16]
"""


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_golden_counts(entry: Published) -> None:
    assert_golden(entry)


def test_every_width_multiplier_is_known() -> None:
    assert [entry.name for entry in KNOWN] == [
        f"mobilenetv1-{alpha}" for alpha in ("1.0", "0.75", "0.5", "0.25")
    ]


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_widths_are_the_multiplier_times_those_of_the_paper(entry: Published) -> None:
    alpha = float(entry.name.rpartition("-")[2])
    assert entry.architecture.column("width") == tuple(
        alpha * width for width in (64, 128, 256, 512, 1024)
    )
    assert entry.space.stem_width == 32 * alpha


def test_fvcore_gives_the_golden_count() -> None:
    entry = KNOWN[-1]
    counted = referee.fvcore_cost(lower(entry.space, entry.architecture))
    assert (counted.params, counted.madds) == (entry.counted["params"], entry.counted["madds"])


def test_mobilenet_has_the_28_layers_of_the_paper() -> None:
    layers = lower(SPACE, SPACE.parse("mobilenetv1-1.0"))
    convs = [layer for layer in layers if isinstance(layer, Conv)]
    rows = [(conv.kernel, conv.stride, conv.groups > 1, conv.shape) for conv in convs]
    assert len(convs) + 1 == 28  # and the classifier
    assert rows[:5] == [
        (3, 2, False, (32, 112, 112)),
        (3, 1, True, (32, 112, 112)),
        (1, 1, False, (64, 112, 112)),
        (3, 2, True, (64, 56, 56)),
        (1, 1, False, (128, 56, 56)),
    ]
    assert rows[-1] == (1, 1, False, (1024, 7, 7))
    assert sum(isinstance(layer, Activation) for layer in layers) == 27
    assert {layer.function for layer in layers if isinstance(layer, Activation)} == {"relu"}
    assert not any(isinstance(layer, Add) for layer in layers)


def test_small_images_keep_two_strides() -> None:
    assert adapt(SPACE, Shape(3, 32, 32)).total == 4
    assert adapt(SPACE, SPACE.deployment).total == 32


@settings(max_examples=2, deadline=None)
@given(seeds, shapes, st.integers(2, 50))
def test_three_counts_agree(seed: int, shape: Shape, classes: int) -> None:
    assert_counted_thrice(SPACE, seed, shape, classes)


@pytest.mark.parametrize("seed", [1, 2])
def test_feasible_architectures_are_those_of_the_full_list(seed: int) -> None:
    assert_feasible_agrees(read_space(SMALL, "small.toml"), seed)


@pytest.mark.parametrize("kernel", [1, 4, 9, True, "3"])
def test_kernels_are_3_5_or_7(kernel: int | str) -> None:
    rule = BLOCK_KINDS.load("mobilenetv1").rules["kernel"]
    assert not rule.allows(kernel)
    assert all(map(rule.allows, (3, 5, 7)))


def test_trains() -> None:
    text = "depth=1-1-1-2-1,width=32-64-128-256-512,kernel=3"
    results = train_on_digits(SPACE, SPACE.parse(text), epochs=3)
    assert results[-1].train_loss < 2.0 < results[0].train_loss < 5
    assert results[-1].metrics["top1_error"] < 0.75


@settings(max_examples=2, deadline=None)
@given(seeds)
def test_random_members_run(seed: int) -> None:
    assert logits_are_finite(SPACE, random_member(SPACE, seed), Shape(1, 8, 8))
