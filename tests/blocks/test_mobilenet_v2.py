"""MobileNetV2: golden counts, torchvision's network, search and training."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models import mobilenet_v2

from nas.cost.model import CostModel
from nas.space.blocks import BLOCK_KINDS
from nas.space.file import read_space
from nas.space.layers import Add, Conv, Shape
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

SPACE = space_named("mobilenetv2")
KNOWN = known("mobilenetv2")
MULTIPLIERS = (1.0, 1.4, 1.3, 0.75, 0.5, 0.35)
SMALL = """
schema = 1
name = "small"
block = "mobilenetv2"
title = "small enough to list"
deployment = { input = "3x16x16", classes = 4 }
stem = { width = 6, stride = 1 }
head = { width = 24 }
choices = { kernel = [3, 5], expansion = [1, 2] }
[[stage]]
depth = [0, 1, 2]
width = [6, 8]
expansion = [0, 1]
[[stage]]
stride = 2
depth = [1, 3]
width = [9, 12]
"""


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_golden_counts(entry: Published) -> None:
    assert_golden(entry)


def test_all_known_networks_are_there() -> None:
    assert [entry.name for entry in KNOWN] == [
        *(f"mobilenetv2-{alpha}" for alpha in MULTIPLIERS),
        "mobilenetv2-1.0-keep-t1",
        *(f"mobilenetv2-1.0-cifar{classes}" for classes in (10, 100)),
        *(f"mobilenetv2-1.0-keep-t1-cifar{classes}" for classes in (10, 100)),
    ]


def multiple_of_8(width: float) -> int:
    """The rule of the authors' code: nearest multiple of 8, never below nine tenths."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded


@pytest.mark.parametrize("alpha", MULTIPLIERS)
def test_widths_follow_the_rule_of_the_authors(alpha: Any) -> None:
    entry = SPACE.known(f"mobilenetv2-{alpha}")
    assert entry is not None
    widths = [multiple_of_8(alpha * width) for width in (16, 24, 32, 64, 96, 160, 320)]
    assert list(entry.architecture.column("width")) == widths
    assert entry.space.stem_width == multiple_of_8(32 * alpha)
    assert entry.space.head_width == multiple_of_8(1280 * max(1.0, alpha))


def outputs(network: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """Return what every module without children gives, in the order of execution."""
    seen: list[torch.Tensor] = []
    leaves = [m for m in network.modules() if not list(m.children())]
    counted = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU6, nn.Linear)
    hooks = [
        module.register_forward_hook(lambda _m, _i, output: seen.append(output.clone()))
        for module in leaves
        if isinstance(module, counted)
    ]
    with torch.inference_mode():
        seen.append(network(images))
    for hook in hooks:
        hook.remove()
    return seen


def test_every_module_gives_what_torchvisions_gives_with_its_weights() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    theirs = mobilenet_v2().eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    ours = build(lower(SPACE, SPACE.parse("mobilenetv2-1.0"))).eval()
    values = list(theirs.state_dict().values())
    names = list(ours.state_dict())
    assert [tensor.shape for tensor in ours.state_dict().values()] == [v.shape for v in values]
    ours.load_state_dict(dict(zip(names, values, strict=True)))
    images = torch.randn(2, 3, 64, 64)
    found, expected = outputs(ours, images), outputs(theirs, images)
    assert len(found) == 52 + 52 + 35 + 1 + 1  # conv, batch norm, ReLU6, classifier, whole
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
    assert found[-1].std() > 0


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.75, 1.3, 1.4])
def test_scaled_networks_have_torchvisions_layers(alpha: float) -> None:
    entry = SPACE.known(f"mobilenetv2-{alpha}")
    assert entry is not None
    layers = lower(entry.space, entry.architecture)
    convs = [layer for layer in layers if isinstance(layer, Conv)]
    with torch.device("meta"):
        theirs = mobilenet_v2(width_mult=alpha)
    assert [
        (conv.in_channels, conv.shape.channels, conv.kernel, conv.stride, conv.groups)
        for conv in convs
    ] == [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0], m.groups)
        for m in theirs.modules()
        if isinstance(m, nn.Conv2d)
    ]
    residual = [block for block in theirs.features if getattr(block, "use_res_connect", False)]
    assert sum(isinstance(layer, Add) for layer in layers) == len(residual)


def test_fvcore_gives_the_golden_counts() -> None:
    for name in ("mobilenetv2-0.35", "mobilenetv2-1.0-keep-t1-cifar10"):
        entry = SPACE.known(name)
        assert entry is not None
        layers = lower(entry.space, entry.architecture, entry.input, entry.classes)
        counted = referee.fvcore_cost(layers)
        assert (counted.params, counted.madds) == (entry.counted["params"], entry.counted["madds"])


def test_the_igcv3_space_writes_the_same_network_otherwise() -> None:
    igcv3 = space_named("igcv3")
    one, other = (CostModel(space).cost(space.parse("mobilenetv2-1.0")) for space in (SPACE, igcv3))
    assert one == other


def test_cifar_images_keep_the_strides_of_the_authors() -> None:
    adaptation = adapt(SPACE, Shape(3, 32, 32))
    assert (adaptation.stem, adaptation.stages) == (1, (1, 1, 2, 2, 1, 1, 1))


@settings(max_examples=2, deadline=None)
@given(seeds, shapes, st.integers(2, 50))
def test_three_counts_agree(seed: int, shape: Shape, classes: int) -> None:
    assert_counted_thrice(SPACE, seed, shape, classes)


@pytest.mark.parametrize("seed", [1, 2])
def test_feasible_architectures_are_those_of_the_full_list(seed: int) -> None:
    assert_feasible_agrees(read_space(SMALL, "small.toml"), seed)


@pytest.mark.parametrize("expansion", [-1, 65, 1.5, True, "6"])
def test_expansions_are_integers(expansion: Any) -> None:
    assert not BLOCK_KINDS.load("mobilenetv2").rules["expansion"].allows(expansion)


def test_trains() -> None:
    text = "depth=1-1-1-1-1-1-1,width=16-24-32-64-96-160-320,expansion=0-6-6-6-6-6-6,kernel=3"
    results = train_on_digits(SPACE, SPACE.parse(text), epochs=2)
    assert results[-1].train_loss < 2.0 < results[0].train_loss < 5
    assert results[-1].metrics["top1_error"] < 0.55


@settings(max_examples=2, deadline=None)
@given(seeds)
def test_random_members_run(seed: int) -> None:
    assert logits_are_finite(SPACE, random_member(SPACE, seed), Shape(1, 8, 8))
