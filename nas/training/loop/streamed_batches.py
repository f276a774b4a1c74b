"""StreamFeed: the images of one split read from disk, decoded ahead of the device.

A few batches are in memory, never the split. `nas.training.decoding.decode` crops the images;
`nas.training.loop.decoders` chooses the process that decodes them. Neither changes the batches.
"""

import copy
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, wait

import torch
from torch import Tensor

from nas.training.data import Task
from nas.training.data.colour import jitter
from nas.training.data.records import Files
from nas.training.decoding.decode import DRAWS, Cut, Pixels
from nas.training.loop.decoders import Loaders, Piece, empty, loaders
from nas.training.loop.recipe import Recipe
from nas.training.loop.team import ALONE, Team

_AHEAD = 4  # batches that are decoded in advance
_PIECE = 16  # images at most that one loader decodes at a time


class StreamFeed:
    """Batches of one split, scaled by the task's mean and deviation, and their labels."""

    def __init__(
        self, files: Files, task: Task, device: torch.device, augment: Recipe | None = None
    ) -> None:
        """Stream `files` to `device`; `augment` is the recipe whose crop and jitter apply.

        `loaders` decode; where it is None, those of this process.
        """
        self.loaders: Loaders | None = None
        self._files, self._device, self._recipe = files, device, augment
        self._side = task.input.height
        self._mean = 255 * torch.tensor(task.mean, device=device)[:, None, None]
        self._scale = 1 / (255 * torch.tensor(task.std, device=device))[:, None, None]

    def at(self, side: int) -> "StreamFeed":
        """Return the same images decoded to `side` pixels: what is shown of them is the same."""
        other = copy.copy(self)
        other._side = side
        return other

    def steps(self, batch_size: int) -> int:
        """Return the number of batches of a shuffled epoch: whole ones, but one at least."""
        return max(1, len(self._files) // batch_size)

    def shown(self, batch_size: int) -> int:
        """Return the number of images in a shuffled epoch."""
        return min(self.steps(batch_size) * batch_size, len(self._files))

    def shuffled(
        self,
        batch_size: int,
        random: torch.Generator,
        augmented: bool = True,
        team: Team = ALONE,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch in random order; images that fill no batch are left out.

        Of each batch, only the part of this process in `team` is read from disk.
        """
        order = self._files.order(random)
        draws = torch.rand(len(order), DRAWS, generator=random)
        kept = self.shown(batch_size)
        recipe = self._recipe if augmented else None
        parts, drawn = (
            tuple(team.part(batch) for batch in torch.split(whole[:kept], batch_size))
            for whole in (order, draws)
        )
        return self._batches(parts, drawn, recipe)

    def ordered(self, batch_size: int, team: Team = ALONE) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every image once, in order, not augmented; `team` takes turns with the batches."""
        order = torch.arange(len(self._files))
        draws = torch.zeros(len(order), DRAWS)
        parts, drawn = (team.turns(torch.split(whole, batch_size)) for whole in (order, draws))
        return self._batches(parts, drawn, None)

    def _batches(
        self, parts: tuple[Tensor, ...], draws: tuple[Tensor, ...], recipe: Recipe | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        pool = self.loaders or loaders()
        waiting: deque[_Batch] = deque()
        try:
            for part, drawn in zip(parts, draws, strict=True):
                waiting.append(self._started(pool, part, drawn, recipe))
                if len(waiting) > _AHEAD:
                    yield self._ready(waiting.popleft(), recipe)
            while waiting:
                yield self._ready(waiting.popleft(), recipe)
        finally:
            begun = [load for batch in waiting for load in batch.loads if not load.cancel()]
            wait(begun)  # so that nobody writes to memory that is gone

    def _started(
        self, pool: Loaders, part: Tensor, drawn: Tensor, recipe: Recipe | None
    ) -> "_Batch":
        how = Cut(self._side, recipe.crop, recipe.crop_least) if recipe else Cut(self._side)
        pixels = empty(len(part), self._side)
        indices, numbers = self._files.indices[part].tolist(), drawn.tolist()
        loads = []
        for first in range(0, len(part), _PIECE):
            some = slice(first, first + _PIECE)
            piece = Piece(self._files.records, indices[some], numbers[some], how)
            loads.append(pool.submit(piece, pixels[some]))
        return _Batch(loads, pixels, part, drawn)

    def _ready(self, batch: "_Batch", recipe: Recipe | None) -> tuple[Tensor, Tensor]:
        """Return one batch on the device: (N, 3, H, W), stored channels last, and (N,)."""
        wait(batch.loads)
        for load in batch.loads:
            load.result()
        pixels = torch.from_numpy(batch.pixels)
        images = pixels.to(self._device).permute(0, 3, 1, 2).float()
        if recipe is not None:
            most = torch.tensor(
                [recipe.jitter_hue / 360, recipe.jitter_saturation / 255,
                 recipe.jitter_lightness / 255]
            )  # fmt: skip
            if most.any():
                shifts = ((2 * batch.draws[:, 5:8] - 1) * most).to(self._device)
                images = 255 * jitter(images / 255, shifts)
        images = ((images - self._mean) * self._scale).contiguous(memory_format=torch.channels_last)
        return images, self._files.labels[batch.part].to(self._device)


class _Batch:
    """A batch that is being decoded into `pixels`; `part` are its positions in the split."""

    def __init__(
        self, loads: list["Future[None]"], pixels: Pixels, part: Tensor, draws: Tensor
    ) -> None:
        self.loads, self.pixels, self.part, self.draws = loads, pixels, part, draws
