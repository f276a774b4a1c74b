"""Find, check and label the user's images, ImageNet, and CIFAR, in folders or parquet.

    DIR/cat/1.jpg …                              without parts: all splits are drawn from them
    DIR/train/cat/1.jpg … DIR/val/cat/7.jpg …    parts, by the names in `nas.training.data.layout`
    DIR/train-*.parquet, DIR/validation-*.parquet (or test-*), also in DIR/data

If a data set has both a `test` and a `val` part, they are the test and the validation split, unless
the test images have no labels (-1, as in ImageNet). A single `val` part is the test split.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from nas.errors import TaskError
from nas.training.data.cache import cached
from nas.training.data.folder import contains_images, has_image_suffix, images_below
from nas.training.data.images import DataRequest, ImageSource
from nas.training.data.labels import class_names, positions
from nas.training.data.layout import find_parts, shared_folders
from nas.training.data.left_out import LeftOut, LeftOutReason, printable
from nas.training.data.records import FileRecords, Files, ParquetRecords, Records
from nas.training.data.scan import BAD, EMPTY, GOOD, Scan, refuse_broken, scan
from nas.training.data.task import Split
from nas.training.decoding.decode import BROKEN, whole

IMAGENET_SIDE = 224
_LARGEST = 224  # the largest default side: larger images are scaled down to it
_SMALLEST = 8
_IN_MEMORY = (64, 1 << 30)  # largest side and bytes of images kept in memory, if all have one size
_DIM = 4096  # 16-bit images with values below it have 12 bits, and would be nearly black
_REMEDY = "Give --data a folder with one subfolder of images for each class, or with parquet files."

Hold = Literal["always", "small", "never"]


@dataclass(frozen=True)
class _Part:
    """The images of one part of a data set, before they are checked.

    `known` are the names of the labels, if the file has them.
    """

    records: Records
    files: Sequence[Path | str]
    labels: list[Any]
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    """The parts of a data set by name, and the files left out.

    `folders` are the class folders by class; empty if the files contain the labels. `ambiguity` is
    a note for the user if the folders may be parts and not classes.
    """

    parts: dict[str, _Part]
    left_out: LeftOut = field(default_factory=LeftOut)
    folders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ambiguity: str = ""


def read_imagenet(request: DataRequest) -> ImageSource:
    """Return ImageNet from the folder of `request`, at 224x224 by default.

    Raises:
        TaskError: no folder was given, or it has no usable images.
    """
    folder = _folder(request.folder, "imagenet")
    return read_images(folder, request.side or IMAGENET_SIDE, "never", request.skip_corrupt)


def read_own(request: DataRequest) -> ImageSource:
    """Return the images in the folder of `request`, with an automatic size by default.

    The size is the median of the shorter sides, at most 224. Images that all have the same small
    square size are kept in memory, others are streamed.

    Raises:
        TaskError: no folder was given, or it has no usable images.
    """
    folder = _folder(request.folder, "folder")
    return read_images(folder, request.side, "small", request.skip_corrupt)


def read_images(folder: Path, side: int | None, hold: Hold, skip: bool) -> ImageSource:
    """Return the images in `folder`, at `side` pixels or an automatic size.

    They are kept in memory always, if they are small, or never, by `hold`; otherwise they are
    streamed. With `skip`, images that cannot be decoded are left out.

    Raises:
        TaskError: the folder has no usable images.
    """
    try:
        found = _find(folder)
    except PermissionError as error:
        raise TaskError(f"{error.filename} cannot be read.", "Correct its permissions.") from error
    if "train" not in found.parts:
        raise _no_images_error(folder, found.left_out)
    scans = {key: scan(part.records, part.files) for key, part in found.parts.items()}
    _check_broken(found, scans, skip, folder)
    if not scans["train"].indices(GOOD):
        raise _no_images_error(folder, found.left_out)
    sizes = np.concatenate([each.sizes[each.state == GOOD] for each in scans.values()])
    _check_folders(found, scans, folder)
    files, names = _labelled(found, scans, folder)
    _check_classes(files["train"], folder)
    side = side or int(min(_LARGEST, max(_SMALLEST, np.median(sizes.min(axis=1)))))
    source = _source(files, names, side, _digest(files, scans, names))
    one_size = bool((sizes == side).all())
    notes = [found.ambiguity, *_remarks(scans, files, names), found.left_out.text]
    if hold == "always" or (hold == "small" and one_size and _small(side, len(sizes))):
        resized = int((sizes != side).any(axis=1).sum())
        notes.insert(0, f"{resized:,} images resized to {side}x{side}" if resized else "")
        paths = [Path(file) for part in found.parts.values() for file in part.files]
        kind = f"images{side}{'-skip' if skip else ''}-{source.digest}"
        source = cached(paths, kind[:48], lambda: _decoded_source(source, side))
    else:
        notes.insert(0, f"streamed from disk, cropped to {side}x{side}")
    return replace(source, note="; ".join(note for note in notes if note))


def _folder(data_dir: str | None, task: str) -> Path:
    if data_dir is None:
        raise TaskError(
            f"the task {task} needs the folder of its images.", f"Add --data. {_REMEDY}"
        )
    return checked_folder(data_dir)


def checked_folder(data_dir: str, remedy: str = _REMEDY) -> Path:
    """Return the folder at `data_dir`, which may begin with ~; raises a TaskError if missing."""
    try:
        folder = Path(data_dir).expanduser()
        exists = folder.is_dir()
    except (OSError, RuntimeError):  # the path is too long, or names an unknown user
        folder, exists = Path(data_dir), False
    if not exists:
        raise TaskError(f"there is no folder {folder}.", remedy)
    return folder


def _no_images_error(folder: Path, left_out: LeftOut) -> TaskError:
    why = f"; {left_out.text}" if left_out.text else ""
    boxes = any(next(folder.glob(pattern), None) for pattern in ("*.json", "*/*.json"))
    hint = " For boxes in COCO's format add --task detection." if boxes else ""
    return TaskError(f"{folder} contains no readable images{why}.", _REMEDY + hint)


# -- finding ---------------------------------------------------------------------------------------


def _find(folder: Path) -> _Found:
    """Return the parts of a data set; without parts if the folder has no images."""
    # imports pyarrow only if needed
    from nas.training.data.parquet import find_parquet

    if parquet := find_parquet(folder):
        return _parquet(parquet, folder)
    tree = _tree(folder)
    if not tree.parts and (parquet := find_parquet(folder, deep=True)):
        return _parquet(parquet, folder)
    return tree


def _tree(folder: Path) -> _Found:
    left_out = LeftOut()
    folders: dict[str, list[str]] = {}
    parts = {}
    named = find_parts(folder, left_out)
    shared = shared_folders(named["train"]) if set(named) == {"train"} else []
    for key, classes in named.items():
        files: list[str] = []
        labels: list[str] = []
        for name, path in classes:
            folders.setdefault(name, []).append(path)
            below = list(images_below(path, left_out))
            files += below
            labels += [name] * len(below)
        if files:
            parts[key] = _Part(FileRecords(files), files, labels)
    return _Found(parts, left_out, folders, _ambiguity(named["train"], shared) if shared else "")


def _ambiguity(classes: Sequence[tuple[str, str]], shared: Sequence[str]) -> str:
    names, below = (
        ", ".join(map(printable, some[:3])) + (", …" if len(some) > 3 else "")
        for some in ([name for name, _ in classes], shared)
    )
    return (
        f"the classes {names} all contain the folders {below}: if these are the classes, rename "
        "the outer folders to train, val and test"
    )


def _parquet(files: Sequence[Path], folder: Path) -> _Found:
    from nas.training.data.parquet import columns, parquet_parts, read_labels, schema_names

    left_out = LeftOut()
    named = parquet_parts(files, folder, left_out)
    image, label = columns([file for mine in named.values() for file in mine])
    parts = {}
    for key, mine in named.items():
        labels = read_labels(mine, label)
        if key == "test" and set(labels) == {-1}:
            left_out.add(LeftOutReason.NO_LABELS, str(mine[0]))
        else:
            names = schema_names(mine[0], label)
            if not labels:
                raise TaskError(f"{mine[0]} has no rows.", "Give --data files with images.")
            parts[key] = _Part(ParquetRecords(mine, image), list(mine), labels, names)
    return _Found(parts, left_out)


# -- checking --------------------------------------------------------------------------------------


def _check_broken(found: _Found, scans: Mapping[str, Scan], skip: bool, folder: Path) -> None:
    """Add files that cannot be decoded to those left out; refuse those with an image suffix."""
    broken = []
    for key, part in found.parts.items():
        for index in scans[key].indices(EMPTY):
            found.left_out.add(LeftOutReason.EMPTY, part.records.name(index))
        for index in scans[key].indices(BAD):
            name = part.records.name(index)
            if isinstance(part.records, FileRecords) and not has_image_suffix(name):
                found.left_out.add(LeftOutReason.NO_IMAGE, name)
                continue
            found.left_out.add(LeftOutReason.UNREADABLE, name)
            broken.append((part.records, index))
    if broken and not skip:
        total = sum(len(each.state) for each in scans.values())
        raise refuse_broken(*broken[0], str(folder), len(broken), total)


def _check_folders(found: _Found, scans: Mapping[str, Scan], folder: Path) -> None:
    """Refuse a class folder that has files with an image suffix, but no readable one."""
    kept = {
        part.labels[index]
        for key, part in found.parts.items()
        for index in scans[key].indices(GOOD)
    }
    for name in sorted(found.folders.keys() - kept):
        if any(contains_images(path) for path in found.folders[name]):
            raise TaskError(
                f"no image of the class {name!r} of {folder} can be read; {found.left_out.text}.",
                "Restore its images, or delete the folder of the class.",
            )
        found.left_out.add(LeftOutReason.NO_CLASS, name)


def _check_classes(train: Files, folder: Path) -> None:
    count = len(torch.unique(train.labels))
    if count < 2:
        raise TaskError(
            f"{folder} has images of {count} class(es).",
            "Give --data a folder with images of at least two classes.",
        )


def _remarks(
    scans: Mapping[str, Scan], files: Mapping[str, Files], names: Sequence[str]
) -> list[str]:
    """Return notes for the user about the images."""
    remarks = []
    for key, part in files.items():
        present = set(part.labels.tolist())
        lacking = [name for label, name in enumerate(names) if label not in present]
        if lacking and key != "train":
            more = ", …" if len(lacking) > 3 else ""
            remarks.append(f"no {key} images of {', '.join(lacking[:3])}{more}")
    frames = sum(int(each.frames.sum()) for each in scans.values())
    if frames:
        remarks.append(f"{frames:,} files have several frames: only the first is read")
    peak = max(int(each.peaks.max(initial=-1)) for each in scans.values())
    if 0 <= peak < _DIM:
        remarks.append(
            f"the 16-bit images have no value above {peak:,} of 65,535 and are read as nearly "
            "black: scale them first"
        )
    return remarks


# -- labelling -------------------------------------------------------------------------------------


def _labelled(
    found: _Found, scans: Mapping[str, Scan], folder: Path
) -> tuple[dict[str, Files], tuple[str, ...]]:
    """Return the decodable images of each part, and the names of the classes."""
    kept = {key: scans[key].indices(GOOD) for key in found.parts}
    labels = {
        key: [found.parts[key].labels[index] for index in some]
        for key, some in kept.items()
        if some
    }
    known = found.parts["train"].known
    names = class_names(labels, known, str(folder))
    files = {
        key: Files(
            found.parts[key].records,
            torch.tensor(kept[key], dtype=torch.int64),
            positions(values, names, known),
        )
        for key, values in labels.items()
    }
    return files, names


def _source(
    files: Mapping[str, Files], names: tuple[str, ...], side: int, digest: str
) -> ImageSource:
    test = files.get("test") or files.get("val")
    val = files.get("val") if "test" in files else None
    return ImageSource(files["train"], test, names, side=side, val=val, digest=digest)


def _digest(files: Mapping[str, Files], scans: Mapping[str, Scan], names: Sequence[str]) -> str:
    """Return the SHA-256 of the encoded images, their labels, their order and their parts."""
    found = hashlib.sha256(repr(tuple(names)).encode())
    for key, part in sorted(files.items()):
        found.update(f"{key} {len(part)}".encode())
        found.update(scans[key].digests[part.indices.numpy()].tobytes())
        found.update(part.labels.numpy().tobytes())
    return found.hexdigest()


def _small(side: int, count: int) -> bool:
    return side <= _IN_MEMORY[0] and 3 * side * side * count <= _IN_MEMORY[1]


def _decoded_source(source: ImageSource, side: int) -> ImageSource:
    """Return `source` with its images decoded to `side` pixels, in memory."""
    held = {key: _decoded(files, side) for key, files in source.parts.items()}
    return replace(
        source, train=held["train"], val=held.get("val"), test=held.get("test"), side=None
    )


def _decoded(files: Split | Files, side: int) -> Split:
    assert isinstance(files, Files)
    images = np.empty((len(files), 3, side, side), dtype=np.uint8)
    for position, index in enumerate(files.indices.tolist()):
        images[position] = image_at(files.records, index, side)
    return Split(torch.from_numpy(images), files.labels)


def image_at(records: Records, index: int, side: int) -> Any:
    """Return one image as RGB bytes of shape (3, side, side).

    Raises:
        TaskError: it cannot be decoded.
    """
    try:
        return whole(records.read(index), side)[0]
    except BROKEN as error:
        raise refuse_broken(records, index, "the data") from error
