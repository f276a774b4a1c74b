"""The boxes of many images in flat arrays, and the targets of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IMAGE, CLASS, CORNERS = 0, 1, slice(2, 6)  # the columns of a target


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of N images; those of image i are at `ends[i]` to `ends[i + 1]`.

    `sizes` are width and height of the images in pixels, shape (N, 2). `classes`, shape (B,), count
    from 1; 0 is the background. `corners` are left, top, right, bottom in pixels, shape (B, 4).
    `crowd`, shape (B,), marks regions that are not trained on; detections within them are neither
    right nor wrong.
    """

    sizes: NDArray[np.int64]
    ends: NDArray[np.int64]
    classes: NDArray[np.int64]
    corners: NDArray[np.float64]
    crowd: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.sizes)

    def of(self, image: int) -> slice:
        """Return the positions of the boxes of one image."""
        return slice(int(self.ends[image]), int(self.ends[image + 1]))

    def take(self, images: NDArray[np.int64]) -> "Boxes":
        """Return the boxes of `images`, in this order."""
        counts = np.diff(self.ends)[images]
        ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        places = np.concatenate(
            [np.arange(0), *(np.arange(self.ends[image], self.ends[image + 1]) for image in images)]
        ).astype(np.int64)
        return Boxes(
            self.sizes[images], ends, self.classes[places], self.corners[places],
            self.crowd[places],
        )  # fmt: skip

    def relative(self, image: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return classes, (K,), and corners, (K, 4), in shares of the image, without crowds."""
        here = self.of(image)
        kept = ~self.crowd[here]
        return self.classes[here][kept], self.corners[here][kept] / np.tile(self.sizes[image], 2)


def joined(parts: Sequence[Boxes]) -> Boxes:
    """Return the boxes of the images of all `parts`, one part after another."""
    counts = np.concatenate([np.diff(part.ends) for part in parts])
    return Boxes(
        np.concatenate([part.sizes for part in parts]),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([part.classes for part in parts]),
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.crowd for part in parts]),
    )


def targets_of(
    images: Sequence[int], found: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]
) -> Tensor:
    """Return the targets of a batch, float of shape (N, M, 6): number of the image, class, corners.

    M is the largest number of boxes of an image, at least one; rows without a box have the class 0.
    """
    most = max([1, *(len(classes) for classes, _ in found)])
    targets = np.zeros((len(images), most, 6), dtype=np.float64)
    for row, image, (classes, corners) in zip(targets, images, found, strict=True):
        row[:, IMAGE] = image
        row[: len(classes), CLASS] = classes
        row[: len(classes), CORNERS] = corners
    return torch.from_numpy(targets.astype(np.float32))
