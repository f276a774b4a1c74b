"""Parquet files as written by hubs, pandas and polars: find files, columns and labels.

Images are in a binary column, or in a struct column with a field `bytes`. Labels are integers,
booleans or text, plain or as a dictionary (categories). The names of the classes may be in the
schema metadata, as on the Hugging Face hub.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nas.errors import TaskError
from nas.training.data.folder import is_hidden, is_parquet
from nas.training.data.layout import file_parts, part_of
from nas.training.data.left_out import LeftOut, LeftOutReason

_IMAGE_NAMES = (
    "image", "img", "picture", "photo", "image_bytes", "image_data", "bytes", "content", "data",
    "jpg", "jpeg", "png", "webp",
)  # fmt: skip
_LABEL_NAMES = (
    "label", "labels", "fine_label", "fine_labels", "class", "classes", "class_label", "class_id",
    "class_name", "target", "targets", "category", "cls", "label_id", "label_name", "y",
)  # fmt: skip
_SPLIT_NAMES = ("split", "subset", "partition", "part", "fold", "set")
_NO_LABELS = (*_SPLIT_NAMES, "id", "idx", "index", "image_id", "width", "height")
_PANDAS_INDEX = "__index_level_"
_NEEDS = (
    "It needs one column of images (binary, or a struct with bytes) and one of labels "
    "(integers, booleans or text), named image and label."
)


def find_parquet(folder: Path, deep: bool = False) -> list[Path]:
    """Return the parquet files in `folder` and its `data` folder; with `deep` in all subfolders."""
    found = folder.rglob("*") if deep else [*folder.glob("*"), *folder.glob("data/*")]
    return sorted(
        file
        for file in found
        if is_parquet(file.name)
        and file.is_file()
        and not any(map(is_hidden, file.relative_to(folder).parts))
    )


def parquet_parts(
    files: Sequence[Path], folder: Path, left_out: LeftOut
) -> dict[str, Sequence[Path]]:
    """Return `files` by part.

    Raises:
        TaskError: no file is for training, or they belong to several data sets.
    """
    parts, rest = file_parts(files, folder)
    for file in rest:
        left_out.add(LeftOutReason.NO_PART, str(file))
    if "train" not in parts:
        raise TaskError(
            f"{folder} has parquet files for {' and '.join(parts)}, but none for training.",
            "Name the file of the training images train.parquet.",
        )
    places = sorted({str(file.parent) for file in parts["train"]})
    if len(places) > 1:
        raise TaskError(
            f"the parquet files for training are in several folders: {', '.join(places[:3])}.",
            "Give --data one of them.",
        )
    return {part: tuple(mine) for part, mine in parts.items()}


def columns(files: Sequence[Path]) -> tuple[str, str]:
    """Return the names of the image and label columns, which all `files` have.

    Raises:
        TaskError: a file cannot be read or contains several parts, or the columns cannot be
            identified by their types and names.
    """
    schemas = [_opened(file) for file in files]
    image = _chosen(schemas[0], _is_image, _IMAGE_NAMES, files[0])
    label = _chosen(schemas[0], _is_label, _LABEL_NAMES, files[0])
    for file, schema in zip(files, schemas, strict=True):
        _check_one_part(file, schema)
        if not {image, label} <= set(schema.names):
            raise TaskError(
                f"{file} has the columns {', '.join(schema.names)}, but not {image} and {label} "
                f"as {files[0].name}.",
                "Give --data a folder with the files of one data set.",
            )
        if _is_text(schema.field(label).type) != _is_text(schemas[0].field(label).type):
            raise TaskError(
                f"the column {label} has text in one of {files[0]} and {file}, and numbers in the "
                "other.",
                "Write all files with labels of one type.",
            )
    return image, label


def _check_one_part(file: Path, schema: Any) -> None:
    """Refuse a file whose rows belong to several parts according to a column."""
    for column in schema:
        if column.name.lower() in _SPLIT_NAMES and _is_text(column.type):
            words = {word for word in read_column(file, column.name) if word is not None}
            if len(words) > 1 and all(map(part_of, words)):
                first = min(words)
                raise TaskError(
                    f"the column {column.name} of {file} names several parts: "
                    f"{', '.join(sorted(words))}.",
                    "Write a file for each part, in pandas: "
                    f"table[table.{column.name} == {first!r}].to_parquet('{first}.parquet')",
                )


def read_labels(files: Iterable[Path], column: str) -> list[Any]:
    """Return the labels of all rows: int, bool or str.

    Raises:
        TaskError: a file cannot be read, or a row has no label.
    """
    labels: list[Any] = []
    for file in files:
        found = read_column(file, column)
        if None in found:
            raise TaskError(
                f"row {found.index(None)} of {file} has no label.", "Give every row a label."
            )
        labels += found
    return labels


def read_column(file: Path, column: str) -> list[Any]:
    """Return the values of one column; raises a TaskError if the file cannot be read."""
    try:
        found: list[Any] = pq.read_table(file, columns=[column]).column(column).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise unreadable(file, error) from error
    return found


def schema_names(file: Path, column: str) -> tuple[str, ...]:
    """Return the hub's names for the labels in `column`; empty if there are none."""
    try:
        features = json.loads((pq.read_schema(file).metadata or {})[b"huggingface"])
        return tuple(map(str, features["info"]["features"][column]["names"]))
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        return ()


def unreadable(file: Path, error: Exception) -> TaskError:
    """Return the error for a file that is not a complete parquet file."""
    detail = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
    return TaskError(f"{file} cannot be read as parquet ({detail}).", "Download it again.")


def encoded_images(column: Any) -> list[bytes | None]:
    """Return the encoded images of an arrow column, None for a row without an image."""
    import pyarrow.compute as pc

    if pa.types.is_struct(column.type):
        column = pc.struct_field(column, "bytes")
    found: list[bytes | None] = column.to_pylist()
    return found


def _opened(file: Path) -> Any:
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(file, error) from error


def _chosen(schema: Any, fits: Any, names: Sequence[str], file: Path) -> str:
    """Return the column whose type `fits`: the only one, or the first of `names`."""
    fitting = [column.name for column in schema if fits(column.type)]
    if names is _LABEL_NAMES:
        fitting = [name for name in fitting if _may_be_labels(name)]
    if len(fitting) == 1:
        return str(fitting[0])
    for name in names:
        for found in fitting:
            if found.lower() == name:
                return str(found)
    raise TaskError(f"{file} has the columns {', '.join(schema.names)}.", _NEEDS)


def _may_be_labels(name: str) -> bool:
    return name.lower() not in _NO_LABELS and not name.startswith(_PANDAS_INDEX)


def _is_image(kind: Any) -> bool:
    kind = _plain(kind)
    if pa.types.is_struct(kind):
        return "bytes" in [part.name for part in kind]
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def _is_label(kind: Any) -> bool:
    plain = _plain(kind)
    return bool(pa.types.is_integer(plain) or pa.types.is_boolean(plain) or _is_text(kind))


def _is_text(kind: Any) -> bool:
    kind = _plain(kind)
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _plain(kind: Any) -> Any:
    """Return the value type; for a dictionary the type of its entries."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
