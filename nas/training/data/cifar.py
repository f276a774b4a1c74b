"""CIFAR-10 and CIFAR-100, from a folder in one of their usual forms, or downloaded by torchvision.

A folder with subfolders of images may have any other classes; images are resized to 32x32.
"""

import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from nas.errors import TaskError
from nas.training.data.cache import cache_dir, cached
from nas.training.data.cifar_batches import CIFAR10, CIFAR100, SIDE, CifarFiles
from nas.training.data.images import DataRequest, ImageSource
from nas.training.data.user_images import checked_folder, read_images

_TIMEOUT = 30.0  # seconds that a download waits for an answer
_REMEDY = (
    "Give --data a folder with parquet files as the hub stores them, the batches of its authors, "
    "or one subfolder of images for each class."
)


def _read_kind(kind: CifarFiles, request: DataRequest) -> ImageSource:
    """Return the images in the folder of `request`; without a folder, download them once.

    Raises:
        TaskError: there is no such folder, nothing usable in it, or no network to download from.
    """
    if request.folder is None:
        return _downloaded(kind)
    folder = checked_folder(request.folder, _REMEDY)
    try:
        return _read(kind, folder, request.skip_corrupt)
    except PermissionError as error:
        raise TaskError(f"{error.filename} cannot be read.", "Correct its permissions.") from error


read_cifar10 = partial(_read_kind, CIFAR10)
read_cifar100 = partial(_read_kind, CIFAR100)


def _read(kind: CifarFiles, folder: Path, skip: bool) -> ImageSource:
    if found := kind.find(folder):
        return _read_batches(kind, found)
    return read_images(folder, SIDE, "always", skip)


def _read_batches(kind: CifarFiles, found: Sequence[Path]) -> ImageSource:
    """Return the images of the batches `found`, through the cache that workers share."""
    place = found[0].parent
    named = [*place.glob("*meta*"), *place.glob("*names*")]  # of the classes
    return cached([*found, *named], f"{kind.dataset.lower()}-batches", lambda: kind.read(found))


def _downloaded(kind: CifarFiles) -> ImageSource:
    """Return the data set from the cache folder; downloads appear there when complete."""
    folder = cache_dir() / kind.dataset.lower()
    if not kind.find(folder):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as place:
                whole = Path(place) / folder.name  # with the permissions of any new folder
                whole.mkdir()
                _download(kind, whole)
                _publish(kind, whole, folder)
        except (OSError, RuntimeError) as error:
            raise TaskError(
                f"{kind.title} cannot be downloaded to {folder} ({str(error)[:160]}).",
                f"Type --task digits, which needs no download, or --data DIR. {_REMEDY}",
            ) from error
    return _read_batches(kind, kind.find(folder))


def _publish(kind: CifarFiles, place: Path, folder: Path) -> None:
    for archive in place.glob("*.tar.gz"):
        archive.unlink()
    try:
        place.rename(folder)
    except OSError:
        if not kind.find(folder):  # otherwise another process has downloaded it
            raise


def _download(kind: CifarFiles, place: Path) -> None:
    from torchvision import datasets  # seconds to import, and rarely needed

    with _answer_within(_TIMEOUT):
        getattr(datasets, kind.dataset)(str(place), download=True)


@contextmanager
def _answer_within(seconds: float) -> Iterator[None]:
    """Set a timeout of `seconds` for connections that are opened in the block."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
