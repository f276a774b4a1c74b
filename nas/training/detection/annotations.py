"""Read a file of annotations in COCO's format; invalid entries are counted by reason.

    {"images": [{"id", "file_name", "width", "height"}, …],
     "annotations": [{"id", "image_id", "category_id", "bbox": [left, top, width, height],
                      "iscrowd"}, …],
     "categories": [{"id", "name"}, …]}

Other fields are not read. Boxes are in pixels and are clipped to the image. A region with `iscrowd`
or `ignore` is not trained on, and detections within it are neither right nor wrong.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from nas.errors import TaskError
from nas.training.data.left_out import LeftOut, LeftOutReason, printable
from nas.training.detection.boxes import Boxes

_KEYS = ("images", "annotations", "categories")
_LEAST = 1e-3  # pixels: the least width or height of a box within its image

Size = tuple[int, int]


@dataclass(frozen=True)
class ListedImage:
    """An image in a file of annotations; `size` is None if not stated."""

    id: int | str
    name: str
    size: Size | None


@dataclass(frozen=True)
class Annotations:
    """The content of one file: valid images, names of the categories, unchecked annotations."""

    file: Path
    images: tuple[ListedImage, ...]
    categories: Mapping[int | str, str]
    entries: tuple[Any, ...]


def is_annotations(document: object) -> bool:
    """Tell whether a JSON document has the lists of COCO's format for boxes."""
    return isinstance(document, dict) and all(isinstance(document.get(k), list) for k in _KEYS)


def read_annotations(file: Path, invalid: LeftOut) -> Annotations:
    """Return the content of `file`; malformed and repeated images are added to `invalid`.

    Raises:
        TaskError: it is not JSON or not in COCO's format, or has no boxes or no categories.
    """
    document = _document(file)
    categories = _categories(document["categories"], file)
    images: dict[int | str, ListedImage] = {}
    names: set[str] = set()
    for entry in document["images"]:
        image = _image(entry)
        if image is None:
            invalid.add(LeftOutReason.MALFORMED, f"image {_short(entry)}")
        elif image.id in images or image.name in names:
            invalid.add(LeftOutReason.REPEATED, f"image {image.id} ({image.name})")
        else:
            images[image.id] = image
            names.add(image.name)
    if not document["annotations"]:
        raise TaskError(f"{file} has no annotations.", "Give --data a folder with boxes.")
    return Annotations(file, tuple(images.values()), categories, tuple(document["annotations"]))


def boxes_of(
    found: Annotations,
    sizes: Mapping[int | str, Size],
    class_names: tuple[str, ...],
    invalid: LeftOut,
    cut: LeftOut,
) -> Boxes:
    """Return the boxes of the images in `sizes`, which has width and height by id, in its order.

    Annotations that cannot be used are added to `invalid`, boxes that were clipped by more than a
    pixel to `cut`. Annotations of listed images that are not in `sizes` are skipped.
    """
    known = {image.id for image in found.images}
    numbers = {name: number for number, name in enumerate(class_names, start=1)}
    classes = {key: numbers.get(name) for key, name in found.categories.items()}
    rows: dict[int | str, list[tuple[int, tuple[float, ...], bool]]] = {key: [] for key in sizes}
    seen = set[int | str]()
    for entry in found.entries:
        where = f"annotation {_short(entry.get('id') if isinstance(entry, dict) else entry)}"
        reason = _refused(entry, seen, known, classes)
        if reason is None and (key := entry["image_id"]) in sizes:
            corners = _within(entry["bbox"], sizes[key])
            reason = None if corners else _why_no_box(entry["bbox"])
            if corners:
                if _beyond(entry["bbox"], sizes[key]):
                    cut.add(LeftOutReason.BEYOND, f"{where} of {found.file.name}")
                crowd = bool(entry.get("iscrowd") or entry.get("ignore"))
                rows[key].append((classes[entry["category_id"]] or 0, corners, crowd))
        if reason is not None:
            invalid.add(reason, f"{where} of {found.file.name}")
    return _table(list(sizes.values()), list(rows.values()))


