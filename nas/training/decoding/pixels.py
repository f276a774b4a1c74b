"""Read one encoded image of any mode as upright RGB.

All readers of images use this module, so that images in memory and streamed images are equal. The
rules:

- The EXIF orientation is applied.
- Transparent pixels are composited on white.
- 16-bit grey is scaled from the range of its type to 0..255: white is 65,535, or 4,095 in a 12-bit
TIFF file.
- Floating-point and 32-bit integer values are scaled from 0..1 (floats only), 0..255 or 0..65,535,
the first range that contains them. Other values are refused.
- The first frame or page of a file is read.

This module imports only Pillow and numpy: a process that only decodes is small and starts fast.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

BROKEN = (
    OSError, UnidentifiedImageError, SyntaxError, ValueError, EOFError, LookupError, TypeError,
    OverflowError, NotImplementedError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF orientation
_SIDEWAYS = (5, 6, 7, 8)  # orientations that swap width and height
_DRAFTED = ("JPEG", "MPO")  # formats that are decoded at a fraction of their size
_ANIMATED = ("GIF", "TIFF", "WEBP", "PNG", "AVIF")  # formats whose frames are separate images
_BITS_PER_SAMPLE = 258  # a TIFF tag
_SLACK = 1e-3  # tolerance of floats outside 0..1: resampling overshoots
_TWO = 2.0  # floats with a maximum between 1 and this are ambiguous


@dataclass(frozen=True)
class ImageProperties:
    """The properties of an image: `size` upright, in pixels; `frames` if it has several.

    `peak` is the largest value of a 16-bit image, None for others.
    """

    size: tuple[int, int]
    frames: bool = False
    peak: int | None = None


def reason(error: BaseException) -> str:
    """Return the reason why an image was refused, in one line."""
    if isinstance(error, UnidentifiedImageError):
        return "not in a format that Pillow reads"
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def opened(data: bytes) -> Image.Image:
    """Open an encoded image; raises one of `BROKEN`."""
    return Image.open(io.BytesIO(data))


def look(data: bytes) -> ImageProperties:
    """Decode an image and return its properties; a JPEG is decoded at an eighth of its size.

    Raises:
        OSError, ValueError, …: one of `BROKEN`; the bytes are not a supported image.
    """
    with opened(data) as image:
        size = upright_size(image)
        if image.format in _DRAFTED:
            image.draft("RGB", (1, 1))
            image.load()
            return ImageProperties(size)
        peak = int(np.asarray(image).max()) if image.mode.startswith("I;16") else None
        upright_rgb(image)
        frames = image.format in _ANIMATED and getattr(image, "n_frames", 1) > 1
        return ImageProperties(size, frames, peak)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height after the orientation; decodes the image unless it is a JPEG."""
    if image.format not in _DRAFTED:
        image.load()
    width, height = image.size
    return (height, width) if _orientation(image) in _SIDEWAYS else (width, height)


def shrink(image: Image.Image, wanted: tuple[int, int]) -> None:
    """Reduce the decoded size of a JPEG, but not below `wanted` (upright width, height)."""
    image.draft("RGB", wanted[::-1] if _orientation(image) in _SIDEWAYS else wanted)


def upright_rgb(image: Image.Image) -> Image.Image:
    """Return an opened image as RGB by the rules of this module; raises one of `BROKEN`."""
    image.load()
    turn = _TURNS.get(_orientation(image))
    shown = _rgb(image)
    return shown if turn is None else shown.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _scaled(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """Return grey of more than eight bits as eight bits."""
    values = np.asarray(image)
    scaled = np.clip(np.rint(values * (255 / _white(image, values))), 0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        scaled[values == transparent] = 255
    return Image.fromarray(scaled)


def _white(image: Image.Image, values: NDArray[Any]) -> float:
    """Return the value of white.

    Raises:
        ValueError: the values are not on a supported scale.
    """
    if image.mode.startswith("I;16"):
        tags: Any = getattr(image, "tag_v2", {})
        return float(2 ** (tags.get(_BITS_PER_SAMPLE) or (16,))[0] - 1)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F" and low >= -_SLACK and high <= 1 + _SLACK:
        return 1.0
    if image.format == "PPM" and image.mode == "I":  # Pillow scaled it to 16 bits
        return 65535.0
    least = _TWO if image.mode == "F" else 0.0
    if low >= 0 and least <= high <= 65535:  # False for NaN
        return 255.0 if high <= 255 else 65535.0
    scales = "0 to 1, 0 to 255" if image.mode == "F" else "0 to 255"
    raise ValueError(f"values from {low:g} to {high:g}; supported are {scales} and 0 to 65,535")


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) if missing or unreadable."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except BROKEN:  # the metadata is broken, but the image may be intact
        return 1
    return found if isinstance(found, int) else 1
