"""The interface to the batches of a split, and the size of an epoch."""

from collections.abc import Iterator
from typing import Protocol, Self

import torch
from torch import Tensor

from nas.training.loop.data_parallel import ALONE, Team

Batch = tuple[Tensor, Tensor]
"""Images of shape (N, C, H, W), stored channels last, and their targets (N, ...), on the device."""


class Batches(Protocol):
    """Yields the images of a split in batches, from memory or from disk."""

    def __len__(self) -> int:
        """Return the number of images of the split."""

    def at(self, side: int) -> Self:
        """Return the same images at `side` pixels, in the same order and with the same crops."""

    def shuffled(
        self,
        batch_size: int,
        random: torch.Generator,
        augmented: bool = True,
        team: Team = ALONE,
        skipped: int = 0,
    ) -> Iterator[Batch]:
        """Yield one epoch in random order; images that fill no batch are left out.

        Each process gets its part of every batch (`team`). `random` draws the order and the
        augmentation of the whole epoch at its start, the same in all processes. The first
        `skipped` batches are not read.
        """

    def ordered(self, batch_size: int, team: Team = ALONE) -> Iterator[Batch]:
        """Yield every image once, in order, not augmented; a `team` divides whole batches."""


def steps_of_epoch(images: int, batch_size: int) -> int:
    """Return the number of batches of a shuffled epoch: the full ones, but at least one."""
    return max(1, images // batch_size)


def images_of_epoch(images: int, batch_size: int) -> int:
    """Return the number of images in a shuffled epoch."""
    return min(steps_of_epoch(images, batch_size) * batch_size, images)
