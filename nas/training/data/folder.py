"""Find the images below a folder, and record the other files."""

import mimetypes
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from nas.training.data.left_out import LeftOut, LeftOutReason

_SYSTEM = frozenset(
    {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "__pycache__", "lost+found",
     "$recycle.bin", "system volume information"}
)  # fmt: skip
# Pillow registers the suffixes of these formats, but needs other software to decode them
_STUBS = frozenset({"BUFR", "EPS", "FPX", "GRIB", "HDF5", "MIC", "MPEG", "WMF"})
_SNIFFED = 64 << 20  # largest file with an unknown suffix that is opened, in bytes


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of the image formats that the installed Pillow reads, with the dot."""
    from PIL import Image

    Image.init()
    readable = Image.OPEN.keys() - _STUBS
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, kind in known if kind in readable)


def has_image_suffix(name: str) -> bool:
    """Tell whether a file has the suffix of an image."""
    return os.path.splitext(name)[1].lower() in suffixes()  # noqa: PTH122


def may_be_image(name: str) -> bool:
    """Tell whether a file may be an image: by its suffix, or if its suffix is unknown."""
    if has_image_suffix(name):
        return True
    return mimetypes.guess_type(name)[0] is None and not is_parquet(name)


def is_parquet(name: str) -> bool:
    """Tell whether a file has the suffix of parquet."""
    return name.lower().endswith((".parquet", ".parq"))


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden, or belongs to the system."""
    return name.startswith(".") or name.lower() in _SYSTEM


def entries(folder: Path | str) -> list["os.DirEntry[str]"]:
    """Return the entries of `folder`, sorted by name; raises OSError if it cannot be read."""
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def subfolders(folder: Path | str) -> list["os.DirEntry[str]"]:
    """Return the subfolders of `folder`, including links to folders, without hidden ones."""
    return [entry for entry in entries(folder) if not is_hidden(entry.name) and entry.is_dir()]


def has_images(folder: Path | str) -> bool:
    """Tell whether a file directly in `folder` has an image suffix, or none."""
    return any(
        _named_like_image(entry.name) and not entry.is_dir()
        for entry in entries(folder)
        if not is_hidden(entry.name)
    )


def contains_images(folder: Path | str) -> bool:
    """Tell whether a file anywhere below `folder` has an image suffix, or none."""
    found = [entry for entry in entries(folder) if not is_hidden(entry.name)]
    if any(_named_like_image(entry.name) and not entry.is_dir() for entry in found):
        return True
    return any(
        contains_images(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)
    )


def images_below(folder: Path | str, left_out: LeftOut) -> Iterator[str]:
    """Yield the files below `folder` that may be images, sorted by path.

    The paths are text, because a large data set has millions of them; no file is opened. Files that
    cannot be images by name or type are added to `left_out`.

    Raises:
        OSError: a folder cannot be read.
    """
    for entry in entries(folder):
        if is_hidden(entry.name):
            if has_image_suffix(entry.name) and entry.name.lower() not in _SYSTEM:
                left_out.add(LeftOutReason.HIDDEN, entry.path)
        elif entry.is_dir(follow_symlinks=False):
            yield from images_below(entry.path, left_out)
        elif (reason := _reason_left_out(entry)) is None:
            yield entry.path
        else:
            left_out.add(reason, entry.path)


def leave_out_files(folder: Path | str, left_out: LeftOut) -> None:
    """Add the files directly in `folder`, the parent of the class folders, to `left_out`."""
    for entry in entries(folder):
        if is_hidden(entry.name) or entry.is_dir():
            continue
        image = has_image_suffix(entry.name)
        left_out.add(LeftOutReason.OUTSIDE if image else LeftOutReason.NO_IMAGE, entry.path)


def _reason_left_out(entry: "os.DirEntry[str]") -> LeftOutReason | None:
    """Return the reason to leave out `entry`, None if it may be an image."""
    if not entry.is_file():
        if entry.is_dir():
            return LeftOutReason.FOLDER_LINK
        return LeftOutReason.LINK if entry.is_symlink() else LeftOutReason.SPECIAL
    if has_image_suffix(entry.name):
        return None
    small = may_be_image(entry.name) and entry.stat().st_size <= _SNIFFED
    return None if small else LeftOutReason.NO_IMAGE


def _named_like_image(name: str) -> bool:
    return has_image_suffix(name) or not os.path.splitext(name)[1]  # noqa: PTH122
