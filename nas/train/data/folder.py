"""A folder of images per class, with or without `train` and `test` above it.

DIR/cat/1.png …                  all images train; a test split is drawn from them
DIR/train/cat/1.png … DIR/test/cat/7.png …
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from nas.errors import TaskError
from nas.train.data.images import Decoding, Source, check_labels, decode_all
from nas.train.data.task import Split

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def find_images(folder: Path) -> list[Path]:
    """Return every image that lies in a folder of its class, in order."""
    roots = [folder / "train", folder / "test"] if (folder / "train").is_dir() else [folder]
    return sorted(
        file
        for root in roots
        for file in root.glob("*/*")
        if file.suffix.lower() in SUFFIXES and file.is_file()
    )


def images_below(root: Path) -> Iterator[str]:
    """Yield every image below the folders in `root`, in the order of its path, part by part.

    As text, for a large data set has millions of them, and without a look at each.

    Raises:
        OSError: a folder cannot be read.
    """
    for entry in _entries(root):
        if entry.is_dir():
            yield from _below(entry.path)


def _below(folder: str) -> Iterator[str]:
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file():  # noqa: PTH122
            yield entry.path


def _entries(folder: Path | str) -> list["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def read_folder(folder: Path, files: Sequence[Path], side: int, skip: bool = False) -> Source:
    """Read the images that `find_images` found, brought to `side` pixels.

    Raises:
        TaskError: one is no image and `skip` is not given, there are fewer than two classes, or
            train and test disagree.
    """
    split = (folder / "train").is_dir()
    tests = [file for file in files if split and file.parent.parent.name == "test"]
    trains = [file for file in files if file not in set(tests)]
    names = tuple(sorted({file.parent.name for file in trains}))
    strange = sorted({file.parent.name for file in tests} - set(names))
    if strange:
        raise TaskError(
            f"{folder / 'test'} has a class {strange[0]!r} that {folder / 'train'} has not.",
            "Give both folders the same classes.",
        )
    train, note = _read(trains, names, side, skip)
    check_labels(train.labels, len(names), str(folder))
    test, other = _read(tests, names, side, skip) if tests else (None, Decoding())
    return Source(train, test, names, (note + other).text(side))


def _read(
    files: Sequence[Path], names: Sequence[str], side: int, skip: bool
) -> tuple[Split, Decoding]:
    labels = [names.index(file.parent.name) for file in files]
    return decode_all(((_bytes(file), str(file)) for file in files), labels, side, skip)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise TaskError(f"{file} cannot be read: {error}.", "Mend its permissions.") from error
