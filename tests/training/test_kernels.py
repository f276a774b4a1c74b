"""The kernels in C against torch in double precision: results, gradients, statistics, fallbacks."""

import copy
from typing import Literal

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nas.space.file import load_space
from nas.space.layers import Builder, Conv, Layer, Shape
from nas.space.lowering import lower
from nas.training.cpu import accelerate
from nas.training.cpu.depthwise import chains
from nas.training.network.module import build
from tests.training.exact import compare, needs_compiler, outcome, random
from tests.training.nets import kept, small_layers

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = Shape(3, 16, 16)


def chain_layers(shape: Shape, kernel: int, stride: int, between: str) -> list[Layer]:
    """A depthwise convolution with what `between` says on both sides of it."""
    channels = shape.channels
    net = Builder(shape)
    before, after = between.split("-")
    for side, kinds in (("before", before), ("after", after)):
        for kind in kinds:
            if kind == "b":
                net.batch_norm(f"{side}.bn")
            elif kind == "s":
                net.shuffle(f"{side}.shuffle", 2 if channels % 2 == 0 else 1)
            else:
                net.activation(f"{side}.act", "relu6" if kind == "6" else "relu")
        if side == "before":
            net.conv("depthwise", channels, kernel=kernel, stride=stride, groups=channels)
    return net.layers


@needs_compiler
@settings(deadline=None, max_examples=25)
@given(
    images=st.integers(1, 4),
    channels=st.integers(2, 40),
    height=st.integers(3, 9),
    width=st.integers(3, 9),
    kernel=st.sampled_from([3, 3, 5, 7]),
    stride=st.sampled_from([1, 1, 2]),
    between=st.sampled_from(
        ["b-b", "b6-b6", "br-b", "b6s-br", "bs-b", "-b6", "b6-", "sb-b", "b6-6"]
    ),
    seed=st.integers(0, 99),
)
@example(images=3, channels=136, height=8, width=8, kernel=3, stride=1, between="b6s-b6", seed=0)
@example(images=2, channels=24, height=9, width=3, kernel=3, stride=2, between="b6-b6", seed=0)
@example(images=40, channels=5, height=7, width=9, kernel=3, stride=1, between="br-br", seed=0)
def test_a_convolution_between_norms(
    images: int,
    channels: int,
    height: int,
    width: int,
    kernel: int,
    stride: int,
    between: str,
    seed: int,
) -> None:
    layers = chain_layers(Shape(channels, height, width), kernel, stride, between)
    x = 3 + 2 * torch.randn(images, channels, height, width, generator=random(seed))
    compare(layers, x.contiguous(memory_format=torch.channels_last), seed, most=1e-3)


@needs_compiler
@settings(deadline=None, max_examples=15)
@given(
    images=st.integers(1, 5),
    channels=st.integers(1, 200),
    side=st.integers(3, 9),
    function=st.sampled_from(["", "relu", "relu6"]),
    seed=st.integers(0, 99),
)
def test_a_norm_alone(
    images: int, channels: int, side: int, function: Literal["", "relu", "relu6"], seed: int
) -> None:
    net = Builder(Shape(channels, side, side))
    net.batch_norm("bn")
    if function:
        net.activation("act", function)
    x = torch.randn(images, channels, side, side, generator=random(seed))
    compare(net.layers, x, seed, most=1e-3)


@needs_compiler
def test_a_mean_far_from_zero_does_not_spoil_the_variance() -> None:
    net = Builder(Shape(24, 9, 9))
    net.batch_norm("bn")
    x = 1000 + torch.randn(30, 24, 9, 9, generator=random(0))
    norm = build(net.layers).train()
    accelerate(norm)
    norm(x)
    variance = norm.get_buffer("bn.running_var")
    exact = 0.9 + 0.1 * x.double().var((0, 2, 3))
    assert (variance - exact).abs().max() < 1e-5


@needs_compiler
@pytest.mark.parametrize(
    ("space", "name"),
    [
        pytest.param("igcv3", "igcv3-d-1.0", marks=pytest.mark.slow),
        pytest.param("mobilenetv2", "mobilenetv2-1.0", marks=pytest.mark.slow),
        ("mobilenetv1", "mobilenetv1-1.0"),
        ("shufflenetv1", "shufflenetv1-g3-1.0"),
    ],
)
def test_published_networks_come_closer_than_with_torch(space: str, name: str) -> None:
    loaded = load_space(space)
    layers = lower(loaded, loaded.parse(name), SHAPE, 10)
    depthwise = [one for one in layers if isinstance(one, Conv) and one.groups == one.in_channels]
    steps = chains(layers)
    assert len(steps) == len(depthwise)
    assert all(step.before and step.after for step in steps)
    x = torch.randn(8, *SHAPE, generator=random(0)).contiguous(memory_format=torch.channels_last)
    network = build(layers, random(0))
    exact = outcome(copy.deepcopy(network).double(), x.double())
    off = {}
    for kind in ("native", "torch"):
        one = copy.deepcopy(network).to(memory_format=torch.channels_last)
        if kind == "native":
            accelerate(one)
        found = outcome(one, x)
        off[kind] = sum(
            float((found[name] - value).square().sum())
            for name, value in exact.items()
            if name.endswith("weight")
        )
    assert off["native"] <= off["torch"]


@needs_compiler
def test_the_backward_pass_keeps_one_map_for_each_norm() -> None:
    layers = chain_layers(Shape(8, 9, 9), 3, 1, "b6s-b6")
    network = build(layers, random(0)).train()
    x = torch.randn(4, 8, 9, 9)
    plain = kept(network, x)
    accelerate(network)
    assert kept(network, x) == 2 * x.numel()
    assert plain >= 5 * x.numel()


@needs_compiler
def test_a_seed_trains_to_the_same_bits() -> None:
    x = torch.randn(5, 1, 8, 8, generator=random(1))
    first, second = build(small_layers(), random(0)), build(small_layers(), random(0))
    for network in (first, second):
        accelerate(network)
    for one, other in zip(outcome(first, x).values(), outcome(second, x).values(), strict=True):
        assert torch.equal(one, other)


@needs_compiler
def test_no_number_stays_none() -> None:
    network = build(chain_layers(Shape(8, 5, 5), 3, 1, "b6-b6"), random(0)).train()
    accelerate(network)
    x = torch.randn(2, 8, 5, 5)
    x[0, 3, 2, 2] = float("nan")
    assert network(x)[:, 3].isnan().all()
