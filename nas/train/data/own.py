"""Images of one's own, and ImageNet: a folder for each class, or parquet; streamed from disk.

    DIR/cat/1.jpg …                              all images train; a test split is drawn from them
    DIR/train/cat/1.jpg … DIR/val/cat/7.jpg …    `val`, `validation` or `test` is the test split
    DIR/train-*.parquet, DIR/validation-*.parquet (or test-*), also in DIR/data

A parquet file has one column of images (binary, or a struct with `bytes`) and one of labels,
integers or words. Where a data set has both a `test` and a `val` part, the former is the test split
and the latter the validation split, unless the test images have no labels (ImageNet's, -1).
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.errors import TaskError
from nas.train.data.folder import images_below
from nas.train.data.images import DataRequest, Source, decode
from nas.train.data.records import FileRecords, Files, ParquetRecords, Records
from nas.train.data.scan import Scan, refuse_broken, scan
from nas.train.data.task import Split

IMAGENET_SIDE = 224
_LARGEST = 224  # a found side: larger images are scaled down, to what the spaces ship at
_SMALLEST = 8
_IN_MEMORY = (64, 1 << 30)  # sides and bytes up to which images of one size are held in memory
_PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}
_REMEDY = "Give --data a folder with one subfolder of images for each class, or with parquet files."


@dataclass(frozen=True)
class _Part:
    """The images of one part of a data set, not yet looked at."""

    records: Records
    files: Sequence[Path | str]
    labels: list[Any]


def read_imagenet(request: DataRequest) -> Source:
    """Return ImageNet as it lies in the folder of `request`, at 224x224 unless told otherwise.

    Raises:
        TaskError: no folder was given, or it holds no usable images.
    """
    side = request.side or IMAGENET_SIDE
    return _read(request, side, "imagenet")


def read_own(request: DataRequest) -> Source:
    """Return the images in the folder of `request`; their size is found out unless given.

    It is the median of the shorter sides, 224 at most. Images that all have one small square size
    are held in memory, others are streamed.

    Raises:
        TaskError: no folder was given, or it holds no usable images.
    """
    return _read(request, request.side, "folder")


def _read(request: DataRequest, side: int | None, task: str) -> Source:
    folder = _folder(request.folder, task)
    try:
        parts = _find(folder)
    except PermissionError as error:
        raise TaskError(f"{error.filename} cannot be read.", "Mend its permissions.") from error
    if not parts or "train" not in parts:
        raise TaskError(f"{folder} holds no images that can be read.", _REMEDY)
    names = _class_names(parts, folder)
    scans = {key: scan(part.records, part.files) for key, part in parts.items()}
    note = _check(parts, scans, request.skip_corrupt, folder)
    sizes = [size for found in scans.values() for size in found.sizes if size]
    if not sizes:
        raise TaskError(f"{folder} holds no images that can be read.", _REMEDY)
    side = side or _median_side(sizes)
    whole = {key: _files(parts[key], scans[key], names, folder) for key in parts}
    _check_classes(whole["train"], names, folder)
    fits = task == "folder" and set(sizes) == {(side, side)} and _small(side, len(sizes))
    ready: dict[str, Split | Files] = dict(whole)
    if fits:
        ready = {key: _held(files, side) for key, files in whole.items()}
    streamed = "" if fits else f"streamed from disk, cropped to {side}x{side}"
    test = ready.get("test") or ready.get("val")
    return Source(
        ready["train"],
        test,
        names,
        "; ".join(text for text in (streamed, note) if text),
        side=side,
        val=ready.get("val") if "test" in ready else None,
    )


def _folder(data_dir: str | None, task: str) -> Path:
    if data_dir is None:
        raise TaskError(
            f"the task {task} needs the folder of its images.", f"Add --data. {_REMEDY}"
        )
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise TaskError(f"there is no folder {folder}.", _REMEDY)
    return folder


def _find(folder: Path) -> dict[str, _Part]:
    """Return the parts of a data set by name; none where the folder holds no images."""
    parquet = sorted([*folder.glob("*.parquet"), *folder.glob("data/*.parquet")])
    if parquet:
        return _parquet_parts(parquet)
    roots = {
        key: next((folder / name for name in names if (folder / name).is_dir()), None)
        for key, names in _PARTS.items()
    }
    if roots["train"] is None:
        roots = {"train": folder}
    parts = {key: _tree(root) for key, root in roots.items() if root is not None}
    return {key: part for key, part in parts.items() if part.files}


def _tree(root: Path) -> _Part:
    files = list(images_below(root))
    start = len(os.path.join(root, ""))  # noqa: PTH118
    return _Part(FileRecords(files), files, [file[start:].partition(os.sep)[0] for file in files])


def _parquet_parts(files: Sequence[Path]) -> dict[str, _Part]:
    parts = {}
    for key, names in _PARTS.items():
        mine = [file for file in files if file.name.startswith(names)]
        if mine:
            parts[key] = _rows(mine)
    if not parts:  # files of any name: all of them train
        parts["train"] = _rows(files)
    unlabelled = "test" in parts and set(parts["test"].labels) == {-1}
    return {key: part for key, part in parts.items() if not (key == "test" and unlabelled)}


def _rows(files: Sequence[Path]) -> _Part:
    import pyarrow as pa
    import pyarrow.parquet as pq

    labels: list[Any] = []
    try:
        image, label = _columns(pq.read_schema(files[0]), files[0])
        for file in files:
            labels += pq.read_table(file, columns=[label]).column(label).to_pylist()
        records = ParquetRecords(files, image)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise TaskError(
            f"{files[0].parent} holds parquet that cannot be read "
            f"({str(error).splitlines()[0][:120]}).",
            "Download the files again.",
        ) from error
    if None in labels:
        raise TaskError(f"{files[0]} has rows without a label.", "Give every row a label.")
    return _Part(records, list(files), labels)


def _columns(schema: Any, file: Path) -> tuple[str, str]:
    """Return the names of the columns of images and of labels."""
    import pyarrow as pa

    images, labels = [], []
    for column in schema:
        if pa.types.is_binary(column.type) or _has_bytes(column.type):
            images.append(column.name)
        elif pa.types.is_integer(column.type) or pa.types.is_string(column.type):
            labels.append(column.name)
    named = [name for name in ("label", "fine_label") if name in labels] or labels
    if (
        len(images) != 1
        or not named
        or (len(named) > 1 and named[0] not in ("label", "fine_label"))
    ):
        raise TaskError(
            f"{file} has the columns {', '.join(schema.names)}.",
            "It needs one column of images (struct with bytes, or binary) and a column label.",
        )
    return images[0], named[0]


def _has_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_struct(kind) and "bytes" in [part.name for part in kind]


def _class_names(parts: dict[str, _Part], folder: Path) -> tuple[str, ...]:
    """Return the names of the classes: folders, words, those in the schema, or the numbers."""
    labels = parts["train"].labels
    if labels and isinstance(labels[0], int):
        known = _schema_names(Path(parts["train"].files[0]))
        largest = max(max(part.labels) for part in parts.values())
        names = known or tuple(str(label) for label in range(largest + 1))
        outside = [x for part in parts.values() for x in part.labels if not 0 <= x < len(names)]
        if outside:
            raise TaskError(
                f"{folder} holds the label {outside[0]}, but has {len(names)} classes.",
                f"Number the classes from 0 to {len(names) - 1}.",
            )
        return names
    names = tuple(sorted(set(labels)))
    for key, part in parts.items():
        strange = sorted(set(part.labels) - set(names))
        if strange:
            raise TaskError(
                f"the {key} part of {folder} has a class {strange[0]!r} that has no training "
                "images.",
                "Give all parts the same classes.",
            )
    return names


def _schema_names(file: Path) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        features = json.loads((pq.read_schema(file).metadata or {})[b"huggingface"])
        found = features["info"]["features"]
        return tuple((found.get("label") or found["fine_label"])["names"])
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        return ()


def _check(parts: dict[str, _Part], scans: dict[str, Scan], skip: bool, folder: Path) -> str:
    """Refuse images that cannot be decoded, or say how many are skipped."""
    broken = [parts[key].records.name(i) for key in parts for i in scans[key].broken]
    if not broken:
        return ""
    if not skip:
        refuse_broken(broken, sum(len(found.sizes) for found in scans.values()), str(folder))
    return f"{len(broken)} unreadable skipped: {', '.join(broken[:3])}" + (
        ", …" if len(broken) > 3 else ""
    )


def _check_classes(train: Files, names: tuple[str, ...], folder: Path) -> None:
    if len(torch.unique(train.labels)) < 2:
        raise TaskError(
            f"{folder} has images of {len(torch.unique(train.labels))} class(es).",
            "Give --data a folder with images of at least two classes.",
        )


def _median_side(sizes: Sequence[tuple[int, int]]) -> int:
    return int(min(_LARGEST, max(_SMALLEST, np.median([min(size) for size in sizes]))))


def _small(side: int, count: int) -> bool:
    return side <= _IN_MEMORY[0] and 3 * side * side * count <= _IN_MEMORY[1]


def _files(part: _Part, found: Scan, names: tuple[str, ...], folder: Path) -> Files:
    positions = {name: index for index, name in enumerate(names)}
    kept = [index for index, size in enumerate(found.sizes) if size]
    values = [part.labels[index] for index in kept]
    labels = [value if isinstance(value, int) else positions[value] for value in values]
    return Files(
        part.records,
        torch.tensor(kept, dtype=torch.int64),
        torch.tensor(labels, dtype=torch.int64),
    )


def _held(files: Files, side: int) -> Split:
    """Return the images of `files` decoded, in memory."""
    images = np.empty((len(files), 3, side, side), dtype=np.uint8)
    for position, index in enumerate(files.indices.tolist()):
        name = files.records.name(index)
        images[position], _ = decode(files.records.read(index), side, name)
    return Split(torch.from_numpy(images), files.labels)
