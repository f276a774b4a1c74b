"""Multiply-adds from 96 to 288 pixels: ours, the golden numbers, and an independent network.

The references are torchvision's MobileNetV2, and MobileNetV1 and IGCV3-D written out here with
their strides; fvcore counts them. None of them knows our lists of layers.
"""

from typing import Any

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torchvision.models import mobilenet_v2

from nas.cost.model import CostModel
from nas.space.file import load_space
from nas.space.layers import Shape
from nas.space.lowering import lower
from nas.training.network import fvcore_count as referee

CLASSES = 1000
SIDES = (96, 128, 160, 192, 224, 256, 288)
GOLDEN = {
    "mobilenetv1-1.0": (
        105_298_432,
        186_400_768,
        290_675_200,
        418_121_728,
        568_740_352,
        742_531_072,
        939_493_888,
    ),
    "mobilenetv2-1.0": (
        56_289_152,
        99_074_048,
        154_083_200,
        221_316_608,
        300_774_272,
        392_456_192,
        496_362_368,
    ),
    "igcv3-d-1.0": (
        58_529_216,
        103_056_384,
        160_305_600,
        230_276_864,
        312_970_176,
        408_385_536,
        516_522_944,
    ),
}
SPACES = {
    "mobilenetv1-1.0": "mobilenetv1",
    "mobilenetv2-1.0": "mobilenetv2",
    "igcv3-d-1.0": "igcv3",
}


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    return nn.Conv2d(
        inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )


def mobilenet_v1() -> nn.Module:
    """Table 1 of the paper (arXiv 1704.04861): output channels and stride of each block."""
    parts: list[nn.Module] = [conv(3, 32, 3, stride=2)]
    channels = 32
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5]
    for width, stride in (*blocks, (1024, 2), (1024, 1)):
        parts += [conv(channels, channels, 3, stride, groups=channels), conv(channels, width, 1)]
        channels = width
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, CLASSES))


def igcv3_d() -> nn.Module:
    """The released IGCV3-D 1.0: expansion, width, blocks and stride of each stage; two groups."""
    stages = [
        (1, 16, 1, 1), (6, 24, 4, 2), (6, 32, 6, 2), (6, 64, 8, 2), (6, 96, 6, 1), (6, 160, 6, 2),
        (6, 320, 1, 1),
    ]  # fmt: skip
    parts: list[nn.Module] = [conv(3, 32, 3, stride=2)]
    channels = 32
    for expansion, width, blocks, stride in stages:
        for block in range(blocks):
            hidden = expansion * channels
            parts += [
                conv(channels, hidden, 1, groups=2),
                conv(hidden, hidden, 3, 1 if block else stride, groups=hidden),
                conv(hidden, width, 1, groups=2),
            ]
            channels = width
    parts += [conv(320, 1280, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(1280, CLASSES))


REFERENCES = {
    "mobilenetv1-1.0": mobilenet_v1,
    "mobilenetv2-1.0": mobilenet_v2,
    "igcv3-d-1.0": igcv3_d,
}


def counted(network: nn.Module, side: int) -> int:
    """Return fvcore's multiply-adds of convolution and linear layers for one square image."""
    network.eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        analysis = FlopCountAnalysis(network, torch.zeros(1, 3, side, side))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        operators = analysis.by_operator()
    return int(operators["conv"] + operators["linear"])


CASES = [
    (name, side, number)
    for name, numbers in GOLDEN.items()
    for side, number in zip(SIDES, numbers, strict=True)
]


@pytest.mark.parametrize(("name", "side", "number"), CASES)
def test_multiply_adds_are_the_golden_ones(name: str, side: Any, number: Any) -> None:
    space = load_space(SPACES[name])
    costs = CostModel(space, Shape(3, side, side), CLASSES)
    assert costs.cost(space.parse(name)).madds == number
    assert costs.adaptation.total == 32


@pytest.mark.parametrize(
    ("name", "side", "number"),
    [
        case if case[1] in (96, 224) else pytest.param(*case, marks=pytest.mark.slow)
        for case in CASES
    ],
)
def test_an_independent_network_has_the_golden_number(name: str, side: Any, number: Any) -> None:
    assert counted(REFERENCES[name](), side) == number


@pytest.mark.parametrize("name", GOLDEN)
def test_the_network_that_is_built_has_the_golden_number(name: str) -> None:
    space = load_space(SPACES[name])
    layers = lower(space, space.parse(name), Shape(3, 160, 160), CLASSES)
    assert referee.fvcore_cost(layers).madds == GOLDEN[name][SIDES.index(160)]


def test_classes_of_ones_own_at_160_pixels() -> None:
    space = load_space("mobilenetv2")
    costs = CostModel(space, Shape(3, 160, 160), 37)
    reference = mobilenet_v2(num_classes=37)
    madds = costs.cost(space.parse("mobilenetv2-1.0")).madds
    assert madds == counted(reference, 160) == 152_850_560
