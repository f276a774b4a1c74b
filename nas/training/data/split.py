"""Stratified splits, determined by a seed, equal on every machine."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.errors import TaskError
from nas.training.data.records import Files
from nas.training.data.task import Split

Indices = NDArray[np.int64]


def stratified(labels: Tensor, shares: Sequence[float], seed: int) -> list[Indices]:
    """Divide the indices of `labels` into `shares` within each class; the last part is the rest.

    `shares` sum to less than 1; every part except the last gets at least one image of each class
    that has enough. Indices are sorted within each part.
    """
    rng = np.random.default_rng([seed, 0x5917])
    classes = labels.numpy()
    parts: list[list[Indices]] = [[] for _ in range(len(shares) + 1)]
    for label in np.unique(classes):
        order = rng.permutation(np.flatnonzero(classes == label))
        counts = [max(1, round(share * len(order))) for share in shares]
        pieces = np.split(order, np.cumsum(counts))
        for part, piece in zip(parts, pieces, strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(part)) for part in parts]


def balanced_subset(labels: Tensor, limit: int, seed: int) -> Indices:
    """Return at most `limit` indices, equally many of each class.

    Raises:
        TaskError: `limit` is smaller than the number of classes.
    """
    rng = np.random.default_rng([seed, 0x11317])
    classes = labels.numpy()
    names = np.unique(classes)
    if limit < len(names):
        raise TaskError(
            f"{limit} training images are fewer than the {len(names)} classes.",
            f"Give {len(names)} or more.",
        )
    each = limit // len(names)
    chosen = [rng.permutation(np.flatnonzero(classes == name))[:each] for name in names]
    return np.sort(np.concatenate(chosen))


def take(data: Split | Files, indices: Indices) -> Split | Files:
    """Return the images of `data` at `indices`, without copies."""
    index = torch.from_numpy(indices)
    if isinstance(data, Files):
        return Files(data.records, data.indices[index], data.labels[index])
    return data.take(index)
