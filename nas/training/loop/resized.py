"""Resized: the batches of images in memory, scaled down on the device, for a low resolution."""

from collections.abc import Iterator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.training.loop.streamed_batches import StreamFeed
from nas.training.loop.team import ALONE, Team


class Batches(Protocol):
    """Gives out the images of a split in batches; `Feed` and `StreamFeed` do."""

    def steps(self, batch_size: int) -> int:
        """Return the number of batches of a shuffled epoch."""

    def shown(self, batch_size: int) -> int:
        """Return the number of images in a shuffled epoch."""

    def shuffled(
        self, batch_size: int, random: torch.Generator, augmented: bool = True, team: Team = ALONE
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch in random order: images (N, 3, H, W) and labels (N,)."""

    def ordered(self, batch_size: int, team: Team = ALONE) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every image once, in order."""


class Resized:
    """The batches of `feed`, augmented at their own size, then scaled to `side` pixels.

    Bilinear with antialiasing: each pixel is the mean of those that it stands for. Random numbers
    are drawn as at full size, so that an epoch has the same order and the same crops at any side.
    """

    def __init__(self, feed: Batches, side: int) -> None:
        """Scale what `feed` gives out."""
        self._feed, self._side = feed, side

    def steps(self, batch_size: int) -> int:
        """Return the number of batches of a shuffled epoch."""
        return self._feed.steps(batch_size)

    def shown(self, batch_size: int) -> int:
        """Return the number of images in a shuffled epoch."""
        return self._feed.shown(batch_size)

    def shuffled(
        self, batch_size: int, random: torch.Generator, augmented: bool = True, team: Team = ALONE
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch in random order: images (N, 3, side, side) and labels (N,)."""
        for images, labels in self._feed.shuffled(batch_size, random, augmented, team):
            yield self._scaled(images), labels

    def ordered(self, batch_size: int, team: Team = ALONE) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every image once, in order."""
        for images, labels in self._feed.ordered(batch_size, team):
            yield self._scaled(images), labels

    def _scaled(self, images: Tensor) -> Tensor:
        size = (self._side, self._side)
        small = F.interpolate(images, size, mode="bilinear", antialias=True)
        return small.contiguous(memory_format=torch.channels_last)


def at_side(feed: Batches, side: int | None) -> Batches:
    """Return the images of `feed` at `side` pixels, at their own size where it is None.

    Images from disk are decoded to it, images in memory are scaled on the device.
    """
    if side is None:
        return feed
    return feed.at(side) if isinstance(feed, StreamFeed) else Resized(feed, side)
