"""The kernels in C against torch in double precision: results, gradients, statistics, fallbacks."""

import copy
import os
import shutil
import subprocess
import sys

import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import nn

from nas.errors import TaskError
from nas.space.file import load_space
from nas.space.layers import Builder, Conv, Layer, Shape
from nas.space.lowering import lower
from nas.training.cpu.depthwise import chains
from nas.training.cpu.kernels import VARIABLE, kernels
from nas.training.network.module import build
from tests.training.nets import kept, small_layers

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)
SHAPE = Shape(3, 16, 16)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv(VARIABLE, "native")
    torch.set_num_threads(1)  # with more the kernels leave the work to torch; undone behind tests


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def outcome(network, x):
    """What training and then inference give, with all gradients and statistics."""
    image = x.clone().requires_grad_()
    y = network.train()(image)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    (y * weights).sum().backward()
    found = {"y": y.detach(), "x": image.grad}
    found |= {name: parameter.grad for name, parameter in network.named_parameters()}
    with torch.inference_mode():
        found["inferred"] = network.eval()(x)
    return found | {name: buffer.clone() for name, buffer in network.named_buffers()}


def compare(layers: list[Layer], x: torch.Tensor, seed: int, most: float) -> None:
    """Hold the kernels to torch in double precision: no further off than `most` of the greatest."""
    torch.set_num_threads(1)
    ours = build(layers, random(seed))
    with torch.no_grad():
        for parameter in ours.parameters():
            if parameter.ndim == 1:  # so that activations limit, and norms differ by channel
                parameter.add_(torch.rand(parameter.shape, generator=random(seed + 1)))
    exact = copy.deepcopy(ours).double()
    ours.to(memory_format=torch.channels_last).compute_in("grouped")
    edges = [x.new_ones(1)]
    for module in exact.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            module.register_forward_pre_hook(lambda _, y: edges.append(y[0].detach()))
    found, right = outcome(ours, x), outcome(exact, x.double())
    # rounding decides the gradient of what lies on a limit
    assume(min(float((y - limit).abs().min()) for y in edges for limit in (0.0, 6.0)) > 1e-5)
    greatest = max(value.abs().max() for name, value in right.items() if name.endswith("weight"))
    for name, value in right.items():
        scale = max(value.abs().max(), 1e-3 * greatest) if value.numel() else 1.0
        off = (found[name] - value).abs().max() / scale
        assert off < most, (name, float(off))


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
@settings(deadline=None, max_examples=60)
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
    images, channels, height, width, kernel, stride, between, seed
):
    layers = chain_layers(Shape(channels, height, width), kernel, stride, between)
    x = 3 + 2 * torch.randn(images, channels, height, width, generator=random(seed))
    compare(layers, x.contiguous(memory_format=torch.channels_last), seed, most=1e-3)


@needs_compiler
@settings(deadline=None, max_examples=30)
@given(
    images=st.integers(1, 5),
    channels=st.integers(1, 200),
    side=st.integers(3, 9),
    function=st.sampled_from(["", "relu", "relu6"]),
    seed=st.integers(0, 99),
)
def test_a_norm_alone(images, channels, side, function, seed):
    net = Builder(Shape(channels, side, side))
    net.batch_norm("bn")
    if function:
        net.activation("act", function)
    x = torch.randn(images, channels, side, side, generator=random(seed))
    compare(net.layers, x, seed, most=1e-3)


@needs_compiler
def test_a_mean_far_from_zero_does_not_spoil_the_variance():
    net = Builder(Shape(24, 9, 9))
    net.batch_norm("bn")
    x = 1000 + torch.randn(30, 24, 9, 9, generator=random(0))
    norm = build(net.layers).train()
    norm.compute_in("grouped")
    norm(x)
    variance = norm.get_buffer("bn.running_var")
    exact = 0.9 + 0.1 * x.double().var((0, 2, 3))
    assert (variance - exact).abs().max() < 1e-5


