"""CIFAR-100 as its authors distribute it: the python batches, or the binary ones.

    python: cifar-100-python/train, test, meta               (pickles)
    binary: cifar-100-binary/train.bin, test.bin, fine_label_names.txt

A binary record is the coarse and the fine label, one byte each, and 3,072 pixel bytes
(https://www.cs.toronto.edu/~kriz/cifar.html). The fine labels are the classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nas.errors import TaskError
from nas.text_file import read_text
from nas.training.data.batches import PIXELS, SIDE, broken, load_arrays
from nas.training.data.images import Source, check_labels
from nas.training.data.task import Split

_CLASSES = 100
_Bytes = NDArray[np.uint8]


def find_batches(folder: Path) -> list[Path]:
    """Return the batch files in `folder` or its usual subfolders, the training batch first."""
    for place in (folder, folder / "cifar-100-python", folder / "cifar-100-binary"):
        for suffix in ("", ".bin"):
            train, test = place / f"train{suffix}", place / f"test{suffix}"
            if train.is_file():
                return [train, *([test] if test.is_file() else [])]
    return []


def read_batches(files: Sequence[Path]) -> Source:
    """Read the batch files that `find_batches` found.

    Raises:
        TaskError: a file is no such batch.
    """
    splits = [_split(file) for file in files]
    test = splits[1] if len(splits) > 1 else None
    return Source(splits[0], test, _class_names(files[0].parent))


def _split(file: Path) -> Split:
    pixels, labels = _binary(file) if file.suffix == ".bin" else _python(file)
    images = torch.from_numpy(pixels.reshape(-1, 3, SIDE, SIDE).copy())
    split = Split(images, torch.from_numpy(labels.astype(np.int64)))
    check_labels(split.labels, _CLASSES, str(file))
    return split


def _binary(file: Path) -> tuple[_Bytes, _Bytes]:
    content = np.fromfile(file, dtype=np.uint8)
    if not len(content) or len(content) % (2 + PIXELS):
        raise broken(file, f"{len(content)} bytes are no whole number of {2 + PIXELS}")
    records = content.reshape(-1, 2 + PIXELS)
    return records[:, 2:], records[:, 1]


def _python(file: Path) -> tuple[_Bytes, _Bytes]:
    return load_arrays(file, b"fine_labels")


def _class_names(place: Path) -> tuple[str, ...]:
    """Return the names beside the batches, or the numbers."""
    text = place / "fine_label_names.txt"
    names = read_text(text, TaskError).split() if text.is_file() else []
    if len(names) != _CLASSES:
        names = [str(label) for label in range(_CLASSES)]
    return tuple(names)
