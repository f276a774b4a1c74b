"""Task: a data set with its fixed splits, held in memory as bytes or streamed from disk."""

from dataclasses import dataclass

from torch import Tensor

from nas.layers import Shape
from nas.train.data.records import Files


@dataclass(frozen=True, eq=False)
class Split:
    """Some images of a task: `images` uint8 of shape (N, C, H, W), `labels` int64 of shape (N,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


@dataclass(frozen=True)
class Augmentation:
    """What may be done to a training image without changing its class.

    `crop_padding` is the border of black pixels, in pixels, within which a crop of the original
    size is drawn; `flip` allows mirroring left to right.
    """

    crop_padding: int
    flip: bool


@dataclass(frozen=True, eq=False)
class Task:
    """A data set on which the error of a network is measured.

    The search sees `train` and `val` only; `test` is for the final report. `mean` and `std` are
    per channel, of training pixels scaled to [0, 1]. `note` is one line for the user.
    """

    name: str
    input: Shape
    class_names: tuple[str, ...]
    train: Split | Files
    val: Split | Files
    test: Split | Files
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: Augmentation
    note: str

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)
