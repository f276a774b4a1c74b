"""Dense forms of grouped 1x1 convolutions: results, gradients, statistics of the grouped ones."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.space.file import load_space
from nas.space.layers import Builder, Layer, Shape
from nas.space.lowering import lower
from nas.training.cpu import accelerate
from nas.training.cpu.pointwise import Fold, folds
from nas.training.network.fvcore_count import count_network
from nas.training.network.module import build
from tests.training.exact import compare, needs_compiler, random

SPACE = load_space("igcv3")
pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = Shape(3, 32, 32)
SIDE = 16  # from here on a shuffle is folded in


def block(channels: int, factor: int, groups: int, between: str) -> list[Layer]:
    """A grouped 1x1 convolution, a shuffle behind what `between` names, and a grouped one."""
    net = Builder(Shape(channels, SIDE, SIDE))
    net.conv("first", channels * factor, groups=groups)
    for number, kind in enumerate(between):
        if kind == "b":
            net.batch_norm(f"between.{number}")
        else:
            net.activation(f"between.{number}", "relu6" if kind == "6" else "relu")
    net.shuffle("shuffle", groups)
    net.conv("depthwise", channels * factor, kernel=3, groups=channels * factor)
    net.batch_norm("bn")
    net.conv("last", channels, groups=groups)
    return net.layers


@needs_compiler
@settings(deadline=None, max_examples=15)
@given(
    width=st.integers(2, 4),
    factor=st.integers(1, 3),
    groups=st.sampled_from([2, 3, 4, 8]),
    between=st.sampled_from(["", "b", "b6", "br", "bb"]),
    seed=st.integers(0, 99),
)
def test_results_gradients_and_statistics_are_those_of_the_grouped_form(
    width: int, factor: int, groups: int, between: str, seed: int
) -> None:
    layers = block(width * groups, factor, groups, between)
    assert folds(layers)[0].shuffle
    x = torch.randn(2, width * groups, SIDE, SIDE, generator=random(seed + 2))
    compare(layers, x.contiguous(memory_format=torch.channels_last), seed, most=1e-3)


@needs_compiler
@pytest.mark.parametrize("momentum", [None, 0.3])
def test_running_statistics_follow_over_several_batches(momentum: float | None) -> None:
    grouped = build(block(8, 1, 4, "b"), random(0)).train()
    for module in grouped.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = momentum
    dense = copy.deepcopy(grouped)
    accelerate(dense)
    for seed in range(3):
        x = torch.randn(3, 8, SIDE, SIDE, generator=random(seed))
        grouped(x), dense(x)
    for ours, theirs in zip(dense.buffers(), grouped.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert dense.get_buffer("between.0.num_batches_tracked") == 3


def test_a_chain_ends_where_a_second_layer_reads() -> None:
    net = Builder(Shape(8, 32, 32))
    net.conv("first", 8, groups=2)
    net.batch_norm("bn")
    read_twice = net.last
    net.shuffle("shuffle", 2)
    net.add("sum", read_twice)
    assert folds(net.layers) == [Fold("first")]


def test_the_rule_takes_wide_maps_and_leaves_small_ones() -> None:
    layers = lower(SPACE, SPACE.parse("igcv3-d-1.0"), SHAPE, 10)
    height = {layer.name: layer.shape.height for layer in layers}
    found = folds(layers)
    assert found
    assert {height[fold.conv] for fold in found} <= {32, 16}
    assert all(fold.shuffle for fold in found if height[fold.conv] == 16)


@needs_compiler
def test_counted_and_exported_is_the_grouped_network() -> None:
    layers = block(8, 2, 4, "b6")
    grouped, dense = build(layers, random(0)).eval(), build(layers, random(0)).eval()
    accelerate(dense)
    x = torch.randn(1, 8, SIDE, SIDE, generator=random(0))
    program = str(torch.export.export(dense, (x,)).graph)
    assert program == str(torch.export.export(grouped, (x,)).graph)
    assert "index_copy" not in program
    assert count_network(dense, layers[0].shape) == count_network(grouped, layers[0].shape)


@needs_compiler
def test_a_copy_computes_with_its_own_weights() -> None:
    network = build(block(8, 1, 4, "b"), random(0)).train()
    accelerate(network)
    twin = copy.deepcopy(network)
    x = torch.randn(2, 8, SIDE, SIDE, generator=random(0))
    assert torch.equal(network(x), twin(x))
    with torch.no_grad():
        twin.get_parameter("first.weight").zero_()
        twin.get_parameter("between.0.bias").fill_(1)
    assert not torch.equal(network(x), twin(x))
    assert not torch.equal(
        network.get_buffer("bn.running_mean"), twin.get_buffer("bn.running_mean")
    )
