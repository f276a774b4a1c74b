"""StreamFeed: the images of one split read from disk, decoded by threads ahead of the device.

Training crops and mirrors at random as the recipe says; validation takes the centre: the shorter
side is scaled to 8/7 of the input (256 for 224), and the middle is cut out.
"""

import io
import math
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nas.errors import TaskError
from nas.train.colour import jitter
from nas.train.data import Task
from nas.train.data.records import Files
from nas.train.data.scan import BROKEN
from nas.train.recipe import Recipe
from nas.train.team import ALONE, Team

_MARGIN = 8 / 7  # of validation: 256 / 224
_WIDEST = 15 / 7  # of the crop "scale": 480 / 224
_RATIOS = (3 / 4, 4 / 3)  # of the crop "area" (Szegedy et al. 2015)
_DRAWS = 8  # random numbers for an image: size, ratio, place (2), mirror, colour (3)
_AHEAD = 4  # batches that are decoded in advance

_Box = tuple[float, float, float, float]


class StreamFeed:
    """Batches of one split, scaled by the task's mean and deviation, and their labels."""

    def __init__(
        self, files: Files, task: Task, device: torch.device, augment: Recipe | None = None
    ) -> None:
        """Stream `files` to `device`; `augment` is the recipe whose crop and jitter apply."""
        self._files, self._device, self._recipe = files, device, augment
        self._side = task.input.height
        self._mean = 255 * torch.tensor(task.mean, device=device)[:, None, None]
        self._scale = 1 / (255 * torch.tensor(task.std, device=device))[:, None, None]

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
        draws = torch.rand(len(order), _DRAWS, generator=random)
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
        draws = torch.zeros(len(order), _DRAWS)
        parts, drawn = (team.turns(torch.split(whole, batch_size)) for whole in (order, draws))
        return self._batches(parts, drawn, None)

    def _batches(
        self, parts: tuple[Tensor, ...], draws: tuple[Tensor, ...], recipe: Recipe | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        pool = ThreadPoolExecutor(max(2, os.cpu_count() or 2))
        waiting: deque[tuple[list[Future[NDArray[np.uint8]]], Tensor, Tensor]] = deque()
        try:
            for part, drawn in zip(parts, draws, strict=True):
                loads = [
                    pool.submit(self._load, position, draw, recipe)
                    for position, draw in zip(part.tolist(), drawn.tolist(), strict=True)
                ]
                waiting.append((loads, part, drawn))
                if len(waiting) > _AHEAD:
                    yield self._ready(*waiting.popleft(), recipe)
            while waiting:
                yield self._ready(*waiting.popleft(), recipe)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _load(self, position: int, draw: list[float], recipe: Recipe | None) -> NDArray[np.uint8]:
        index = int(self._files.indices[position])
        records = self._files.records
        try:
            with Image.open(io.BytesIO(records.read(index))) as image:
                box = _crop(image.size, self._side, draw, recipe)
                return _cut(image, box, self._side, mirror=recipe is not None and draw[4] < 0.5)
        except BROKEN as error:
            if isinstance(error, TaskError):
                raise
            raise TaskError(
                f"{records.name(index)} can no longer be read as an image ({error}).",
                "Replace or delete it, then go on with --resume.",
            ) from error

    def _ready(
        self,
        loads: list[Future[NDArray[np.uint8]]],
        part: Tensor,
        drawn: Tensor,
        recipe: Recipe | None,
    ) -> tuple[Tensor, Tensor]:
        """Return one batch on the device: (N, 3, H, W), stored channels last, and (N,)."""
        pixels = torch.from_numpy(np.stack([load.result() for load in loads]))
        images = pixels.to(self._device).permute(0, 3, 1, 2).float()
        if recipe is not None:
            most = torch.tensor(
                [recipe.jitter_hue / 360, recipe.jitter_saturation / 255,
                 recipe.jitter_lightness / 255]
            )  # fmt: skip
            if most.any():
                shifts = ((2 * drawn[:, 5:8] - 1) * most).to(self._device)
                images = 255 * jitter(images / 255, shifts)
        images = ((images - self._mean) * self._scale).contiguous(memory_format=torch.channels_last)
        return images, self._files.labels[part].to(self._device)


def _crop(size: tuple[int, int], side: int, draw: list[float], recipe: Recipe | None) -> _Box:
    """Return the part of an image that is shown, in its pixels: left, top, right, bottom."""
    width, height = size
    short = min(size)
    if recipe is None:
        w = h = max(1.0, short / _MARGIN)
        return _placed(size, (w, h), (0.5, 0.5))
    share = recipe.crop_least + (1 - recipe.crop_least) * draw[0]
    if recipe.crop == "scale":
        w = h = min(float(short), short / (share * _WIDEST))
    else:
        low, high = (math.log(ratio) for ratio in _RATIOS)
        ratio = math.exp(low + (high - low) * draw[1])
        w = min(float(width), math.sqrt(share * width * height * ratio))
        h = min(float(height), math.sqrt(share * width * height / ratio))
    return _placed(size, (w, h), (draw[2], draw[3]))


def _placed(size: tuple[int, int], box: tuple[float, float], place: tuple[float, float]) -> _Box:
    left, top = ((whole - part) * at for whole, part, at in zip(size, box, place, strict=True))
    return left, top, left + box[0], top + box[1]


def _cut(image: Image.Image, box: _Box, side: int, mirror: bool) -> NDArray[np.uint8]:
    """Return `box` of `image` at `side` pixels, RGB, shape (side, side, 3)."""
    width, height = image.size
    wanted = (
        math.ceil(width * side / (box[2] - box[0])),
        math.ceil(height * side / (box[3] - box[1])),
    )
    image.draft("RGB", wanted)  # a JPEG far larger than that is decoded at 1/2, 1/4 or 1/8
    x, y = image.size[0] / width, image.size[1] / height
    scaled = (
        box[0] * x,
        box[1] * y,
        min(box[2] * x, image.size[0]),
        min(box[3] * y, image.size[1]),
    )
    cut = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR, box=scaled)
    if mirror:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(cut, dtype=np.uint8)
