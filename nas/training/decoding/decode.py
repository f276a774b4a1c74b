"""Decode one encoded image and crop it to the input square of a network.

Training crops and mirrors at random; validation takes the centre: the shorter side is scaled to 8/7
of the input (256 for 224), and the centre is cropped. A JPEG much larger than needed is decoded at
1/2, 1/4 or 1/8. `nas.training.decoding.pixels` converts images to RGB.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.training.decoding.pixels import BROKEN, opened, shrink, upright_rgb, upright_size

__all__ = ["BROKEN", "DRAWS", "Cut", "Pixels", "cut", "whole"]

Pixels: TypeAlias = NDArray[np.uint8]

DRAWS = 8  # random numbers for an image: size, ratio, place (2), mirror, colour (3)

_MARGIN = 8 / 7  # of validation: 256 / 224
_WIDEST = 15 / 7  # of the crop "scale": 480 / 224
_RATIOS = (3 / 4, 4 / 3)  # of the crop "area" (Szegedy et al. 2015)

_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Cut:
    """The crop, resized to `side` pixels: the `centre`, or a random one.

    `area` and `scale` are the crops of a recipe, and `least` is its smallest share of an image.
    """

    side: int
    crop: Literal["centre", "area", "scale"] = "centre"
    least: float = 1.0


def cut(data: bytes, draw: Sequence[float], how: Cut) -> Pixels:
    """Return the crop of an encoded image: RGB bytes of shape (side, side, 3).

    `draw` are DRAWS numbers in [0, 1), not used for the centre.

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
        shown = _resized(upright_rgb(image), size, box, how.side)
    if how.crop != "centre" and draw[4] < 0.5:
        shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(shown, dtype=np.uint8)


def whole(data: bytes, side: int) -> tuple[Pixels, bool]:
    """Return a whole encoded image at `side` pixels, and whether it was resized.

    The result is RGB of shape (3, side, side).

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


def _resized(image: Image.Image, size: tuple[int, int], box: _Box, side: int) -> Image.Image:
    """Return the `box` of an image of `size`, from `image`, which may be a reduced version."""
    x, y = image.size[0] / size[0], image.size[1] / size[1]
    scaled = (
        box[0] * x,
        box[1] * y,
        min(box[2] * x, image.size[0]),
        min(box[3] * y, image.size[1]),
    )
    return image.resize((side, side), Image.Resampling.BILINEAR, box=scaled)
