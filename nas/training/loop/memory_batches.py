"""Batches of a split whose images are all on the device, each augmented as a whole."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Self
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.training.data import Augmentation, Split, Task
from nas.training.loop.batches import steps_of_pass
from nas.training.loop.data_parallel import ALONE, Team

_MOVED = 4096  # images moved to a device at a time
NO_AUGMENTATION = Augmentation(crop_padding=0, flip=False)


class Feed:
    """Batches of one split: images scaled by the task's mean and deviation, and labels.

    The images are on the device as uint8, shape (N, C, H, W). On the CPU they are not copied from
    the split, which may be a mapped file. Each batch is selected, padded, cropped and mirrored on
    the device, and stored `channels_last`. The random numbers of an epoch are drawn on the CPU, so
    that they are the same on every device.
    """

    def __init__(
        self,
        split: Split,
        task: Task,
        device: torch.device,
        augment: Augmentation = NO_AUGMENTATION,
    ) -> None:
        """Move `split` to `device`; crops may include `augment.crop_padding` black pixels."""
        _, self._height, self._width = task.input
        # a new object, so that the cache of feeds does not keep the given split alive
        self._split = replace(split) if device.type == "cpu" else _moved(split, device)
        self._labels = self._split.labels
        self._augment = augment
        self._side: int | None = None  # None: the images keep their size
        self._device = device
        self._mean = 255 * torch.tensor(task.mean, device=device)[:, None, None]
        self._scale = 1 / (255 * torch.tensor(task.std, device=device)[:, None, None])

    def __len__(self) -> int:
        """Return the number of images of the split."""
        return len(self._labels)

    def at(self, side: int) -> Self:
        """Return the same images, augmented at their own size, then scaled to `side` pixels.

        Scaling is bilinear with antialiasing.
        """
        other = copy.copy(self)
        other._side = side
        return other

    def shuffled(
        self,
        batch_size: int,
        random: torch.Generator,
        augmented: bool = True,
        team: Team = ALONE,
        skipped: int = 0,
        until: int | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one pass in random order; images that fill no batch are left out.

        Each process gets its part of every batch (`team`). Order and augmentation are the same in
        all processes. The first `skipped` batches are left out, and those from number `until` on.
        """
        count, pad = len(self._labels), self._augment.crop_padding
        order = torch.randperm(count, generator=random)
        if augmented:
            offsets = torch.randint(2 * pad + 1, (count, 2), generator=random)
            mirrored = torch.rand(count, generator=random) < (0.5 if self._augment.flip else 0.0)
        else:
            offsets = torch.full((count, 2), pad)
            mirrored = torch.zeros(count, dtype=torch.bool)
        plan = [part.to(self._device) for part in (order, offsets, mirrored)]
        for step in range(steps_of_pass(count, batch_size))[skipped:until]:
            chosen = slice(step * batch_size, (step + 1) * batch_size)
            yield self._batch(*(team.part(part[chosen]) for part in plan))

    def ordered(self, batch_size: int, team: Team = ALONE) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every image once, in order, not augmented; a `team` divides whole batches."""
        places = torch.arange(len(self._labels), device=self._device)
        for some in team.turns(torch.split(places, batch_size)):
            yield self._scaled(self._split.pick(some)), self._labels[some]

    def _batch(self, index: Tensor, offsets: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor]:
        pad = self._augment.crop_padding
        whole = F.pad(self._split.pick(index), (pad, pad, pad, pad))
        windows = whole.unfold(2, self._height, 1).unfold(3, self._width, 1)
        place = torch.arange(len(index), device=self._device)
        images = windows[place, :, offsets[:, 0], offsets[:, 1]]  # whole rows are copied
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return self._scaled(images), self._labels[index]

    def _scaled(self, images: Tensor) -> Tensor:
        """Return uint8 images (N, C, H, W) normalised, at the chosen size, stored channels last."""
        scaled = images.float().sub_(self._mean).mul_(self._scale)
        if self._side is not None:
            size = (self._side, self._side)
            scaled = F.interpolate(scaled, size, mode="bilinear", antialias=True)
        return scaled.contiguous(memory_format=torch.channels_last)


def _moved(split: Split, device: torch.device) -> Split:
    """Return `split` on `device`; it is copied in parts, to limit the additional memory."""
    whole = torch.empty((len(split), *split.image_shape), dtype=torch.uint8, device=device)
    place = 0
    for images in split.chunks(_MOVED):
        whole[place : place + len(images)] = images.to(device)
        place += len(images)
    return Split(whole, split.labels.to(device))


_Kind = tuple[torch.device, Augmentation, object]
_FEEDS: "WeakKeyDictionary[Split, dict[_Kind, Feed]]" = WeakKeyDictionary()


def cached_feed(split: Split, task: Task, device: torch.device, augment: Augmentation) -> Feed:
    """Return the feed of `split` on `device`, cached for as long as `split` exists."""
    kinds = _FEEDS.setdefault(split, {})
    kind = (device, augment, (task.input, task.mean, task.std))
    if kind not in kinds:
        kinds[kind] = Feed(split, task, device, augment)
    return kinds[kind]
