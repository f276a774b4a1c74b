"""Decode one encoded image and crop it to the input square of a network.

For training, images are cropped and mirrored at random; for validation, the shorter side is scaled
to 8/7 of the input (256 for 224) and the centre is cropped. A JPEG much larger than needed is
decoded at 1/2, 1/4 or 1/8 of its size. `nas.training.decoding.pixels` converts images to RGB.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.training.decoding.pixels import BROKEN, opened, shrink, upright_rgb, upright_size

__all__ = ["BROKEN", "DRAWS", "Cut", "Cutting", "Pixels", "Window", "cut", "whole"]

Pixels: TypeAlias = NDArray[np.uint8]

DRAWS = 8  # random numbers for an image: size, ratio, place (2), mirror, colour (3)

_MARGIN = 8 / 7  # the shorter side over the input, in validation: 256 / 224
_WIDEST = 15 / 7  # the shorter side over the input, of the crop "scale": 480 / 224
_RATIOS = (3 / 4, 4 / 3)  # width over height of the crop "area" (Szegedy et al. 2015)

_MEAN = (124, 116, 104)  # the mean of ImageNet's pixels, used outside an image

_Box = tuple[float, float, float, float]


class Cutting(Protocol):
    """A way to turn an encoded image into the square input of a network."""

    @property
    def side(self) -> int:
        """The height and width of the result in pixels."""

    def pixels(self, data: bytes, draw: Sequence[float]) -> Pixels:
        """Return RGB bytes of shape (side, side, 3); `draw` are the numbers of this image.

        Raises:
            OSError, ValueError, …: one of `BROKEN`; the bytes are not an image.
        """


@dataclass(frozen=True, slots=True)
class Cut:
    """The crop, resized to `side` pixels: the `centre`, or a random one.

    `area` and `scale` are the crops of a recipe, and `least` is its `crop_least`.
    """

    side: int
    crop: Literal["centre", "area", "scale"] = "centre"
    least: float = 1.0

    def pixels(self, data: bytes, draw: Sequence[float]) -> Pixels:
        """Return the crop of an encoded image, as `cut` does."""
        return cut(data, draw, self)


@dataclass(frozen=True, slots=True)
class Window:
    """A given part of each image, resized to a square of `side` pixels.

    The numbers of an image are left, top, right and bottom of the part, in shares of the width and
    the height, and 1 if it is mirrored, else 0. A part may be larger than the image; pixels outside
    the image have the mean colour.
    """

    side: int

    def pixels(self, data: bytes, draw: Sequence[float]) -> Pixels:
        """Return RGB bytes of shape (side, side, 3); raises one of `BROKEN`."""
        left, top, right, bottom, mirrored = draw[:5]
        sizes = self.side / (right - left), self.side / (bottom - top)  # of the whole image
        with opened(data) as image:
            size = upright_size(image)
            shrink(image, (math.ceil(sizes[0]), math.ceil(sizes[1])))
            rgb = upright_rgb(image)
        seen = (max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom))
        x0, x1 = (round((edge - left) * sizes[0]) for edge in seen[::2])
        y0, y1 = (round((edge - top) * sizes[1]) for edge in seen[1::2])
        box = (seen[0] * size[0], seen[1] * size[1], seen[2] * size[0], seen[3] * size[1])
        shown = _resized(rgb, size, box, (max(1, x1 - x0), max(1, y1 - y0)))
        if shown.size != (self.side, self.side):
            canvas = Image.new("RGB", (self.side, self.side), _MEAN)
            canvas.paste(shown, (x0, y0))
            shown = canvas
        if mirrored:
            shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return np.asarray(shown, dtype=np.uint8)


def cut(data: bytes, draw: Sequence[float], how: Cut) -> Pixels:
    """Return the crop of an encoded image: RGB bytes of shape (side, side, 3).

    `draw` are DRAWS random numbers in [0, 1); the centre crop does not use them.

    Raises:
        OSError, ValueError, …: one of `BROKEN`; the bytes are not an image.
    """
    with opened(data) as image:
        size = upright_size(image)
        box = _crop(size, draw, how)
        wanted = (
            math.ceil(size[0] * how.side / (box[2] - box[0])),
            math.ceil(size[1] * how.side / (box[3] - box[1])),
        )
        shrink(image, wanted)
        shown = _resized(upright_rgb(image), size, box, (how.side, how.side))
    if how.crop != "centre" and draw[4] < 0.5:
        shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(shown, dtype=np.uint8)


def whole(data: bytes, side: int) -> tuple[Pixels, bool]:
    """Return a whole encoded image, RGB of shape (3, side, side), and whether it was resized.

    Raises:
        OSError, ValueError, …: one of `BROKEN`; the bytes are not an image.
    """
    with opened(data) as image:
        rgb = upright_rgb(image)
    resized = rgb.size != (side, side)
    if resized:
        rgb = rgb.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(rgb, dtype=np.uint8).transpose(2, 0, 1), resized


def _crop(size: tuple[int, int], draw: Sequence[float], how: Cut) -> _Box:
    """Return the crop in pixels of the image: left, top, right, bottom."""
    width, height = size
    short = float(min(size))
    if how.crop == "centre":
        w = h = max(1.0, short / _MARGIN)
        return _placed(size, (w, h), (0.5, 0.5))
    share = how.least + (1 - how.least) * draw[0]
    if how.crop == "scale":
        w = h = min(short, short / (share * _WIDEST))
    else:
        low, high = (math.log(ratio) for ratio in _RATIOS)
        ratio = math.exp(low + (high - low) * draw[1])
        w = min(float(width), math.sqrt(share * width * height * ratio))
        h = min(float(height), math.sqrt(share * width * height / ratio))
    return _placed(size, (w, h), (draw[2], draw[3]))


def _placed(size: tuple[int, int], box: tuple[float, float], place: tuple[float, float]) -> _Box:
    left, top = ((whole - part) * at for whole, part, at in zip(size, box, place, strict=True))
    return left, top, left + box[0], top + box[1]


def _resized(
    image: Image.Image, size: tuple[int, int], box: _Box, wanted: tuple[int, int]
) -> Image.Image:
    """Return the `box` of an image of `size`, from `image`, which may be a reduced version."""
    x, y = image.size[0] / size[0], image.size[1] / size[1]
    scaled = (
        box[0] * x,
        box[1] * y,
        min(box[2] * x, image.size[0]),
        min(box[3] * y, image.size[1]),
    )
    return image.resize(wanted, Image.Resampling.BILINEAR, box=scaled)
