"""A space of small networks, weights for them, and requests to export them."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from nas.exports.request import ExportRequest, WeightsOrigin
from nas.exports.weights import settle_statistics
from nas.metrics import TOP1_ERROR
from nas.results.estimate import Estimate
from nas.space.layers import Shape
from nas.space.search_space import SearchSpace
from nas.training.network.module import build

SMALL = """
schema = 1
name = "small"
block = "igcv3"
title = "small"
deployment = { input = "3x32x32", classes = 20 }
stem = { width = 8, stride = 2 }
head = { width = 24 }
[choices]
depth = [1, 2]
width = [8, 16]
expansion = [1, 2]
g1 = [1, 2]
g2 = [1, 2]
relu = ["none", "depthwise", "first+depthwise+last"]
permute2 = [false, true]
[[stage]]
name = "stage1"
expansion = [0, 1]
[[stage]]
name = "stage2"
stride = 2
"""
SMALL_ARCHITECTURE = "depth=1-2,width=8-16,expansion=0-2,g1=1-2,g2=2,relu=depthwise,permute2=yes"


DIGITS = Shape(1, 8, 8)


def randomise(network: nn.Module, seed: int = 0) -> None:
    """Give a network weights and batch-norm statistics that no part of it can hide behind."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias.data):
                tensor.normal_(0, 0.3, generator=generator)
            for tensor in (module.running_var, module.weight.data):
                tensor.uniform_(0.5, 1.5, generator=generator)
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(0, 0.3, generator=generator)


def save_trained(request: ExportRequest, path: Path) -> nn.Module:
    """Write random weights of the request's network to `path`; return the network."""
    network = build(request.layers(), torch.Generator().manual_seed(1))
    randomise(network)
    settle_statistics(network, request.input, seed=1)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    return network.eval()


def training_of(weights: Path, channels: int, classes: int) -> WeightsOrigin:
    return WeightsOrigin(
        weights=weights,
        study="my-study",
        trial=7,
        task="digits",
        data="digits 1x8x8, 1079 train images",
        recipe="digits",
        study_seed=3,
        trial_seed=123,
        epochs=9,
        scores={
            "validation": {"top1_error": 0.05, "loss": 0.2},
            "test": {"top1_error": 0.06, "loss": 0.21},
        },
        estimates={"test": Estimate.of(TOP1_ERROR, [0.06, 0.08], "test", 359)},
        mean=(0.25,) * channels,
        std=(0.5,) * channels,
        class_names=tuple(f"class {k}" for k in range(classes)),
    )


def make_trained(
    space: SearchSpace, text: str, weights: Path, shape: Shape = DIGITS
) -> ExportRequest:
    training = training_of(weights, shape.channels, 10)
    request = ExportRequest(
        name=f"my-study/7 {text[:16]}",
        space=space,
        architecture=space.parse(text),
        input=shape,
        classes=10,
        deployment=space.deployment,
        deployment_classes=space.classes,
        training=training,
    )
    save_trained(request, weights)
    return request
