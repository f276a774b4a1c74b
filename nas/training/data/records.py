"""Encoded images that stay on disk, in separate files or in rows of parquet."""

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from nas.errors import TaskError

_WINDOW = 4096  # the largest number of images in a shuffle window; random access is slow
WINDOW_BYTES = 256 << 20  # the largest size of a shuffle window, which is kept in memory
SPARE = 4  # additional row groups in memory, for batches that extend into the next window


class Records(Protocol):
    """Encoded images by number; may be read from several threads at once."""

    def __len__(self) -> int:
        """Return the number of images."""

    def read(self, index: int) -> bytes:
        """Return the bytes of one image; raises a TaskError if its file cannot be read."""

    def source(self, index: int) -> bytes | str:
        """Return the path or the bytes of one image, from which another process decodes it."""

    def name(self, index: int) -> str:
        """Return the name of the image for the user."""

    def groups(self) -> Tensor | None:
        """Return the block of each image, int64 of shape (N,); None for separate files."""

    @property
    def window(self) -> int:
        """The number of blocks that are shuffled together."""


@dataclass(frozen=True, eq=False)
class Files:
    """Some of the images of `records`: their numbers and their labels, int64 of shape (N,)."""

    records: Records
    indices: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def order(self, random: torch.Generator) -> Tensor:
        """Return 0..N-1 shuffled, int64; blocks, if any, are shuffled window by window."""
        groups = self.records.groups()
        if groups is None:
            return torch.randperm(len(self), generator=random)
        ranks = torch.randperm(int(groups.max()) + 1, generator=random)[groups[self.indices]]
        by_block = torch.argsort(ranks, stable=True)
        sizes = torch.bincount(ranks // self.records.window).tolist()
        windows = [
            w[torch.randperm(len(w), generator=random)] for w in torch.split(by_block, sizes)
        ]
        return torch.cat(windows)


def unreadable_file(name: str, error: OSError) -> TaskError:
    """Return the error about an image whose file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return TaskError(f"{name} no longer exists.", "Restore it, then run: nas resume STUDY")
    return TaskError(f"{name} cannot be read: {error.strerror}.", "Correct its permissions.")


class FileRecords:
    """Images in separate files.

    Their paths are stored as one byte string, with about 50 bytes for each: as objects, ImageNet's
    paths would take half a gigabyte in every process.
    """

    def __init__(self, files: Sequence[Path | str]) -> None:
        """Number `files` from 0."""
        paths = [os.fsencode(file) for file in files]
        self._root: bytes = os.path.commonprefix(paths) or b""  # noqa: RUF071
        tails = [path[len(self._root) :] for path in paths]
        self._ends = np.cumsum([len(tail) for tail in tails], dtype=np.int64)
        self._tails = b"".join(tails)

    def __len__(self) -> int:
        return len(self._ends)

    def read(self, index: int) -> bytes:
        """Return the content of one file; raises a TaskError if it cannot be read."""
        try:
            return Path(self.name(index)).read_bytes()
        except OSError as error:
            raise unreadable_file(self.name(index), error) from error

    def source(self, index: int) -> str:
        """Return the path of the file."""
        return self.name(index)

    def name(self, index: int) -> str:
        """Return the path of the file."""
        start = int(self._ends[index - 1]) if index else 0
        return os.fsdecode(self._root + self._tails[start : int(self._ends[index])])

    def groups(self) -> Tensor | None:
        """Return None: the images are in separate files."""
        return None

    @property
    def window(self) -> int:
        """One: there are no blocks."""
        return 1


@dataclass(frozen=True)
class _Block:
    """One row group of a parquet file, and the number of its first image."""

    file: Path
    group: int
    first: int


@dataclass
class ParquetRecords:
    """Images in the rows of parquet files; the row groups of one window stay in memory.

    `column` must be accepted by `nas.training.data.parquet` as the images.
    """

    files: Sequence[Path]
    column: str
    _blocks: list[_Block] = field(init=False)
    _groups: Tensor = field(init=False)
    _recent: "OrderedDict[int, list[bytes | None]]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        import pyarrow.parquet as pq

        self._blocks, sizes, first, weight = [], [], 0, 0
        for file in self.files:
            metadata = pq.read_metadata(file)
            for group in range(metadata.num_row_groups):
                rows = metadata.row_group(group).num_rows
                weight += metadata.row_group(group).total_byte_size
                self._blocks.append(_Block(file, group, first))
                sizes.append(rows)
                first += rows
        self._groups = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        rows_each = max(1, first // max(1, len(sizes)))
        fitting = WINDOW_BYTES * first // max(1, weight)
        self._window = max(1, min(_WINDOW, fitting) // rows_each)
        self._kept = self._window + min(self._window, SPARE)

    def __len__(self) -> int:
        return len(self._groups)

    def read(self, index: int) -> bytes:
        """Return the image of one row, empty if it has none; raises a TaskError if unreadable."""
        number = int(self._groups[index])
        with self._lock:
            if number not in self._recent:
                self._recent[number] = self._load(self._blocks[number])
                while len(self._recent) > self._kept:
                    self._recent.popitem(last=False)
            self._recent.move_to_end(number)
            return self._recent[number][index - self._blocks[number].first] or b""

    def source(self, index: int) -> bytes:
        """Return the bytes: processes that read rows would each keep row groups in memory."""
        return self.read(index)

    def name(self, index: int) -> str:
        """Return the row and the file as text."""
        block = self._blocks[int(self._groups[index])]
        first = next(other.first for other in self._blocks if other.file == block.file)
        return f"row {index - first} of {block.file}"

    def groups(self) -> Tensor | None:
        """Return the row group of each image."""
        return self._groups

    @property
    def window(self) -> int:
        """The number of row groups that may be in memory."""
        return self._window

    @property
    def held(self) -> int:
        """The number of row groups in memory."""
        return len(self._recent)

    def _load(self, block: _Block) -> list[bytes | None]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from nas.training.data.parquet import encoded_images, unreadable

        try:
            with pq.ParquetFile(block.file) as opened:
                table = opened.read_row_group(block.group, columns=[self.column])
        except (pa.ArrowException, OSError) as error:
            raise unreadable(block.file, error) from error
        return encoded_images(table.column(self.column))
