"""CIFAR-10 and CIFAR-100 as their authors distribute them: the python batches, or the binary ones.

    cifar-10-batches-py/data_batch_1 … data_batch_5, test_batch, batches.meta
    cifar-10-batches-bin/data_batch_1.bin … data_batch_5.bin, test_batch.bin
    cifar-100-python/train, test, meta
    cifar-100-binary/train.bin, test.bin, fine_label_names.txt

torchvision reads the python batches, which are pickles, after their checksums are verified. A
binary record is one or two labels, one byte each, and 3,072 pixel bytes: red, green, blue, row by
row. If there are two labels, coarse and fine, the fine one is the class
(https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.errors import TaskError
from nas.text_file import read_text
from nas.training.data.images import ImageSource, check_labels
from nas.training.data.task import Split

SIDE = 32
_PIXELS = 3 * SIDE * SIDE


@dataclass(frozen=True)
class CifarFiles:
    """The files of one of the data sets; `dataset` is its class in torchvision.datasets.

    `train` and `test` are the file names without the suffix of binary files, `labels` is the number
    of label bytes of a record. `names` are the class names if no file has them.
    """

    title: str
    dataset: str
    folders: tuple[str, str]
    train: tuple[str, ...]
    test: str
    labels: int
    names: tuple[str, ...]

    def find(self, folder: Path) -> list[Path]:
        """Return the files in `folder` or its usual subfolders, training batches first."""
        for place in (folder, *(folder / name for name in self.folders)):
            for suffix in ("", ".bin"):
                train = [place / f"{name}{suffix}" for name in self.train]
                if found := [file for file in train if file.is_file()]:
                    test = place / f"{self.test}{suffix}"
                    return [*found, *([test] if test.is_file() else [])]
        return []

    def read(self, files: Sequence[Path]) -> ImageSource:
        """Read the files that `find` found.

        Raises:
            TaskError: one of them is not a batch, or differs from the file of the authors.
        """
        place = files[0].parent
        if files[0].suffix != ".bin":
            train, test = (self._pickled(place, train) for train in (True, False))
            return ImageSource(train, test, self.names)
        tests = [file for file in files if file.stem == self.test]
        train = self._binary([file for file in files if file not in tests])
        return ImageSource(train, self._binary(tests) if tests else None, self._class_names(place))

    def _pickled(self, place: Path, train: bool) -> Split:
        """Return one split of the python batches in `place`, as torchvision reads them."""
        from torchvision import datasets  # seconds to import, and rarely needed
        from torchvision.datasets.utils import check_integrity

        dataset: Any = type("Here", (getattr(datasets, self.dataset),), {"base_folder": ""})
        meta = (dataset.meta["filename"], dataset.meta["md5"])
        for name, checksum in (*dataset.train_list, *dataset.test_list, meta):
            if not check_integrity(str(place / name), checksum):
                why = "its checksum is wrong" if (place / name).is_file() else "it is missing"
                raise self._broken(place / name, why)
        read = dataset(str(place), train=train)
        images = np.ascontiguousarray(read.data.transpose(0, 3, 1, 2))
        return Split(torch.from_numpy(images), torch.tensor(read.targets, dtype=torch.int64))

    def _binary(self, files: Sequence[Path]) -> Split:
        size = self.labels + _PIXELS
        parts = []
        for file in files:
            content = np.fromfile(file, dtype=np.uint8)
            if not len(content) or len(content) % size:
                raise self._broken(file, f"{len(content)} bytes are not a multiple of {size}")
            parts.append(content.reshape(-1, size))
        records = np.concatenate(parts)
        labels = torch.from_numpy(records[:, self.labels - 1].astype(np.int64))
        check_labels(labels, len(self.names), str(files[0]))
        images = np.ascontiguousarray(records[:, self.labels :]).reshape(-1, 3, SIDE, SIDE)
        return Split(torch.from_numpy(images), labels)

    def _class_names(self, place: Path) -> tuple[str, ...]:
        """Return the class names in the file of CIFAR-100's binary batches, or `names`."""
        text = place / "fine_label_names.txt"
        names = read_text(text, TaskError).split() if text.is_file() else []
        return tuple(names) if len(names) == len(self.names) else self.names

    def _broken(self, file: Path, why: str) -> TaskError:
        return TaskError(
            f"{file} is not a {self.title} batch ({why}).",
            "Unpack the archive of its authors again, and give --data that folder.",
        )


CIFAR10 = CifarFiles(
    "CIFAR-10", "CIFAR10", ("cifar-10-batches-py", "cifar-10-batches-bin"),
    tuple(f"data_batch_{number}" for number in range(1, 6)), "test_batch", 1,
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
)  # fmt: skip
CIFAR100 = CifarFiles(
    "CIFAR-100", "CIFAR100", ("cifar-100-python", "cifar-100-binary"), ("train",), "test", 2,
    tuple(map(str, range(100))),  # not torchvision's names: they would change the digest
)  # fmt: skip
