"""Folders: which files below a folder are images, and which are left out."""

import mimetypes
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from nas.training.data.account import LeftOut, Reason

_SYSTEM = frozenset(
    {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "__pycache__", "lost+found",
     "$recycle.bin", "system volume information"}
)  # fmt: skip
# Pillow knows the suffixes of these formats, but cannot decode them by itself
_STUBS = frozenset({"BUFR", "EPS", "FPX", "GRIB", "HDF5", "MIC", "MPEG", "WMF"})
_SNIFFED = 64 << 20  # bytes up to which a file of an unknown suffix is looked into


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of the image formats that the installed Pillow reads, with their dot."""
    from PIL import Image

    Image.init()
    readable = Image.OPEN.keys() - _STUBS
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, kind in known if kind in readable)


def has_image_suffix(name: str) -> bool:
    """Tell whether a file is named like an image."""
    return os.path.splitext(name)[1].lower() in suffixes()  # noqa: PTH122


def may_be_image(name: str) -> bool:
    """Tell whether a file may be an image by its name: so named, or with an unknown suffix."""
    if has_image_suffix(name):
        return True
    return mimetypes.guess_type(name)[0] is None and not is_parquet(name)


def is_parquet(name: str) -> bool:
    """Tell whether a file is named like a parquet file."""
    return name.lower().endswith((".parquet", ".parq"))


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden, or one of the system's."""
    return name.startswith(".") or name.lower() in _SYSTEM


def entries(folder: Path | str) -> list["os.DirEntry[str]"]:
    """Return what lies in `folder`, by name; raises OSError where it cannot be read."""
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def subfolders(folder: Path | str) -> list["os.DirEntry[str]"]:
    """Return the folders in `folder`, links to folders included, without the hidden ones."""
    return [entry for entry in entries(folder) if not is_hidden(entry.name) and entry.is_dir()]


def has_images(folder: Path | str) -> bool:
    """Tell whether a file directly in `folder` is named like an image, or has no suffix."""
    return any(
        _named_like_image(entry.name) and not entry.is_dir()
        for entry in entries(folder)
        if not is_hidden(entry.name)
    )


def bears_images(folder: Path | str) -> bool:
    """Tell whether a file anywhere below `folder` is named like an image, or has no suffix."""
    found = [entry for entry in entries(folder) if not is_hidden(entry.name)]
    if any(_named_like_image(entry.name) and not entry.is_dir() for entry in found):
        return True
    return any(bears_images(entry.path) for entry in found if entry.is_dir(follow_symlinks=False))


def images_below(folder: Path | str, left_out: LeftOut) -> Iterator[str]:
    """Yield the files below `folder` that may be images, in the order of their paths.

    As text, for a large data set has millions of them, and without a look into each. Files that
    are none by their name or kind are entered in `left_out`.

    Raises:
        OSError: a folder cannot be read.
    """
    for entry in entries(folder):
        if is_hidden(entry.name):
            if has_image_suffix(entry.name) and entry.name.lower() not in _SYSTEM:
                left_out.add(Reason.HIDDEN, entry.path)
        elif entry.is_dir(follow_symlinks=False):
            yield from images_below(entry.path, left_out)
        elif (reason := _why_not(entry)) is None:
            yield entry.path
        else:
            left_out.add(reason, entry.path)


def account_for(folder: Path | str, left_out: LeftOut) -> None:
    """Enter the files that lie directly in `folder`, which holds the folders of the classes."""
    for entry in entries(folder):
        if is_hidden(entry.name) or entry.is_dir():
            continue
        image = has_image_suffix(entry.name)
        left_out.add(Reason.OUTSIDE if image else Reason.NO_IMAGE, entry.path)


def _why_not(entry: "os.DirEntry[str]") -> Reason | None:
    """Return why `entry` is left out, None where it may be an image."""
    if not entry.is_file():
        if entry.is_dir():
            return Reason.FOLDER_LINK
        return Reason.LINK if entry.is_symlink() else Reason.SPECIAL
    if has_image_suffix(entry.name):
        return None
    small = may_be_image(entry.name) and entry.stat().st_size <= _SNIFFED
    return None if small else Reason.NO_IMAGE


def _named_like_image(name: str) -> bool:
    return has_image_suffix(name) or not os.path.splitext(name)[1]  # noqa: PTH122
