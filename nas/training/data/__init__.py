"""Tasks: the data sets on which networks are compared, by name.

The split into train, validation and test is stratified and determined by a seed. An official test
set is used if there is one; otherwise, and for validation, images are drawn at random.
"""

import hashlib
import importlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from nas.errors import TaskError
from nas.space import Shape
from nas.study import StudySpec, TaskRequest
from nas.training.data.images import DataRequest, ImageSource
from nas.training.data.problem import Problem, Scores, ScoresByClass
from nas.training.data.records import Files
from nas.training.data.split import Indices, balanced_subset, stratified, take
from nas.training.data.task import Augmentation, Split, Task, View, Views
from nas.training.data.user_images import image_at
from nas.training.image_data import ImageData, Scaling

_CHUNK = 1024  # images that are processed at a time
_LISTED = 4  # the largest number of classes whose image counts are listed one by one
_SAMPLE = 256  # streamed images from which mean and deviation are computed


def load_task(
    name: str,
    data_dir: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    image_size: int | None = None,
    skip_corrupt: bool = False,
) -> Task:
    """Return the task `name`, its splits fixed by `seed`; the settings are those of `TaskRequest`.

    Raises:
        TaskError: there is no such task, or its data is missing, broken or too small to split.
    """
    task = TaskRequest(name, data_dir, seed, limit, image_size, skip_corrupt).load()
    assert isinstance(task, Task)
    return task


def load_images(kind: ImageData, request: TaskRequest) -> Task:
    """Return a classification, its splits stratified and fixed by the seed of `request`.

    Small images are in memory; those of `imagenet`, and large images of the user (`folder`), are
    streamed. The limit keeps equally many training images of each class; validation and test are
    not limited.

    Raises:
        TaskError: the data is missing, broken or too small to split.
    """
    name, data_dir, limit, seed = request.name, request.data_dir, request.limit, request.seed
    if kind.side is not None and request.image_size not in (None, kind.side):
        raise TaskError(
            f"the task {name} has images of {kind.side}x{kind.side}, not of {request.image_size}.",
            "Leave --image-size out, or type --task folder with it.",
        )
    source = _read(kind.reader, DataRequest(data_dir, request.image_size, request.skip_corrupt))
    train, val, test = _split(source, kind, seed, data_dir or name)
    notes = [source.note] if source.note else []
    if limit is not None and limit < len(train):
        train = take(train, balanced_subset(train.labels, limit, seed))
        notes.append(f"only {len(train)} training images, equally many of each class")
    elif limit is not None and limit > len(train):
        notes.append(f"the limit of {limit:,} training images has no effect")
    shape = _shape(train, source)
    mean, std = kind.scaling or _statistics(_pixels(train, shape), shape.channels)
    task = Task(
        name,
        shape,
        source.class_names,
        train,
        val,
        test,
        mean,
        std,
        Augmentation(kind.crop_padding, kind.flip),
        "",
        source.digest or "",
    )
    about = f"{name} {shape}, {_counts_text(source)}, {task.identity.counts}"
    return replace(task, note="; ".join([about, *notes]))


def task_of(
    request: TaskRequest,
    images: torch.Tensor,
    targets: torch.Tensor,
    problem: Problem,
    outputs: int,
) -> Task:
    """Return a task of images in memory, split at random by the seed: 60 / 20 / 20 %.

    `images` are uint8 of shape (N, C, H, W), `targets` of shape (N, ...). The limit of `request` is
    the largest number of training images.
    """
    rng = np.random.default_rng([request.seed, 0x5917])
    order = torch.from_numpy(rng.permutation(len(images)))
    fifth = len(images) // 5
    whole = Split(images, targets)
    test, val, train = (whole.take(part.sort().values) for part in (
        order[:fifth], order[fifth : 2 * fifth], order[2 * fifth :][: request.limit]
    ))  # fmt: skip
    shape = Shape(*whole.image_shape)
    mean, std = _statistics(train.chunks(_CHUNK), shape.channels)
    found = hashlib.sha256(images.contiguous().numpy().data)
    found.update(targets.contiguous().numpy().data)
    still = Augmentation(crop_padding=0, flip=False)
    task = Task(
        request.name, shape, (), train, val, test, mean, std, still, "", found.hexdigest(),
        problem, outputs,
    )  # fmt: skip
    return replace(task, note=f"{request.name} {shape}, {task.identity.counts}")


