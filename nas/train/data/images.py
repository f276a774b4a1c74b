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
from nas.train.data.task import Split


@dataclass(frozen=True, eq=False)
class Source:
    """What a reader found: training images, the official test images if any, the class names.

    `note` says what had to be done to the images, for the user; it is empty where nothing was.
    """

    train: Split
    test: Split | None
    class_names: tuple[str, ...]
    note: str = ""


def decode(data: bytes, side: int, where: str) -> tuple[NDArray[np.uint8], bool]:
    """Return an encoded image as RGB, shape (3, side, side), and whether it had to be resized.

    Raises:
        TaskError: the bytes are no image; `where` names them.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            rgb = image.convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise TaskError(
            f"{where} is not a readable image ({_brief(error)}).",
            "Replace or delete it, then type the same again.",
        ) from error
    resized = rgb.size != (side, side)
    if resized:
        rgb = rgb.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(rgb, dtype=np.uint8).transpose(2, 0, 1), resized


def decode_all(
    encoded: Iterable[tuple[bytes, str]], labels: Sequence[int], side: int
) -> tuple[Split, int]:
    """Decode pairs of (bytes, where); return the images with `labels`, and how many were resized.

    Raises:
        TaskError: one of them is no image.
    """
    images = np.empty((len(labels), 3, side, side), dtype=np.uint8)
    count = 0
    for position, (data, where) in enumerate(encoded):
        images[position], resized = decode(data, side, where)
        count += resized
    return Split(torch.from_numpy(images), torch.tensor(labels, dtype=torch.int64)), count


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
