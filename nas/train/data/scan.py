"""Scan: look at every image once, to find its size and whether it can be decoded at all.

What was found is kept in the cache, so that a large data set is scanned when it is new.
"""

import contextlib
import io
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from nas.errors import TaskError
from nas.train.data.cache import cache_dir, fingerprint
from nas.train.data.records import Records
from nas.train.decode import BROKEN
from nas.train.files import write_whole


@dataclass(frozen=True)
class Scan:
    """(width, height) of every image, None for those that cannot be decoded."""

    sizes: tuple[tuple[int, int] | None, ...]

    @property
    def broken(self) -> list[int]:
        """The numbers of the images that cannot be decoded."""
        return [index for index, size in enumerate(self.sizes) if size is None]


def scan(records: Records, files: Iterable[Path | str]) -> Scan:
    """Return the sizes of all images of `records`, which lie in `files`."""
    path = cache_dir() / f"scan-{fingerprint(files)}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        known = json.loads(path.read_text(encoding="utf-8"))
        if len(known) == len(records):
            return Scan(tuple(tuple(size) if size else None for size in known))
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # a trial has no more cores
        sizes = tuple(pool.map(_look(records), range(len(records)), chunksize=64))
    with contextlib.suppress(OSError):
        write_whole(path, lambda part: _write(sizes, part))
    return Scan(sizes)


def _write(sizes: tuple[tuple[int, int] | None, ...], path: Path) -> None:
    path.write_text(json.dumps(sizes), encoding="utf-8")


def _look(records: Records) -> Callable[[int], tuple[int, int] | None]:
    def look(index: int) -> tuple[int, int] | None:
        try:
            with Image.open(io.BytesIO(records.read(index))) as image:
                size = image.size
                image.draft("RGB", (1, 1))  # a JPEG is read to its end, but at an eighth
                image.load()
        except BROKEN:
            return None
        return size

    return look


def refuse_broken(names: list[str], total: int, where: str) -> None:
    """Raise the error that names and counts the images of `where` that cannot be decoded.

    Raises:
        TaskError: there is one.
    """
    if not names:
        return
    more = f", and {len(names) - 1:,} more of {total:,}" if len(names) > 1 else ""
    raise TaskError(
        f"{names[0]} is not a readable image{more} in {where}.",
        "Replace or delete what cannot be read, or add --skip-corrupt.",
    )
