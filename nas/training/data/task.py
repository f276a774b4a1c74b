"""A data set with its fixed splits, in memory as uint8 or streamed from disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from nas.space import Shape
from nas.study import DataIdentity
from nas.training.data.problem import Classification, Problem
from nas.training.data.records import Files
from nas.training.decoding.decode import Cutting


@dataclass(frozen=True, eq=False)
class Split:
    """Some images of a task: those of `held` at `rows`, or all; `labels`, int64 of shape (N,).

    For tasks other than classification `labels` are the targets, of any type and shape (N, ...).

    `held` is uint8 of shape (M, C, H, W), `rows` int64 of shape (N,). The splits of a task share
    `held`, which may be a memory-mapped file, without copies.
    """

    held: Tensor
    labels: Tensor
    rows: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @property
    def images(self) -> Tensor:
        """All images of the split, uint8 of shape (N, C, H, W): a copy if there are `rows`."""
        return self.held if self.rows is None else self.held[self.rows]

    @property
    def image_shape(self) -> torch.Size:
        """The shape (C, H, W) of an image."""
        return self.held.shape[1:]

    def pick(self, index: Tensor) -> Tensor:
        """Return a copy of the images at `index`, int64 of shape (K,); shape (K, C, H, W)."""
        return self.held[index if self.rows is None else self.rows[index]]

    def chunks(self, size: int) -> Iterator[Tensor]:
        """Yield all images in order, at most `size` at a time; do not write to them."""
        places = self.held if self.rows is None else self.rows
        for some in torch.split(places, size):
            yield some if self.rows is None else self.held[some]

    def take(self, index: Tensor) -> "Split":
        """Return the split of the images at `index`, int64 of shape (K,); no image is copied."""
        return Split(
            self.held, self.labels[index], index if self.rows is None else self.rows[index]
        )


@dataclass(frozen=True)
class Augmentation:
    """The random changes of a training image that do not change its class.

    `crop_padding` is the border of black pixels, in pixels, within which a crop of the original
    size is drawn; `flip` allows mirroring left to right.
    """

    crop_padding: int
    flip: bool


@dataclass(frozen=True, eq=False)
class View:
    """The view of a batch: how its images are cropped, the numbers of each crop, the targets."""

    how: Cutting
    numbers: Sequence[Sequence[float]]
    targets: Tensor


class Views(Protocol):
    """The parts of streamed images that a task shows, if their targets depend on the parts."""

    def show(self, labels: Tensor, side: int, draws: Tensor | None, expand: float) -> View:
        """Return the view of a batch with these `labels` at `side` pixels.

        `draws` are random numbers in [0, 1) of shape (N, DRAWS) for the augmentation; None: whole
        images. An image is shown at down to 1/`expand` of its height and width.
        """


class Examples(Protocol):
    """Draws the output of a network on a streamed image, for the report and the pages."""

    @property
    def caption(self) -> str:
        """A description of the pictures, in one or two sentences."""
        ...

    def draw(self, data: bytes, outputs: Any, target: Tensor) -> bytes:
        """Return a small JPEG file for an encoded image.

        `outputs` are the outputs of the network for this image, (1, ...), `target` is its target.
        """
        ...


@dataclass(frozen=True, eq=False)
class Task:
    """A data set on which networks are trained and compared.

    The search sees `train` and `val` only; `test` is for the final report. `mean` and `std` are
    per channel, of training pixels scaled to [0, 1]. `digest` is the digest of all images before
    they were split. `note` is one line for the user. Without a `problem` the task is a
    classification of `class_names`; with one, `outputs` is the number of outputs of a network.
    `views` selects the parts of streamed images; None: the crops of the recipe. `examples` draws
    images of the validation split with the outputs of the best network; None: there are no
    pictures.
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
    digest: str = ""
    problem: Problem | None = None
    outputs: int = 0
    views: Views | None = None
    examples: Examples | None = None

    def __post_init__(self) -> None:
        """Make the task a classification, unless it has another problem."""
        if self.problem is None:
            object.__setattr__(self, "outputs", len(self.class_names))
            object.__setattr__(self, "problem", Classification(self.outputs))

    @property
    def identity(self) -> DataIdentity:
        """The identity of the images: their digest, and the sizes of the splits."""
        sizes = (len(self.train), len(self.val), len(self.test))
        return DataIdentity(self.digest, *sizes, self.classes)

    @property
    def classes(self) -> int:
        """The number of classes; 0 for tasks other than classification."""
        return len(self.class_names) if isinstance(self.problem, Classification) else 0

    @property
    def goal(self) -> Problem:
        """The loss and the metrics."""
        assert self.problem is not None
        return self.problem
