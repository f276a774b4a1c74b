"""CIFAR-10 as its authors distribute it: the python batches, or the binary ones.

    python: data_batch_1 … data_batch_5, test_batch, batches.meta   (pickles of 10,000 images)
    binary: data_batch_1.bin … data_batch_5.bin, test_batch.bin, batches.meta.txt

A binary record is one label byte and 3,072 pixel bytes: red, green, blue, row by row
(https://www.cs.toronto.edu/~kriz/cifar.html).
"""

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nas.errors import TaskError
from nas.training.data.images import Source, check_labels
from nas.training.data.task import Split

SIDE = 32
PIXELS = 3 * SIDE * SIDE
CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

_Bytes = NDArray[np.uint8]


def find_batches(folder: Path) -> list[Path]:
    """Return the batch files in `folder` or its usual subfolders, training batches first."""
    for place in (folder, folder / "cifar-10-batches-py", folder / "cifar-10-batches-bin"):
        for suffix in ("", ".bin"):
            train = [place / f"data_batch_{number}{suffix}" for number in range(1, 6)]
            found = [file for file in train if file.is_file()]
            if found:
                test = place / f"test_batch{suffix}"
                return [*found, *([test] if test.is_file() else [])]
    return []


def read_batches(files: Sequence[Path]) -> Source:
    """Read the batch files that `find_batches` found.

    Raises:
        TaskError: a file is no such batch.
    """
    read = _read_binary if files[0].suffix == ".bin" else _read_python
    train = _join([file for file in files if file.name.startswith("data")], read)
    tests = [file for file in files if file.name.startswith("test")]
    test = _join(tests, read) if tests else None
    return Source(train, test, CLASS_NAMES)


def _join(files: Sequence[Path], read: Callable[[Path], tuple[_Bytes, _Bytes]]) -> Split:
    parts = [read(file) for file in files]
    images = np.concatenate([pixels for pixels, _ in parts]).reshape(-1, 3, SIDE, SIDE)
    labels = torch.from_numpy(np.concatenate([labels for _, labels in parts]).astype(np.int64))
    check_labels(labels, len(CLASS_NAMES), str(files[0]))
    return Split(torch.from_numpy(images), labels)


def _read_binary(file: Path) -> tuple[_Bytes, _Bytes]:
    content = np.fromfile(file, dtype=np.uint8)
    if not len(content) or len(content) % (1 + PIXELS):
        raise broken(file, f"{len(content)} bytes are no whole number of {1 + PIXELS}")
    records = content.reshape(-1, 1 + PIXELS)
    return records[:, 1:], records[:, 0]


def _read_python(file: Path) -> tuple[_Bytes, _Bytes]:
    return load_arrays(file, b"labels")


def load_arrays(file: Path, key: bytes) -> tuple[_Bytes, _Bytes]:
    """Return the pixels, one row each, and the labels under `key` of a pickled batch.

    Raises:
        TaskError: it is no such batch, or it would run code.
    """
    try:
        with file.open("rb") as stream:
            batch = _ArraysOnly(stream, encoding="bytes").load()
        pixels = np.asarray(batch[b"data"], dtype=np.uint8).reshape(-1, PIXELS)
        labels = np.asarray(batch[key], dtype=np.uint8)
    except (
        pickle.UnpicklingError, OSError, EOFError, KeyError, IndexError, TypeError, ValueError,
        AttributeError, OverflowError, ImportError,
    ) as error:  # fmt: skip
        raise broken(file, f"{type(error).__name__}: {error}"[:120]) from error
    if len(pixels) != len(labels) or not len(labels):
        raise broken(file, f"{len(pixels)} images, {len(labels)} labels")
    return pixels, labels


def broken(file: Path, why: str) -> TaskError:
    """Return the error about a file that is no batch of CIFAR."""
    kind = "CIFAR-10" if "_batch" in file.name else "CIFAR-100"
    return TaskError(
        f"{file} is no {kind} batch ({why}).",
        "Unpack the archive of its authors again, and give --data that folder.",
    )


class _ArraysOnly(pickle.Unpickler):
    """Reads the authors' pickles, but nothing that could run code: arrays, lists and text."""

    _ALLOWED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """Return the allowed names, and refuse all others."""
        if (module, name) not in self._ALLOWED and module != "numpy._core.multiarray":
            raise pickle.UnpicklingError(f"it wants {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
