"""The parts of images that a detector is trained on, with their boxes.

The augmentation of SSD (Liu et al. 2016, arXiv:1512.02325, section 2.2), each step at random: the
image is shown smaller, on a canvas of the mean colour; a part of the canvas is chosen whose IoU
with a box is at least a random value; the part is mirrored. Boxes whose centre is outside the part
are dropped, others are clipped to it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nas.training.data.task import View
from nas.training.decoding.decode import Window
from nas.training.detection.boxes import Boxes, targets_of

_OVERLAPS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)  # lower limits of the IoU of a part with a box
_TRIALS = 40  # parts that are drawn for one lower limit
_SIDES = (0.3, 1.0)  # limits of the width and height of a part, in shares of the canvas
_RATIO = 2.0  # the greatest ratio of the sides of a part
_WHOLE = np.array([0.0, 0.0, 1.0, 1.0])
_GRAIN = 2**24  # the number of possible values of a random number

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BoxViews:
    """The views of the images of `boxes`; the labels of a batch are the numbers of its images."""

    boxes: Boxes

    def show(self, labels: Tensor, side: int, draws: Tensor | None, expand: float) -> View:
        """Return the view of the images `labels` at `side` pixels; targets as in `targets_of`.

        Without `draws`, (N, DRAWS), the images are shown whole. Equal draws give equal views.
        """
        images, numbers, found = labels.tolist(), [], []
        for row, image in enumerate(images):
            classes, corners = self.boxes.relative(image)
            part, mirrored = _WHOLE, False
            if draws is not None:
                seeds = [int(draw * _GRAIN) for draw in draws[row].tolist()]
                random = np.random.default_rng(seeds)
                part = _part(random, self.boxes.sizes[image], corners, expand)
                mirrored = bool(random.random() < 0.5)
            numbers.append([*part.tolist(), float(mirrored)])
            found.append(_seen(classes, corners, part, mirrored))
        return View(Window(side), numbers, targets_of(images, found))


def _part(
    random: np.random.Generator, size: NDArray[np.int64], corners: Floats, expand: float
) -> Floats:
    """Return the drawn part of an image of `size`, in shares of the image, (4,)."""
    canvas = _WHOLE
    if expand > 1 and random.random() < 0.5:
        larger = random.uniform(1.0, expand)
        left, top = random.uniform(0.0, larger - 1, 2)
        canvas = np.array([-left, -top, larger - left, larger - top])
    least = random.choice([*_OVERLAPS, np.nan])
    if np.isnan(least) or not len(corners):
        return canvas
    parts = _drawn(random, canvas, size[0] / size[1])
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    inside = (centres > parts[:, None, :2]) & (centres < parts[:, None, 2:])
    overlaps = np.where(inside.all(2), _iou(parts, corners), -1.0)
    good = np.flatnonzero(overlaps.max(1) >= least)
    return parts[good[0]] if len(good) else canvas


def _drawn(random: np.random.Generator, canvas: Floats, aspect: float) -> Floats:
    """Return random parts of the `canvas` with an allowed ratio of sides, (P, 4).

    `aspect` is the width over the height of the canvas in pixels.
    """
    shares = random.uniform(*_SIDES, (_TRIALS, 2))
    places = random.random((_TRIALS, 2)) * (1 - shares)
    ratio = aspect * shares[:, 0] / shares[:, 1]
    start, extent = canvas[:2], canvas[2:] - canvas[:2]
    first = start + places * extent
    parts = np.concatenate([first, first + shares * extent], 1)
    return parts[(ratio <= _RATIO) & (ratio >= 1 / _RATIO)].reshape(-1, 4)


def _iou(parts: Floats, corners: Floats) -> Floats:
    """Return the intersections over unions of each part with each box, (P, B)."""
    first = np.maximum(parts[:, None, :2], corners[:, :2])
    last = np.minimum(parts[:, None, 2:], corners[:, 2:])
    common = np.clip(last - first, 0, None).prod(2)
    areas = [(some[:, 2:] - some[:, :2]).prod(1) for some in (parts, corners)]
    return np.asarray(common / (areas[0][:, None] + areas[1] - common))


def _seen(classes: Labels, corners: Floats, part: Floats, mirrored: bool) -> tuple[Labels, Floats]:
    """Return the classes and corners of the boxes in a part, in shares of the part."""
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    kept = ((centres >= part[:2]) & (centres <= part[2:])).all(1)
    extent = part[2:] - part[:2]
    found = np.clip((corners[kept] - np.tile(part[:2], 2)) / np.tile(extent, 2), 0, 1)
    if mirrored:
        found[:, [0, 2]] = 1 - found[:, [2, 0]]
    return classes[kept], found
