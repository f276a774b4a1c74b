"""The modules of an exported IGCV3 network: `source` copies their text into `network.py`.

They are kept as real code, so that the formatter, the type checker and the tests see them. They may
import nothing but torch, and only the names that `source` imports in the file it writes.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn


class ConvNormReLU(nn.Module):
    """Convolution, batch norm, ReLU6: the stem and the head."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int) -> None:
        """Keep the size of the map where `stride` is 1."""
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        return F.relu6(self.bn(self.conv(x)))


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the channels of `groups` groups, 0 for none; 4-D, which exporters accept."""
    if not groups:
        return x
    b, c, h, w = x.shape
    return x.reshape(b, groups, c // groups, h * w).transpose(1, 2).reshape(b, c, h, w)


class Row(NamedTuple):
    """A run of equal blocks: one line of the table."""

    stage: str
    blocks: int
    channels: tuple[int, int, int]  # of the input, of the depthwise convolution, of the output
    stride: int  # of the depthwise convolution
    groups: tuple[int, int]  # of the first and the last 1x1 convolution; 0 leaves the first out
    shuffles: tuple[int, int]  # groups of the channel shuffle after each of them; 0 for none
    residual: bool  # whether each block adds its input
    relus: str  # after which of first, depthwise and last a ReLU6 stands, joined by "+"


class Block(nn.Module):
    """Two interleaved group 1x1 convolutions around a depthwise 3x3 (IGCV3, arXiv 1806.00178).

    With one group and a ReLU6 after the first two convolutions it is MobileNetV2's block.
    """

    def __init__(self, row: Row) -> None:
        """Build one block of a row."""
        super().__init__()
        self.row = row
        before, hidden, after = row.channels
        first, last = row.groups
        if first:
            self.first = nn.Conv2d(before, hidden, 1, groups=first, bias=False)
            self.first_bn = nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(
            hidden, hidden, 3, row.stride, padding=1, groups=hidden, bias=False
        )
        self.depthwise_bn = nn.BatchNorm2d(hidden)
        self.last = nn.Conv2d(hidden, after, 1, groups=last, bias=False)
        self.last_bn = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, input channels, H, W) to (N, output channels, H / stride, W / stride)."""
        y = x
        if self.row.groups[0]:
            y = self.activate("first", self.first_bn(self.first(y)))
            y = channel_shuffle(y, self.row.shuffles[0])
        y = self.activate("depthwise", self.depthwise_bn(self.depthwise(y)))
        y = self.activate("last", self.last_bn(self.last(y)))
        y = channel_shuffle(y, self.row.shuffles[1])
        return y + x if self.row.residual else y

    def activate(self, position: str, x: Tensor) -> Tensor:
        """Apply ReLU6 where the block has one after this convolution."""
        return F.relu6(x) if position in self.row.relus.split("+") else x


class Network(nn.Module):
    """Stem, stages of blocks, head, global average pooling, classifier."""

    def __init__(
        self, stem: ConvNormReLU, rows: list[Row], head: ConvNormReLU, classes: int
    ) -> None:
        """Put `stem`, the blocks of `rows` and `head` one after another."""
        super().__init__()
        self.stem = stem
        stages: dict[str, nn.Sequential] = {}
        for row in rows:
            blocks = stages.setdefault(row.stage, nn.Sequential())
            blocks.extend(Block(row) for _ in range(row.blocks))
        for name, blocks in stages.items():
            self.add_module(name, blocks)
        self._stages = tuple(stages)
        self.head = head
        self.classifier = nn.Linear(head.conv.out_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        x = self.stem(x)
        for stage in self._stages:
            x = self.get_submodule(stage)(x)
        x = F.adaptive_avg_pool2d(self.head(x), 1)
        logits: Tensor = self.classifier(x.flatten(1))
        return logits
