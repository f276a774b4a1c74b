"""The interface to the batches of a split, and the size of an epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
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
        until: int | None = None,
    ) -> Iterator[Batch]:
        """Yield one pass in random order; images that fill no batch are left out.

        Each process gets its part of every batch (`team`). `random` draws the order and the
        augmentation of the whole pass at its start, the same in all processes. The first `skipped`
        batches are not read, nor those from number `until` on.
        """

    def ordered(self, batch_size: int, team: Team = ALONE) -> Iterator[Batch]:
        """Yield every image once, in order, not augmented; a `team` divides whole batches."""


def steps_of_pass(images: int, batch_size: int) -> int:
    """Return the number of batches of a shuffled pass: the full ones, but at least one."""
    return max(1, images // batch_size)


def images_of_pass(images: int, batch_size: int) -> int:
    """Return the number of images in a shuffled pass."""
    return min(steps_of_pass(images, batch_size) * batch_size, images)


@dataclass(frozen=True, slots=True)
class EpochSteps:
    """The steps of a training, counted from 0: `of_epoch` in an epoch, `of_pass` in a pass.

    A pass shows every image once, but for those that fill no batch; an epoch is a pass or a part of
    one, and may end in the next one.
    """

    of_epoch: int
    of_pass: int

    @classmethod
    def of(cls, images: int, batch_size: int, epoch_images: int) -> "EpochSteps":
        """Return those of epochs of about `epoch_images` (0: all) of `images`."""
        of_pass = steps_of_pass(images, batch_size)
        wanted = steps_of_pass(epoch_images or images, batch_size)
        return cls(min(wanted, of_pass), of_pass)

    def in_pass(self, epoch: int, step: int) -> int:
        """Return the steps of the current pass that are over at `step` of `epoch`."""
        return (epoch * self.of_epoch + step) % self.of_pass
