"""Check every image of a data set: its size, its digest, and whether it can be decoded.

The result is cached by the paths, sizes and modification times of the files, so that all images of
a data set are decoded only once.
"""

import contextlib
import hashlib
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nas.errors import TaskError
from nas.files import write_whole
from nas.training.data.cache import cache_dir, fingerprint
from nas.training.data.records import Records
from nas.training.decoding.pixels import BROKEN, look, reason

DIGEST = 16  # bytes of the digest of an image
GOOD, BAD, EMPTY = range(3)  # the image can be decoded, cannot be decoded, has no bytes

_NO_PEAK = -1


@dataclass(frozen=True, eq=False)
class Scan:
    """The properties of N images.

    `state` is GOOD, BAD or EMPTY; `sizes` are width and height, upright, of shape (N, 2); `digests`
    are BLAKE2b of the encoded bytes, of shape (N, DIGEST); `frames` marks files with several
    frames; `peaks` are the largest values of 16-bit images, -1 for others.
    """

    state: NDArray[np.int8]
    sizes: NDArray[np.int32]
    digests: NDArray[np.uint8]
    frames: NDArray[np.bool_]
    peaks: NDArray[np.int32]

    def indices(self, state: int) -> list[int]:
        """Return the indices of the images in `state`."""
        found: list[int] = np.flatnonzero(self.state == state).tolist()
        return found


def scan(records: Records, files: Iterable[Path | str]) -> Scan:
    """Return the properties of all images of `records`, which are in `files`."""
    path = cache_dir() / f"scan2-{fingerprint(files)}.npz"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        with np.load(path, allow_pickle=False) as kept:
            known = Scan(**kept)
        if len(known.state) == len(records):
            return known
    found = _scanned(records)
    with contextlib.suppress(OSError):
        write_whole(path, lambda part: _write(found, part))
    return found


def _scanned(records: Records) -> Scan:
    count = len(records)
    found = Scan(
        np.full(count, BAD, np.int8),
        np.zeros((count, 2), np.int32),
        np.zeros((count, DIGEST), np.uint8),
        np.zeros(count, np.bool_),
        np.full(count, _NO_PEAK, np.int32),
    )
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # a trial has no more cores
        for _ in pool.map(_look_into(records, found), range(count), chunksize=64):
            pass
    return found


def _write(found: Scan, path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, **vars(found))


def _look_into(records: Records, found: Scan) -> Callable[[int], None]:
    def look_at(index: int) -> None:
        data = records.read(index)
        digest = hashlib.blake2b(data, digest_size=DIGEST).digest()
        found.digests[index] = np.frombuffer(digest, np.uint8)
        if not data:
            found.state[index] = EMPTY
            return
        try:
            seen = look(data)
        except BROKEN:
            return
        found.state[index] = GOOD
        found.sizes[index] = seen.size
        found.frames[index] = seen.frames
        found.peaks[index] = _NO_PEAK if seen.peak is None else seen.peak

    return look_at


def refuse_broken(
    records: Records, index: int, where: str, count: int = 1, total: int = 1
) -> TaskError:
    """Return the error that names image `index`, the first of `count` broken ones."""
    try:
        look(records.read(index))
        why = "it has changed"
    except BROKEN as error:
        why = reason(error)
    more = f", and {count - 1:,} more of {total:,}" if count > 1 else ""
    return TaskError(
        f"{records.name(index)} is not a readable image ({why}){more} in {where}.",
        "Replace or delete the unreadable images, or add --skip-corrupt.",
    )