def _table(sizes: list[Size], rows: list[list[tuple[int, tuple[float, ...], bool]]]) -> Boxes:
    whole = [row for own in rows for row in own]
    return Boxes(
        np.array(sizes, dtype=np.int64).reshape(-1, 2),
        np.cumsum([0, *map(len, rows)], dtype=np.int64),
        np.array([row[0] for row in whole], dtype=np.int64),
        np.array([row[1] for row in whole], dtype=np.float64).reshape(-1, 4),
        np.array([row[2] for row in whole], dtype=np.bool_),
    )


def _document(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except OSError as error:
        raise TaskError(f"{file} cannot be read: {error.strerror}.", "Correct this.") from error
    except ValueError as error:
        raise TaskError(f"{file} is not valid JSON: {error}.", "Correct the file.") from error
    if not is_annotations(document):
        raise TaskError(
            f"{file} is not in COCO's format: it needs the lists {', '.join(_KEYS)}.",
            "Export the boxes in COCO's format; docs/guide.md describes it.",
        )
    checked: dict[str, Any] = document
    return checked


def _categories(entries: list[Any], file: Path) -> dict[int | str, str]:
    """Return the names of the categories by their ids, in the order of the ids."""
    found: dict[int | str, str] = {}
    for entry in entries:
        key, name = (entry.get("id"), entry.get("name")) if isinstance(entry, dict) else (None, "")
        if not _is_id(key) or not isinstance(name, str) or not name.strip():
            raise TaskError(
                f"{file} has a category without id or name: {_short(entry)}.", "Correct it."
            )
        if key in found or name in found.values():
            raise TaskError(f"{file} has the category {name!r} twice.", "Remove one of them.")
        found[key] = printable(name)
    if not found:
        raise TaskError(f"{file} has no categories.", "List the kinds of boxes in `categories`.")
    return dict(sorted(found.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def _image(entry: Any) -> ListedImage | None:
    if not isinstance(entry, dict) or not _is_id(entry.get("id")):
        return None
    name, width, height = (entry.get(key) for key in ("file_name", "width", "height"))
    if not isinstance(name, str) or not name:
        return None
    name = name.replace("\\", "/")  # as Windows writes paths
    if width is None and height is None:
        return ListedImage(entry["id"], name, None)
    if not (_is_number(width) and _is_number(height) and min(width, height) >= 1):
        return None
    return ListedImage(entry["id"], name, (int(width), int(height)))


def _refused(
    entry: Any,
    seen: set[int | str],
    images: set[int | str],
    classes: Mapping[int | str, int | None],
) -> LeftOutReason | None:
    """Return the reason why an annotation cannot be used, apart from its box; None if it can."""
    if not isinstance(entry, dict) or not _is_box(entry.get("bbox")):
        return LeftOutReason.MALFORMED
    if not (_is_id(entry.get("image_id")) and _is_id(entry.get("category_id"))):
        return LeftOutReason.MALFORMED
    key = entry.get("id")
    if _is_id(key):
        if key in seen:
            return LeftOutReason.REPEATED
        seen.add(key)
    if entry["image_id"] not in images:
        return LeftOutReason.UNKNOWN_IMAGE
    return None if classes.get(entry["category_id"]) else LeftOutReason.UNKNOWN_CATEGORY


def _within(box: list[float], size: Size) -> tuple[float, ...]:
    """Return the corners of a box clipped to its image; empty if nothing is left."""
    left, top, width, height = map(float, box)
    corners = (
        max(0.0, left), max(0.0, top), min(size[0], left + width), min(size[1], top + height)
    )  # fmt: skip
    inside = corners[2] - corners[0] >= _LEAST and corners[3] - corners[1] >= _LEAST
    return corners if inside else ()


def _beyond(box: list[float], size: Size) -> bool:
    """Tell whether a box extends beyond its image by more than a pixel."""
    left, top, width, height = box
    return min(left, top) < -1 or left + width > size[0] + 1 or top + height > size[1] + 1


def _why_no_box(box: list[float]) -> LeftOutReason:
    return LeftOutReason.OFF_IMAGE if min(box[2:]) >= _LEAST else LeftOutReason.NO_AREA


def _is_box(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_id(value: Any) -> TypeGuard[int | str]:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return str(value)[:40]
