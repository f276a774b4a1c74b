"""Parquet as the Hugging Face hub stores an image data set.

Columns `image` (or `img`), a struct of `bytes` and `path`, and `label` (or `fine_label`, as in
CIFAR-100), an integer; the names of the classes are in the metadata of
the schema. `train-*.parquet` and `test-*.parquet` side by side.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from nas.errors import TaskError
from nas.train.data.images import Decoding, Source, check_labels, decode_all
from nas.train.data.task import Split

_IMAGE_COLUMNS = ("image", "img")
_LABEL_COLUMNS = ("label", "fine_label")


def read_parquet(files: Sequence[Path], side: int, skip: bool = False) -> Source:
    """Read the training and test files among `files`, images brought to `side` pixels.

    Raises:
        TaskError: no file is named train*, one cannot be read, or lacks the columns.
    """
    train = [file for file in files if file.name.startswith("train")]
    test = [file for file in files if file.name.startswith("test")]
    if not train:
        raise TaskError(
            f"{files[0].parent} holds no parquet file whose name begins with 'train'.",
            "Name the files as the hub does: train-00000-of-00001.parquet, test-….parquet.",
        )
    names = _class_names(train[0])
    parts = [_read(group, side, skip) for group in (train, test) if group]
    labels = torch.cat([part.labels for part, _ in parts])
    names = names or tuple(str(label) for label in range(int(labels.max()) + 1))
    check_labels(parts[0][0].labels, len(names), str(train[0]))
    if test:
        check_labels(parts[1][0].labels, len(names), str(test[0]))
    note = sum((done for _, done in parts), Decoding()).text(side)
    return Source(parts[0][0], parts[1][0] if test else None, names, note)


def _read(files: Sequence[Path], side: int, skip: bool) -> tuple[Split, Decoding]:
    parts = [_table(file) for file in files]
    labels = [label for _, part in parts for label in part]
    if not labels:
        raise TaskError(f"{files[0]} holds no rows.", "Give --data a folder with images.")
    return decode_all(_encoded(files, [column for column, _ in parts]), labels, side, skip)


def _encoded(files: Sequence[Path], columns: Sequence[Any]) -> Iterator[tuple[bytes, str]]:
    for file, column in zip(files, columns, strict=True):
        for row, value in enumerate(column):
            yield value.as_py() or b"", f"row {row} of {file}"


def _table(file: Path) -> tuple[Any, list[int]]:
    """Return the encoded images, one arrow value each, and the labels of one file."""
    try:
        schema = pq.read_schema(file)
        image = next((name for name in _IMAGE_COLUMNS if name in schema.names), None)
        label = next((name for name in _LABEL_COLUMNS if name in schema.names), None)
        if image is None or label is None:
            raise TaskError(
                f"{file} has the columns {', '.join(schema.names)}.",
                "It needs a column image (struct of bytes and path) and an integer column label.",
            )
        table = pq.read_table(file, columns=[image, label])
        encoded = table.column(image).combine_chunks().field("bytes")
        labels = table.column(label).cast(pa.int64()).to_pylist()
    except (pa.ArrowException, OSError, AttributeError, KeyError) as error:
        raise TaskError(
            f"{file} cannot be read as parquet with images ({str(error).splitlines()[0][:120]}).",
            "Download it again; its column image has to be a struct of bytes and path.",
        ) from error
    if None in labels:
        raise TaskError(f"{file} has rows without a label.", "Give every row a label.")
    return encoded, labels


def _class_names(file: Path) -> tuple[str, ...]:
    """Return the names that the hub keeps in the schema, or none."""
    try:
        metadata = pq.read_schema(file).metadata or {}
        info = json.loads(metadata[b"huggingface"])
        features = info["info"]["features"]
        return tuple((features.get("label") or features["fine_label"])["names"])
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        return ()
