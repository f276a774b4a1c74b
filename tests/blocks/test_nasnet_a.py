"""NASNet-A: golden counts, both paddings, the wiring of the cells, search and training."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost.model import CostModel, total_cost
from nas.errors import SpaceError
from nas.feasible.listed import ListedSpace, feasible_space
from nas.space.blocks.nasnet_a import NormalCell, ReductionCell
from nas.space.file import read_space
from nas.space.layers import Builder, Concat, Shape
from nas.space.lowering import lower
from nas.space.strides import adapt
from nas.training.network import fvcore_count as referee
from nas.training.network.module import Network, build
from tests.blocks.families import (
    assert_counted_thrice,
    assert_feasible_agrees,
    assert_golden,
    logits_are_finite,
    random_member,
    seeds,
    shapes,
    space_named,
    train_on_digits,
)

SPACE = space_named("nasnet-a")

# Both paddings, an odd width, a stage that may be absent, two strides behind one another.
SMALL = """
schema = 1
name = "small"
block = "nasnet-a"
title = "small enough to list"
deployment = { input = "3x30x41", classes = 4 }
stem = { width = 6, stride = 2 }
head = { width = 0 }
choices = { padding = ["exact", "cropped"] }
[[stage]]
depth = [0, 1, 2]
width = [4, 5]
padding = "exact"
[[stage]]
stride = 2
depth = [1, 2]
width = [4, 7]
[[stage]]
stride = 2
depth = 1
width = [6, 8]
"""
SMALL_SPACE = read_space(SMALL, "small.toml")


def test_the_ports_count_is_exact() -> None:
    entry = SPACE.known("nasnet-a-4-1056-cropped")
    assert entry is not None
    assert entry.counted == {"params": 5_289_978, "madds": 568_234_858}
    assert_golden(entry)


def test_the_authors_count_is_the_published_one() -> None:
    cost = CostModel(SPACE).cost(SPACE.parse("nasnet-a-4-1056"))
    assert cost.params == 5_289_978
    assert round(cost.madds / 1e6) == 564
    assert referee.fvcore_cost(lower(SPACE, SPACE.parse("nasnet-a-4-1056"))) == cost


def test_the_network_for_cifar_has_no_stem_cells() -> None:
    entry = SPACE.known("nasnet-a-6-768")
    assert entry is not None
    layers = lower(entry.space, entry.architecture, entry.input, entry.classes)
    assert round(total_cost(layers).params / 1e6, 1) == 3.3
    cells = [layer for layer in layers if isinstance(layer, Concat) and layer.name.endswith(".out")]
    assert [cell.name for cell in cells if "cell_stem" in cell.name] == []
    assert len(cells) == 20  # 3 x 6 normal and two reduction cells
    assert cells[-1].shape == (768, 8, 8)
    assert layers[1].shape == (96, 32, 32)


def test_the_mobile_network_has_the_published_shapes() -> None:
    layers = lower(SPACE, SPACE.parse("nasnet-a-4-1056"))
    outputs = {layer.name: layer.shape for layer in layers}
    assert outputs["stem.conv"] == (32, 111, 111)
    assert outputs["cell_stem1.0.out"] == (44, 56, 56)
    assert outputs["cell_stem2.0.out"] == (88, 28, 28)
    assert outputs["stage1.3.out"] == (264, 28, 28)
    assert outputs["stage2.0.out"] == (352, 14, 14)
    assert outputs["stage3.4.out"] == (1056, 7, 7)


def randomised(layers: list[Any]) -> Network:
    """A network whose batch norms shift as well, so that zeros outside of a map would show."""
    generator = torch.Generator().manual_seed(0)
    network = build(layers, generator).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(generator=generator)
            module.running_mean.normal_(generator=generator)
    return network


@pytest.mark.parametrize("shape", [Shape(3, 64, 64), Shape(3, 61, 64), Shape(3, 63, 50)])
def test_both_paddings_are_the_same_network(shape: Shape) -> None:
    text = "depth=1-1-1,width=4-7-8,padding={}"
    space = read_space(SMALL.replace("3x30x41", str(shape)).replace(
        'padding = "exact"\n', ""), "small.toml")  # fmt: skip
    exact, cropped = (
        randomised(lower(space, space.parse(text.format(word)))) for word in ("exact", "cropped")
    )
    cropped.load_state_dict(exact.state_dict())
    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.allclose(exact(images), cropped(images), atol=1e-5)


def cell(
    kind: type[NormalCell] | type[ReductionCell], shape: Shape, before: Shape, halve: int
) -> tuple[Any, list[torch.Tensor]]:
    """One cell alone: its two sources are images that a first 1x1 convolution makes."""
    net = Builder(Shape(3, before.height, before.width))
    net.conv("before", before.channels)
    net.pool("smaller", "max", 1, before.height // shape.height)
    net.conv("last", shape.channels)
    kind(4, halve, True).lower(net, ["last", "before"])
    network = randomised(net.layers)
    image = torch.randn(1, 3, before.height, before.width)
    part = dict(network.named_children())
    with torch.inference_mode():
        second = part["before"](image)
        first = part["last"](
            second[:, :, :: before.height // shape.height][..., :: before.width // shape.width]
        )
        return network, [network(image), first, second]


def unit(part: Any, x: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = part.bn(part.conv(x.relu()))
    return found


def sep(part: Any, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
    for name in ("1", "2"):
        step = part.get_submodule(name)
        weight = step.depthwise.weight
        kernel = weight.shape[-1]
        by = stride if name == "1" else 1
        total = [max((-(-side // by) - 1) * by + kernel - side, 0) for side in x.shape[2:]]
        x = F.pad(x.relu(), [total[1] // 2, total[1] - total[1] // 2,
                             total[0] // 2, total[0] - total[0] // 2])  # fmt: skip
        x = step.bn(step.pointwise(F.conv2d(x, weight, None, by, 0, 1, weight.shape[0])))
    return x


def average(x: torch.Tensor, stride: int = 1) -> torch.Tensor:
    return F.avg_pool2d(x, 3, stride, 1, count_include_pad=False)


@torch.inference_mode()
def test_a_normal_cell_computes_what_its_table_says() -> None:
    network, (got, first, second) = cell(NormalCell, Shape(10, 8, 8), Shape(12, 8, 8), 1)
    left, right = unit(network.left, first), unit(network.right, second)
    expected = [
        right,
        sep(network.sum0_left, left) + sep(network.sum0_right, right),
        sep(network.sum1_left, right) + sep(network.sum1_right, right),
        average(left) + right,
        average(right) + average(right),
        sep(network.sum4_left, left) + left,
    ]
    assert torch.allclose(got, torch.cat(expected, 1), atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("side", [8, 7])
def test_a_reduction_cell_computes_what_its_table_says(side: int) -> None:
    network, (got, first, second) = cell(
        ReductionCell, Shape(10, side, side), Shape(12, 2 * side, 2 * side), 2
    )
    left, x = unit(network.left, first), second.relu()
    odd = F.pad(x, [0, 1, 0, 1])[:, :, 1:, 1:]
    weights = network.right.even.weight, network.right.odd.weight
    halves = [F.conv2d(y[:, :, ::2, ::2], w) for y, w in zip((x, odd), weights, strict=True)]
    right = network.right.bn(torch.cat(halves, 1))
    # TensorFlow's windows begin at the first pixel where the side is even, one before it where odd.
    edge = [0, 1, 0, 1] if side % 2 == 0 else [1, 1, 1, 1]
    largest = F.max_pool2d(F.pad(left, edge, value=float("-inf")), 3, 2)
    ones = F.avg_pool2d(F.pad(torch.ones_like(left), edge), 3, 2)
    mean = F.avg_pool2d(F.pad(left, edge), 3, 2) / ones
    sum0 = sep(network.sum0_left, left, 2) + sep(network.sum0_right, right, 2)
    sum1 = largest + sep(network.sum1_right, right, 2)
    sum2 = mean + sep(network.sum2_right, right, 2)
    expected = [sum1, sum2, sum1 + average(sum0), sep(network.sum4_left, sum0) + largest]
    assert torch.allclose(got, torch.cat(expected, 1), atol=1e-4)


def test_small_images_keep_the_last_two_strides() -> None:
    adaptation = adapt(SPACE, Shape(3, 32, 32))
    assert (adaptation.stem, adaptation.stages) == (1, (1, 1, 1, 2, 2))
    assert adapt(SPACE, SPACE.deployment).total == 32


@pytest.mark.slow
@settings(max_examples=2, deadline=None)
@given(seeds, shapes, st.integers(2, 50))
def test_three_counts_agree(seed: int, shape: Shape, classes: int) -> None:
    assert_counted_thrice(SPACE, seed, shape, classes)


@settings(max_examples=2, deadline=None)
@given(seeds, shapes)
def test_three_counts_agree_in_a_space_of_a_user(seed: int, shape: Shape) -> None:
    assert_counted_thrice(SMALL_SPACE, seed, shape, 7)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_feasible_architectures_are_those_of_the_full_list(seed: int) -> None:
    assert isinstance(feasible_space(CostModel(SMALL_SPACE), ()), ListedSpace)
    assert_feasible_agrees(SMALL_SPACE, seed)


def test_a_width_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(SpaceError, match="cannot halve width=1"):
        read_space(SMALL.replace("width = [4, 7]", "width = [1, 7]"), "small.toml")


def test_a_space_too_large_to_list_is_refused() -> None:
    many = str(list(range(2, 100)))
    huge = read_space(SMALL.replace("[4, 7]", many).replace("[6, 8]", many), "huge.toml")
    with pytest.raises(SpaceError, match="more than 200,000 architectures"):
        feasible_space(CostModel(huge), ())


def test_trains() -> None:
    member = SMALL_SPACE.parse("depth=1-1-1,width=5-7-8,padding=exact")
    results = train_on_digits(SMALL_SPACE, member, epochs=3)
    assert results[-1].train_loss < 1.5 < results[0].train_loss
    assert results[-1].metrics["top1_error"] < 0.5


@settings(max_examples=3, deadline=None)
@given(seeds)
def test_random_members_run(seed: int) -> None:
    assert logits_are_finite(SMALL_SPACE, random_member(SMALL_SPACE, seed), Shape(1, 8, 8))
