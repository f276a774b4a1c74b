"""The description of a data set of images in classes; this module loads no heavy library."""

from dataclasses import dataclass
from typing import TypeAlias

Scaling: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""The mean and the deviation of pixels in [0, 1], one of each for each channel."""


@dataclass(frozen=True, kw_only=True)
class ImageData:
    """A data set of images in classes; `reader` is MODULE:FUNCTION of `nas.training.data`.

    `val` and `test` are the shares of images that are drawn if there is no official split.
    `crop_padding` (in pixels) and `flip` are the augmentation. `side` is the height and width in
    pixels, None if they vary; `scaling` is None if it is computed from the images.
    """

    reader: str
    val: float
    test: float
    crop_padding: int
    flip: bool
    side: int | None = None
    scaling: Scaling | None = None
