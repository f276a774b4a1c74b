"""A labelled data set from a reader, before it is split."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nas.errors import TaskError
from nas.training.data.records import Files
from nas.training.data.task import Split


@dataclass(frozen=True)
class DataRequest:
    """The location of a task's images and their size; None: the default of the task.

    `side` is the height and width in pixels; `skip_corrupt` leaves out images that cannot be
    decoded.
    """

    folder: str | None = None
    side: int | None = None
    skip_corrupt: bool = False


@dataclass(frozen=True, eq=False)
class ImageSource:
    """The result of a reader: training images, official test images if any, class names.

    `note` tells the user how images were changed and which files were left out; it may be empty.
    `side` is the height and width to which streamed images are decoded. `val` is the official
    validation split, if there is one in addition to the test split. `digest` is equal for equal
    images with equal labels in the same order; None if it is yet to be computed from the pixels.
    """

    train: Split | Files
    test: Split | Files | None
    class_names: tuple[str, ...]
    note: str = ""
    side: int | None = None
    val: Split | Files | None = None
    digest: str | None = None

    @property
    def parts(self) -> Mapping[str, Split | Files]:
        """The existing parts by name."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}


def digest_of(source: ImageSource) -> str:
    """Return the digest of a source with images in memory, from its pixels."""
    found = hashlib.sha256(repr(source.class_names).encode())
    for name, part in source.parts.items():
        assert isinstance(part, Split)
        found.update(f"{name} {tuple(part.images.shape)}".encode())
        found.update(part.images.contiguous().numpy().data)
        found.update(part.labels.contiguous().numpy().data)
    return found.hexdigest()


def check_labels(labels: Tensor, classes: int, where: str) -> None:
    """Refuse invalid labels.

    Raises:
        TaskError: a label is outside 0..classes-1, or fewer than two classes have images.
    """
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise TaskError(
            f"{where} has the label {int(outside[0])}, but only {classes} classes.",
            f"Number the classes from 0 to {classes - 1}.",
        )
    if len(torch.unique(labels)) < 2:
        raise TaskError(
            f"{where} has images of {len(torch.unique(labels))} class(es).",
            "Give --data a folder with images of at least two classes.",
        )
