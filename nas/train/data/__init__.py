"""Tasks: the data sets on which networks are compared, by name.

The split into train, validation and test is stratified and fixed by a seed. A data set with an
official test set keeps it; of the others, and for validation, the shares below are drawn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from nas.errors import TaskError
from nas.layers import Shape
from nas.train.data.cifar import read_cifar10
from nas.train.data.digits import read_digits
from nas.train.data.images import Source
from nas.train.data.split import Indices, balanced_subset, stratified, take
from nas.train.data.task import Augmentation, Split, Task

__all__ = ["TASKS", "Augmentation", "Split", "Task", "TaskKind", "load_task"]


@dataclass(frozen=True)
class TaskKind:
    """How one task is read and split; `test` is used where there is no official test set."""

    read: Callable[[str | None], Source]
    val: float
    test: float
    augment: Augmentation
    meaning: str


TASKS: Mapping[str, TaskKind] = {
    "digits": TaskKind(
        read_digits,
        val=0.2,
        test=0.2,
        augment=Augmentation(crop_padding=1, flip=False),
        meaning="handwritten digits, 8x8, embedded; shows the path, cannot rank group counts",
    ),
    "cifar10": TaskKind(
        read_cifar10,
        val=0.1,
        test=0.1,
        augment=Augmentation(crop_padding=4, flip=True),
        meaning="CIFAR-10, 32x32, downloaded or --data DIR; any images in a folder per class",
    ),
}


def load_task(
    name: str, data_dir: str | None = None, seed: int = 0, limit: int | None = None
) -> Task:
    """Return the task `name`, its images in memory, its splits fixed by `seed`.

    `limit` keeps that many training images at most, as many of each class; validation and test
    stay whole.

    Raises:
        TaskError: no such task, or its data is missing, broken or too little to split.
    """
    kind = TASKS.get(name)
    if kind is None:
        raise TaskError(f"there is no task {name!r}.", f"Write one of {', '.join(TASKS)}.")
    source = kind.read(data_dir)
    train, val, test = _split(source, kind, seed, data_dir or name)
    notes = [source.note] if source.note else []
    if limit is not None and limit < len(train):
        train = take(train, balanced_subset(train.labels, limit, seed))
        notes.append(f"only {len(train)} training images, as many of each class")
    mean, std = _statistics(train)
    shape = Shape(*train.images.shape[1:])
    counts = f"{len(train)} train / {len(val)} validation / {len(test)} test images"
    return Task(
        name,
        shape,
        source.class_names,
        train,
        val,
        test,
        mean,
        std,
        kind.augment,
        "; ".join([f"{name} {shape}, {len(source.class_names)} classes, {counts}", *notes]),
    )


def _split(source: Source, kind: TaskKind, seed: int, where: str) -> tuple[Split, Split, Split]:
    shares = [kind.val] if source.test is not None else [kind.test, kind.val]
    parts = stratified(source.train.labels, shares, seed)
    val, train = parts[-2], parts[-1]
    _check_size(source, train, where)
    if source.test is not None:
        test = Split(source.test.images, source.test.labels)
    else:
        test = take(source.train, parts[0])
    return take(source.train, train), take(source.train, val), test


def _check_size(source: Source, train: Indices, where: str) -> None:
    """Refuse a class that has too few images for every split."""
    present = set(source.train.labels[torch.from_numpy(train)].tolist())
    for label, name in enumerate(source.class_names):
        if label not in present:
            raise TaskError(
                f"the class {name!r} of {where} has too few images to train and to validate.",
                "Give every class ten images or more, or leave the class out.",
            )


def _statistics(train: Split) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation per channel of pixels scaled to [0, 1], exact over all pixels."""
    counts = torch.zeros(train.images.shape[1], 256, dtype=torch.int64)
    for images in torch.split(train.images, 4096):  # counting widens a byte to eight
        for channel, count in enumerate(counts):
            count += torch.bincount(images[:, channel].flatten(), minlength=256)
    values = torch.arange(256, dtype=torch.float64) / 255
    shares = counts.double() / counts.sum(1, keepdim=True)
    mean = shares @ values
    variance = shares @ values**2 - mean**2
    # a channel of one shade has no spread to scale by
    std = variance.clamp(min=0).sqrt().clamp(min=1 / 255)
    return tuple(mean.tolist()), tuple(std.tolist())
