"""The module: it computes what the layers say, under their names, in every memory format."""

import copy
import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torchvision.models import mobilenet_v2

from nas.space.file import load_space
from nas.space.layers import Activation, Add, BatchNorm, Conv, Input, Layer, Shape
from nas.space.lowering import lower
from nas.training.network.module import ChannelShuffle, build
from tests.training.exact import random
from tests.training.nets import small_layers

SPACE = load_space("igcv3")


@torch.no_grad()
def by_hand(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The small network of `nets`, written out with functions, in training mode."""

    def conv(name: str, x: torch.Tensor, **options: Any) -> torch.Tensor:
        return F.conv2d(x, weights[f"{name}.weight"], **options)

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        gain, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return F.batch_norm(x, None, None, gain, shift, training=True, eps=1e-5)

    x = norm("stem.bn", conv("stem.conv", x, padding=1)).clamp(0, 6)
    x = norm("body.0.bn1", conv("body.0.first", x, groups=4))
    x = x[:, [group * 6 + k for k in range(6) for group in range(4)]]
    y = norm("body.0.bn2", conv("body.0.depthwise", x, padding=1, groups=24)).relu()
    x = x + norm("body.0.bn3", conv("body.0.last", y, groups=2))
    x = norm("head.bn", conv("head.conv", x, stride=2)).clamp(0, 6)
    return F.linear(x.mean((2, 3)), weights["classifier.weight"], weights["classifier.bias"])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_executes_the_layers(layout: Any) -> None:
    network = build(small_layers(), random())
    x = torch.randn(5, 1, 8, 8, generator=random(1))
    expected = by_hand(network.state_dict(), x)
    found = network.to(memory_format=layout)(x.to(memory_format=layout))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_state_dict_follows_the_layer_names() -> None:
    layers = lower(SPACE, SPACE.parse("igcv3-d-1.0"))
    keys = set(build(layers).state_dict())
    assert {"stem.conv.weight", "stage2.0.first.weight", "stage2.0.first_bn.running_var"} <= keys
    assert {"head.bn.bias", "classifier.weight", "classifier.bias"} <= keys
    assert {key.rpartition(".")[0] for key in keys} <= {layer.name for layer in layers}


def test_shuffle_interleaves_two_halves() -> None:
    x = torch.arange(12.0).reshape(1, 12, 1, 1).expand(2, 12, 2, 3)
    new = ChannelShuffle(2)(x)
    for k in range(6):
        assert torch.equal(new[:, 2 * k], x[:, k])
        assert torch.equal(new[:, 2 * k + 1], x[:, 6 + k])


@pytest.mark.parametrize("groups", [2, 3, 4, 8, 12])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_shuffle_is_the_same_eager_and_traced(groups: int, layout: Any) -> None:
    x = torch.randn(2, 24, 3, 5, generator=random()).to(memory_format=layout)
    shuffle = ChannelShuffle(groups)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates jit, but fvcore still traces with it
        traced = torch.jit.trace(shuffle, x)  # type: ignore[no-untyped-call]
    exported = torch.export.export(shuffle, (x,)).module()
    eager = shuffle(x)
    assert torch.equal(eager, traced(x))
    assert torch.equal(eager, exported(x))
    assert eager.is_contiguous(memory_format=layout)


def test_training_keeps_channels_last() -> None:
    network = build(small_layers()).to(memory_format=torch.channels_last)
    layouts = []
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | ChannelShuffle):
            module.register_forward_hook(
                lambda _m, _i, out: layouts.append(
                    out.is_contiguous(memory_format=torch.channels_last)
                )
            )
    x = torch.randn(4, 8, 8, 1).permute(0, 3, 1, 2)
    network(x)
    assert len(layouts) == 6
    assert all(layouts)


def test_mobilenet_v2_is_torchvisions() -> None:
    layers = lower(SPACE, SPACE.parse("mobilenetv2-1.0"))
    ours, theirs = build(layers).eval(), mobilenet_v2().eval()
    with torch.no_grad():
        for module in theirs.modules():  # statistics that a slip in the order would show
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1, generator=random())
                module.running_var.uniform_(0.5, 2, generator=random(1))
    mine, known = ours.state_dict(), theirs.state_dict()
    assert [tensor.shape for tensor in mine.values()] == [t.shape for t in known.values()]
    ours.load_state_dict(dict(zip(mine, known.values(), strict=True)))
    x = torch.randn(2, 3, 64, 64, generator=random(2))
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


def test_weights_are_drawn_per_group() -> None:
    network = build(lower(SPACE, SPACE.parse("igcv3-d-1.0")), random())
    for name, groups in (("stage6.1.first", 2), ("stage6.1.depthwise", 960)):
        conv: Any = network.get_submodule(name)
        fan_out = conv.out_channels // groups * conv.kernel_size[0] ** 2
        assert conv.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    classifier: Any = network.get_submodule("classifier")
    assert classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_one_seed_draws_one_network() -> None:
    first, same, other = (build(small_layers(), random(seed)) for seed in (3, 3, 4))
    x = torch.randn(2, 1, 8, 8, generator=random())
    assert torch.equal(first(x), same(x))
    assert not torch.equal(first(x), other(x))


def test_a_copy_is_a_network_of_its_own() -> None:
    network = build(small_layers(), random())
    twin = copy.deepcopy(network)
    x = torch.randn(2, 1, 8, 8, generator=random())
    classifier: Any = network.get_submodule("classifier")
    with torch.no_grad():
        classifier.weight.zero_()
    assert not torch.equal(network(x), twin(x))


def test_a_feature_map_that_is_read_twice_is_not_overwritten() -> None:
    shape = Shape(2, 3, 3)
    layers: list[Layer] = [
        Input("input", (), shape),
        Conv("conv", ("input",), shape, 2, 1, 1, 1, 0),
        BatchNorm("bn", ("conv",), shape),
        Activation("relu", ("bn",), shape, "relu6"),
        Add("add", ("relu", "bn"), shape),
    ]
    network = build(layers, random()).eval()
    x = torch.randn(1, 2, 3, 3, generator=random())
    middle = network.get_submodule("bn")(network.get_submodule("conv")(x))
    torch.testing.assert_close(network(x), middle.clamp(0, 6) + middle)
