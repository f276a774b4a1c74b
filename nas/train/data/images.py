"""Images: a labelled data set as it lies in memory, before it is split."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from nas.errors import TaskError
from nas.train.data.records import Files
from nas.train.data.task import Split


@dataclass(frozen=True)
class DataRequest:
    """Where a task's images lie and how they are wanted; None where the task decides.

    `side` is the height and width in pixels; `skip_corrupt` leaves out images that cannot be
    decoded.
    """

    folder: str | None = None
    side: int | None = None
    skip_corrupt: bool = False


@dataclass(frozen=True, eq=False)
class Source:
    """What a reader found: training images, the official test images if any, the class names.

    `note` says what had to be done to the images, for the user; it is empty where nothing was.
    `side` is that of images that stay on disk, as they are to be shown. `val` is the official
    validation split, where there is one beside the test split.
    """

    train: Split | Files
    test: Split | Files | None
    class_names: tuple[str, ...]
    note: str = ""
    side: int | None = None
    val: Split | Files | None = None


@dataclass(frozen=True)
class Decoding:
    """How many images had to be resized, and the names of those that were skipped."""

    resized: int = 0
    skipped: tuple[str, ...] = ()

    def __add__(self, other: "Decoding") -> "Decoding":
        return Decoding(self.resized + other.resized, self.skipped + other.skipped)

    def text(self, side: int) -> str:
        """Say in words what was done to bring images to `side` pixels; empty for nothing."""
        parts = [f"{self.resized} images resized to {side}x{side}"] if self.resized else []
        if self.skipped:
            more = ", …" if len(self.skipped) > 3 else ""
            named = ", ".join(self.skipped[:3])
            parts.append(f"{len(self.skipped)} unreadable skipped: {named}{more}")
        return "; ".join(parts)


def decode(data: bytes, side: int, where: str) -> tuple[NDArray[np.uint8], bool]:
    """Return an encoded image as RGB, shape (3, side, side), and whether it had to be resized.

    Raises:
        TaskError: the bytes are no image; `where` names them.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            rgb = image.convert("RGB")
    except (
        OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError
    ) as error:  # fmt: skip
        raise TaskError(
            f"{where} is not a readable image ({_brief(error)}).",
            "Replace or delete what cannot be read; nas train can leave it out: --skip-corrupt.",
        ) from error
    resized = rgb.size != (side, side)
    if resized:
        rgb = rgb.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(rgb, dtype=np.uint8).transpose(2, 0, 1), resized


def decode_all(
    encoded: Iterable[tuple[bytes, str]], labels: Sequence[int], side: int, skip: bool = False
) -> tuple[Split, Decoding]:
    """Decode pairs of (bytes, where); return the images with `labels`, and what was done to them.

    Raises:
        TaskError: some are no images and `skip` is not given; the first is named, all are counted.
    """
    images = np.empty((len(labels), 3, side, side), dtype=np.uint8)
    kept: list[int] = []
    resized = 0
    broken: list[tuple[str, TaskError]] = []
    for position, (data, where) in enumerate(encoded):
        try:
            images[len(kept)], changed = decode(data, side, where)
        except TaskError as error:
            broken.append((where, error))
            continue
        kept.append(position)
        resized += changed
    if broken and not skip:
        first = broken[0][1]
        more = f" {len(broken) - 1:,} more of {len(labels):,} are not." if len(broken) > 1 else ""
        raise TaskError(first.cause + more, first.remedy) from first
    chosen = torch.tensor([labels[position] for position in kept], dtype=torch.int64)
    split = Split(torch.from_numpy(images[: len(kept)]), chosen)
    return split, Decoding(resized, tuple(where for where, _ in broken))


def check_labels(labels: Tensor, classes: int, where: str) -> None:
    """Refuse labels that make no task.

    Raises:
        TaskError: a label lies outside 0..classes-1, or fewer than two classes have images.
    """
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise TaskError(
            f"{where} holds the label {int(outside[0])}, but has {classes} classes.",
            f"Number the classes from 0 to {classes - 1}.",
        )
    if len(torch.unique(labels)) < 2:
        raise TaskError(
            f"{where} has images of {len(torch.unique(labels))} class(es).",
            "Give --data a folder with images of at least two classes.",
        )


def _brief(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:120] if lines else type(error).__name__
