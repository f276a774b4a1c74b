"""Batch norms computed with the activation behind them by torch: the same bits, less memory."""

import copy

import pytest
import torch

from nas.space.layers import Builder, Shape
from nas.training.cpu.kernels import VARIABLE
from nas.training.network.module import build
from tests.training.nets import kept


@pytest.fixture(autouse=True)
def by_torch(monkeypatch):
    monkeypatch.setenv(VARIABLE, "torch")


def network(function: str, reads: int = 1):
    net = Builder(Shape(6, 5, 5))
    net.conv("first", 8)
    net.batch_norm("bn")
    before = net.last
    net.activation("act", function)
    if reads > 1:
        net.add("sum", before)
    net.conv("second", 4)
    net.batch_norm("bn2")
    return build(net.layers, torch.Generator().manual_seed(0)).train()


def outcome(net, x):
    image = x.clone().requires_grad_()
    y = net(image)
    y.square().sum().backward()
    return [y.detach(), image.grad, *(p.grad for p in net.parameters()), *net.buffers()]


@pytest.mark.parametrize("function", ["relu", "relu6"])
@pytest.mark.parametrize("reads", [1, 2])
@pytest.mark.parametrize("last", [torch.channels_last, torch.contiguous_format])
def test_the_same_bits_as_one_after_the_other(function, reads, last):
    plain = network(function, reads)
    with torch.no_grad():
        plain.get_parameter("bn.bias").add_(3)  # so that both limits are reached
        plain.get_parameter("bn.weight").mul_(4)
    together = copy.deepcopy(plain)
    together.compute_in("grouped")
    x = torch.randn(7, 6, 5, 5, generator=torch.Generator().manual_seed(1)).to(memory_format=last)
    for ours, theirs in zip(outcome(together, x), outcome(plain, x), strict=True):
        assert torch.equal(ours, theirs)
    with torch.no_grad():  # batch-norm statistics are measured anew in training mode
        assert torch.equal(together(x), plain(x))
    with torch.inference_mode():
        assert torch.equal(together.eval()(x), plain.eval()(x))


def test_the_map_between_is_not_kept():
    plain, together = network("relu6"), network("relu6")
    together.compute_in("grouped")
    x = torch.randn(7, 6, 5, 5)
    assert kept(plain, x) - kept(together, x) == 7 * 8 * 5 * 5


def test_the_gradient_behind_the_pooling_keeps_the_layout():
    net = Builder(Shape(6, 5, 5))
    net.conv("first", 8)
    net.batch_norm("bn")
    net.activation("act", "relu6")
    net.global_pool("pool")
    net.linear("classifier", 3)
    plain = build(net.layers, torch.Generator().manual_seed(0)).train()
    together = copy.deepcopy(plain)
    together.compute_in("grouped")
    x = torch.randn(7, 6, 5, 5).contiguous(memory_format=torch.channels_last)
    for ours, theirs in zip(outcome(together, x), outcome(plain, x), strict=True):
        torch.testing.assert_close(ours, theirs)
    seen = []
    conv = together.get_submodule("first")
    conv.register_full_backward_hook(lambda m, into, out: seen.append(out[0]))
    outcome(together, x)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