@needs_compiler
@pytest.mark.parametrize(
    ("space", "name"),
    [
        ("igcv3", "igcv3-d-1.0"),
        ("mobilenetv2", "mobilenetv2-1.0"),
        ("mobilenetv1", "mobilenetv1-1.0"),
        ("shufflenetv1", "shufflenetv1-g3-1.0"),
    ],
)
def test_published_networks_come_closer_than_with_torch(space, name, monkeypatch):
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
        monkeypatch.setenv(VARIABLE, kind)
        one = copy.deepcopy(network).to(memory_format=torch.channels_last)
        one.compute_in("measured")
        found = outcome(one, x)
        off[kind] = sum(
            float((found[name] - value).square().sum())
            for name, value in exact.items()
            if name.endswith("weight")
        )
    assert off["native"] <= off["torch"]


@needs_compiler
def test_the_backward_pass_keeps_one_map_for_each_norm():
    layers = chain_layers(Shape(8, 9, 9), 3, 1, "b6s-b6")
    network = build(layers, random(0)).train()
    x = torch.randn(4, 8, 9, 9)
    plain = kept(network, x)
    network.compute_in("grouped")
    assert kept(network, x) == 2 * x.numel()
    assert plain >= 5 * x.numel()


@needs_compiler
def test_a_seed_trains_to_the_same_bits():
    x = torch.randn(5, 1, 8, 8, generator=random(1))
    first, second = build(small_layers(), random(0)), build(small_layers(), random(0))
    for network in (first, second):
        network.compute_in("measured")
    for one, other in zip(outcome(first, x).values(), outcome(second, x).values(), strict=True):
        assert torch.equal(one, other)


@needs_compiler
def test_no_number_stays_none():
    network = build(chain_layers(Shape(8, 5, 5), 3, 1, "b6-b6"), random(0)).train()
    network.compute_in("grouped")
    x = torch.randn(2, 8, 5, 5)
    x[0, 3, 2, 2] = float("nan")
    assert network(x)[:, 3].isnan().all()


def test_an_unknown_kind_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(TaskError, match="NAS_KERNELS='fast' names no kernels"):
        kernels()


def trained(tmp_path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Train one step in a process of its own, and print whether kernels did it."""
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from nas.errors import NasError\n"
        "from nas.training.cpu.kernels import kernels\n"
        "from nas.training.network.module import build\n"
        "from tests.training.nets import small_layers\n"
        "try:\n"
        "    network = build(small_layers()); network.compute_in('measured')\n"
        "    network(torch.randn(2, 1, 8, 8)).sum().backward(); print(kernels() is not None)\n"
        "except NasError as error: print(error)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in (VARIABLE, "CC")}
    environment |= {"NAS_CACHE": str(tmp_path / "cache"), **variables}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )


def test_without_a_compiler_torch_computes_unless_kernels_are_asked_for(tmp_path):
    assert trained(tmp_path, CC="no-such-compiler").stdout == "False\n"
    said = trained(tmp_path, CC="no-such-compiler", NAS_KERNELS="native").stdout
    assert "NAS_KERNELS=native, but there is no compiler (no-such-compiler)." in said


@needs_compiler
def test_a_library_is_kept_and_a_damaged_one_is_made_anew(tmp_path):
    assert trained(tmp_path).stdout == "True\n"
    (kept,) = (tmp_path / "cache").glob("kernels-*.so")
    made = kept.stat().st_mtime_ns
    assert trained(tmp_path, CC=shutil.which("cc") or "cc").stdout == "True\n"
    assert kept.stat().st_mtime_ns == made
    kept.write_bytes(b"half a file")
    assert trained(tmp_path).stdout == "True\n"
    assert kept.stat().st_size > 1000


@needs_compiler
def test_where_nothing_can_be_kept_they_still_compute(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert trained(tmp_path).stdout == "True\n"