def load_study_task(spec: StudySpec, data_dir: str | None = None) -> Task:
    """Return the task of a study; `data_dir` replaces the recorded path of its data.

    Raises:
        TaskError: as in `load_task`, or the images differ from those of the study.
    """
    task = load_task(
        spec.task, data_dir or spec.data_dir, spec.seed, spec.limit, spec.image_size,
        spec.skip_corrupt,
    )  # fmt: skip
    change = spec.data.change(task.identity) if spec.data else ""
    if change:
        raise TaskError(
            f"the data of the study {spec.name} changed: {change}.",
            f"Start a new study, or restore the data in {data_dir or spec.data_dir}.",
        )
    return task


def _read(reader: str, request: DataRequest) -> ImageSource:
    """Return the images that `reader`, MODULE:FUNCTION of this package, finds."""
    module, _, function = reader.partition(":")
    read: Any = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    source: ImageSource = read(request)
    return source


def _counts_text(source: ImageSource) -> str:
    """Return a text: the number of images, except an official test split, and of each class."""
    parts = [source.train, *([source.val] if source.val is not None else [])]
    labels = torch.cat([part.labels for part in parts])
    counts = torch.bincount(labels, minlength=len(source.class_names)).tolist()
    shares = f"{min(counts):,} to {max(counts):,} each"
    if len(counts) <= _LISTED:
        shares = " / ".join(f"{count:,}" for count in counts)
    return f"{len(labels):,} images in {len(counts):,} classes ({shares})"


def _shape(train: Split | Files, source: ImageSource) -> Shape:
    if isinstance(train, Split):
        return Shape(*train.image_shape)
    assert source.side is not None
    return Shape(3, source.side, source.side)


def _pixels(train: Split | Files, shape: Shape) -> Iterator[torch.Tensor]:
    """Yield the training images in chunks, or a sample of the streamed ones, as uint8."""
    if isinstance(train, Split):
        return train.chunks(_CHUNK)
    chosen = torch.linspace(0, len(train) - 1, min(_SAMPLE, len(train))).long()
    sample = [
        torch.from_numpy(image_at(train.records, index, shape.height).copy())
        for index in train.indices[chosen].tolist()
    ]
    return iter([torch.stack(sample)])


_Parts = tuple[Split | Files, Split | Files, Split | Files]


def _split(source: ImageSource, kind: ImageData, seed: int, where: str) -> _Parts:
    """Return the training, validation and test images; splits that are not official are drawn."""
    if source.val is not None and source.test is not None:
        return source.train, source.val, source.test
    shares = [kind.val] if source.test is not None else [kind.test, kind.val]
    parts = stratified(source.train.labels, shares, seed)
    val, train = parts[-2], parts[-1]
    _check_size(source, train, where)
    test = source.test if source.test is not None else take(source.train, parts[0])
    return take(source.train, train), take(source.train, val), test


def _check_size(source: ImageSource, train: Indices, where: str) -> None:
    """Refuse a class that has too few images for every split."""
    present = set(source.train.labels[torch.from_numpy(train)].tolist())
    for label, name in enumerate(source.class_names):
        if label not in present:
            raise TaskError(
                f"the class {name!r} of {where} has too few images to train and to validate.",
                "Give every class ten images or more, or leave the class out.",
            )


def _statistics(chunks: Iterable[torch.Tensor], channels: int) -> Scaling:
    """Return mean and deviation per channel of pixels scaled to [0, 1], exact over all pixels."""
    counts = torch.zeros(channels, 256, dtype=torch.int64)
    for images in chunks:
        for channel, count in enumerate(counts):
            count += torch.bincount(images[:, channel].flatten(), minlength=256)
    values = torch.arange(256, dtype=torch.float64) / 255
    shares = counts.double() / counts.sum(1, keepdim=True)
    mean = shares @ values
    variance = shares @ values**2 - mean**2
    # the deviation of a constant channel is 0, by which nothing can be divided
    std = variance.clamp(min=0).sqrt().clamp(min=1 / 255)
    return tuple(mean.tolist()), tuple(std.tolist())
