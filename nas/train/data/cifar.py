"""CIFAR-10, from a folder in one of its usual forms, or downloaded by torchvision.

A folder of images per class need not be CIFAR: any classes do, at 32x32.
"""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.errors import TaskError
from nas.train.data.batches import SIDE, find_batches, read_batches
from nas.train.data.cache import cache_dir, cached
from nas.train.data.folder import find_images, read_folder
from nas.train.data.images import Source

_TIMEOUT = 30.0  # seconds without an answer
_REMEDY = (
    "Give --data a folder with parquet files as the hub stores them, the CIFAR-10 batches of its "
    "authors, or one subfolder of images for each class."
)


def read_cifar10(data_dir: str | None) -> Source:
    """Return the images in `data_dir`; without one, those downloaded before, or now.

    Raises:
        TaskError: there is no such folder, nothing usable in it, or no network to download from.
    """
    if data_dir is None:
        return _downloaded()
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise TaskError(f"there is no folder {folder}.", _REMEDY)
    try:
        return _read(folder)
    except PermissionError as error:
        raise TaskError(f"{error.filename} cannot be read.", "Mend its permissions.") from error


def _find_parquet(folder: Path) -> list[Path]:
    """Return the parquet files in `folder` and its `data` subfolder."""
    return sorted([*folder.glob("*.parquet"), *folder.glob("data/*.parquet")])


def _read_parquet(files: list[Path]) -> Source:
    from nas.train.data.parquet import read_parquet  # pyarrow: memory that the digits do not need

    return read_parquet(files, SIDE)


def _read(folder: Path) -> Source:
    if parquet := _find_parquet(folder):
        return cached(parquet, "parquet", lambda: _read_parquet(parquet))
    if batches := find_batches(folder):
        return read_batches(batches)  # quick to read as it is
    if images := find_images(folder):
        return cached(images, "folder", lambda: read_folder(folder, images, SIDE))
    raise TaskError(f"{folder} holds no images that can be read.", _REMEDY)


def _downloaded() -> Source:
    """Return CIFAR-10 from the cache folder, where it is unpacked under its final name only."""
    folder = cache_dir() / "cifar10"
    if not find_batches(folder):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as place:
                _download(Path(place))
                _publish(Path(place), folder)
        except (OSError, RuntimeError) as error:
            raise TaskError(
                f"CIFAR-10 cannot be downloaded to {folder} ({str(error)[:160]}).",
                f"Type --task digits, which needs no download, or --data DIR. {_REMEDY}",
            ) from error
    return read_batches(find_batches(folder))


def _publish(place: Path, folder: Path) -> None:
    for archive in place.glob("*.tar.gz"):
        archive.unlink()
    try:
        place.rename(folder)
    except OSError:
        if not find_batches(folder):  # else another process has downloaded it meanwhile
            raise


def _download(place: Path) -> None:
    from torchvision.datasets import CIFAR10  # seconds to import, and rarely needed

    with _answer_within(_TIMEOUT):
        CIFAR10(str(place), download=True)


@contextmanager
def _answer_within(seconds: float) -> Iterator[None]:
    """Let connections that are opened inside give up after `seconds` without an answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
