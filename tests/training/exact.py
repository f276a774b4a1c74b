"""Accelerated networks compared with PyTorch in double precision."""

import copy
import shutil

import pytest
import torch
from hypothesis import assume
from torch import nn

from nas.space.layers import Layer
from nas.training.cpu import accelerate
from nas.training.network.module import build

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def outcome(network: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
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
    assert accelerate(ours.to(memory_format=torch.channels_last)) == ""
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
