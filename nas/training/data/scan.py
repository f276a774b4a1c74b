"""Scan: look at every image once: its size, its digest, and whether it can be decoded at all.

What was found is kept in the cache by the paths, sizes and times of change of the files, so that a
data set is read whole when it is new, and not again.
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
GOOD, BAD, EMPTY = range(3)  # of an image: it can be decoded, it cannot, it has no bytes

_NO_PEAK = -1


@dataclass(frozen=True, eq=False)
class Scan:
    """What was seen of N images.

    `state` is GOOD, BAD or EMPTY; `sizes` are width and height, upright, of shape (N, 2);
    `digests` are BLAKE2b of the encoded bytes, of shape (N, DIGEST); `frames` tells which files
    have several; `peaks` are the largest values of those with 16 bits, -1 for others.
    """

    state: NDArray[np.int8]
    sizes: NDArray[np.int32]
    digests: NDArray[np.uint8]
    frames: NDArray[np.bool_]
    peaks: NDArray[np.int32]

    def indices(self, state: int) -> list[int]:
        """Return the numbers of the images that are in `state`."""
        found: list[int] = np.flatnonzero(self.state == state).tolist()
        return found


def scan(records: Records, files: Iterable[Path | str]) -> Scan:
    """Return what is seen of all images of `records`, which lie in `files`."""
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
    """Return the error that names image `index`, the first of `count` that cannot be decoded."""
    try:
        look(records.read(index))
        why = "it has changed meanwhile"
    except BROKEN as error:
        why = reason(error)
    more = f", and {count - 1:,} more of {total:,}" if count > 1 else ""
    return TaskError(
        f"{records.name(index)} is not a readable image ({why}){more} in {where}.",
        "Replace or delete what cannot be read, or add --skip-corrupt.",
    )
