"""Batches of a split whose images are read from disk and decoded in advance.

Only a few batches are in memory, never the whole split. The processes of
`nas.training.loop.decoders` decode the images; their number does not change the batches.
"""

import copy
from collections import deque
from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

from nas.errors import TaskError
from nas.training.data import Task, View
from nas.training.data.records import Files, unreadable_file
from nas.training.decoding.decode import DRAWS, Cut, Pixels
from nas.training.loop.batches import images_of_pass
from nas.training.loop.data_parallel import ALONE, Team
from nas.training.loop.decoders import DecodeRequest, Refused, decoders
from nas.training.loop.recipe import Recipe


class StreamFeed:
    """Batches of one split, scaled by the task's mean and deviation, and their labels."""

    def __init__(
        self, files: Files, task: Task, device: torch.device, augment: Recipe | None = None
    ) -> None:
        """Stream `files` to `device`; `augment` is the recipe whose crop and jitter apply."""
        self._files, self._device, self._recipe = files, device, augment
        self._views = task.views
        self._side = task.input.height
        self._mean = 255 * torch.tensor(task.mean, device=device)[:, None, None]
        self._scale = 1 / (255 * torch.tensor(task.std, device=device))[:, None, None]

    def at(self, side: int) -> Self:
        """Return the same images, with the same crops, decoded to `side` pixels."""
        other = copy.copy(self)
        other._side = side
        return other

    def __len__(self) -> int:
        """Return the number of images of the split."""
        return len(self._files)

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

        Only the part of each batch that belongs to this process (`team`) is read from disk. The
        first `skipped` batches are not read, nor those from number `until` on.
        """
        order = self._files.order(random)
        draws = torch.rand(len(order), DRAWS, generator=random)
        kept = images_of_pass(len(self), batch_size)
        recipe = self._recipe if augmented else None
        parts, drawn = (
            tuple(
                team.part(batch) for batch in torch.split(whole[:kept], batch_size)[skipped:until]
            )
            for whole in (order, draws)
        )
        return self._batches(parts, drawn, recipe)

    def ordered(self, batch_size: int, team: Team = ALONE) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every image once, in order, not augmented; a `team` divides whole batches."""
        order = torch.arange(len(self._files))
        draws = torch.zeros(len(order), DRAWS)
        parts, drawn = (team.turns(torch.split(whole, batch_size)) for whole in (order, draws))
        return self._batches(parts, drawn, None)

    def _batches(
        self, parts: tuple[Tensor, ...], draws: tuple[Tensor, ...], recipe: Recipe | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches on the device: images (N, 3, H, W), stored channels last, and targets."""
        records = self._files.records
        ahead: deque[tuple[list[int], View]] = deque()

        def requests() -> Iterator[DecodeRequest]:
            for part, drawn in zip(parts, draws, strict=True):
                view, numbers = self._view(part, drawn, recipe), self._files.indices[part].tolist()
                ahead.append((numbers, view))
                yield DecodeRequest(
                    [records.source(each) for each in numbers], view.numbers, view.how
                )

        for drawn, pixels in zip(draws, decoders().decode(requests()), strict=True):
            numbers, view = ahead.popleft()
            if isinstance(pixels, Refused):
                raise self._refusal(numbers[pixels.position], pixels)
            yield self._scaled(pixels, drawn, recipe), view.targets.to(self._device)

    def _view(self, part: Tensor, drawn: Tensor, recipe: Recipe | None) -> View:
        """Return the view of the images at `part`: by the views of the task, else by crops."""
        labels = self._files.labels[part]
        if self._views is not None:
            expand = recipe.expand if recipe else 1.0
            return self._views.show(labels, self._side, drawn if recipe else None, expand)
        how = Cut(self._side, recipe.crop, recipe.crop_least) if recipe else Cut(self._side)
        return View(how, drawn.tolist(), labels)

    def _refusal(self, index: int, refused: Refused) -> TaskError:
        """Return the error that names the image."""
        name = self._files.records.name(index)
        if refused.unread is not None:
            return unreadable_file(name, refused.unread)
        return TaskError(
            f"{name} can no longer be read as an image ({refused.why}).",
            "Replace or delete it, then run: nas resume STUDY",
        )

    def _scaled(self, pixels: Pixels, draws: Tensor, recipe: Recipe | None) -> Tensor:
        """Return normalised images, of shape (N, 3, H, W), on the device, stored channels last."""
        images = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2).float()
        if recipe is not None:
            most = torch.tensor(
                [recipe.jitter_hue / 360, recipe.jitter_saturation / 255,
                 recipe.jitter_lightness / 255]
            )  # fmt: skip
            if most.any():
                shifts = ((2 * draws[:, 5:8] - 1) * most).to(self._device)
                images = 255 * jitter(images / 255, shifts)
        return ((images - self._mean) * self._scale).contiguous(memory_format=torch.channels_last)


def jitter(images: Tensor, shifts: Tensor) -> Tensor:
    """Return `images` with hue, saturation and lightness shifted.

    `images` are floats in [0, 1] of shape (N, 3, H, W); `shifts` has shape (N, 3): turns of the
    hue, and amounts added to saturation and lightness (HSL), which are clipped to [0, 1].
    """
    hue, saturation, lightness = _to_hsl(images)
    turn, more, light = (shifts[:, i, None, None] for i in range(3))
    hue = (hue + turn) % 1
    saturation = torch.where(saturation > 0, (saturation + more).clamp(0, 1), saturation)
    return _to_rgb(hue, saturation, (lightness + light).clamp(0, 1))


def _to_hsl(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return hue, saturation and lightness in [0, 1], each of shape (N, H, W)."""
    red, green, blue = images.unbind(1)
    most, least = images.amax(1), images.amin(1)
    spread = most - least
    lightness = (most + least) / 2
    safe = spread.clamp(min=1e-8)
    saturation = spread / (1 - (2 * lightness - 1).abs()).clamp(min=1e-8)
    hue = torch.where(
        most == red,
        (green - blue) / safe,
        torch.where(most == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    grey = spread == 0
    return torch.where(grey, 0, hue / 6 % 1), torch.where(grey, 0, saturation), lightness


def _to_rgb(hue: Tensor, saturation: Tensor, lightness: Tensor) -> Tensor:
    reach = saturation * torch.minimum(lightness, 1 - lightness)
    channels = []
    for offset in (0, 8, 4):
        k = (offset + 12 * hue) % 12
        channels.append(lightness - reach * torch.minimum(k - 3, 9 - k).clamp(-1, 1))
    return torch.stack(channels, 1)
