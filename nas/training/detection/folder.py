"""Read the folder of a detection task: files of annotations, their images, and the parts.

    DIR/annotations/instances_train2017.json, DIR/train2017/…      COCO's own layout
    DIR/train.json, DIR/train/…                                    a file for each part
    DIR/train/_annotations.coco.json, DIR/valid/…                  a file among its images
    DIR/annotations.json, DIR/images/…                             one file: the splits are drawn

The parts are named as in `nas.training.data.layout`. A `val` and a `test` part are the validation
and the test split; a single one of them is the test split, and the validation split is drawn.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from nas.errors import TaskError
from nas.training.data.layout import PARTS, part_of
from nas.training.data.left_out import LeftOut, LeftOutReason
from nas.training.data.records import FileRecords
from nas.training.data.scan import BAD, EMPTY, GOOD, Scan, scan
from nas.training.detection.annotations import (
    Annotations,
    ListedImage,
    Size,
    boxes_of,
    is_annotations,
    read_annotations,
)
from nas.training.detection.boxes import Boxes

_REMEDY = "Give --data a folder with annotations in COCO's format; docs/guide.md shows layouts."
_INSTANCES = "instances"  # COCO's files of boxes; others have captions, keypoints or no labels
_UNNAMED = ""  # the key of files without the name of a part
_SAMPLE = 20  # images that are looked up to find the image folder of a part


@dataclass(frozen=True, eq=False)
class Part:
    """The usable images of one part: their files, digests of their content, and boxes."""

    records: FileRecords
    indices: torch.Tensor
    digests: bytes
    boxes: Boxes


@dataclass(frozen=True, eq=False)
class Found:
    """The parts of a data set by name, its classes, and the entries left out and boxes clipped."""

    parts: Mapping[str, Part]
    class_names: tuple[str, ...]
    invalid: LeftOut
    cut: LeftOut

    @property
    def digest(self) -> str:
        """The SHA-256 of the encoded images, their boxes, their order and their parts."""
        found = hashlib.sha256(repr(self.class_names).encode())
        for name, part in sorted(self.parts.items()):
            found.update(f"{name} {len(part.indices)}".encode() + part.digests)
            for values in (part.boxes.ends, part.boxes.classes, part.boxes.corners,
                           part.boxes.crowd):  # fmt: skip
                found.update(values.tobytes())
        return found.hexdigest()


def read_folder(folder: Path, skip: bool) -> Found:
    """Return the images and the boxes in `folder`.

    With `skip`, entries and images that cannot be used are left out.

    Raises:
        TaskError: there are no annotations, or some annotations or images cannot be used.
    """
    files, invalid, cut = _files(folder), LeftOut(), LeftOut()
    if "train" not in files:
        raise TaskError(f"{folder} has no annotations of training images.", _REMEDY)
    read = {part: read_annotations(file, invalid) for part, file in files.items()}
    names = tuple(read["train"].categories.values())
    parts = {
        part: _part(each, _root(folder, part, each), names, invalid, cut)
        for part, each in read.items()
    }
    if invalid.counts and not skip:
        raise TaskError(
            f"{folder} has images or annotations that cannot be used: {invalid.counted}.",
            "Correct them, or add --skip-corrupt to leave them out.",
        )
    for part, each in parts.items():
        if not len(each.boxes.classes):
            raise TaskError(
                f"the {part} part of {folder} has no usable boxes"
                f"{f'; {invalid.text}' if invalid.text else ''}.",
                _REMEDY,
            )
    return Found(parts, names, invalid, cut)


# -- finding ---------------------------------------------------------------------------------------


def _files(folder: Path) -> dict[str, Path]:
    """Return the file of annotations of each part; a single unnamed file is `train`."""
    found: dict[str, list[Path]] = {}
    for file in _candidates(folder):
        words = (file.stem, *([file.parent.name] if file.parent != folder else []))
        parts = [meant[0] for word in words if (meant := part_of(word))]
        found.setdefault(parts[0] if parts else _UNNAMED, []).append(file)
    named = {part: _single(found[part], folder) for part in PARTS if part in found}
    if named or _UNNAMED not in found:
        return named
    return {"train": _single(found[_UNNAMED], folder)}


def _candidates(folder: Path) -> list[Path]:
    """Return the files of boxes in `folder` and its subfolders, without COCO's other files."""
    files = sorted([*folder.glob("*.json"), *folder.glob("*/*.json")])
    instances = [file for file in files if file.stem.startswith(_INSTANCES)]
    return instances or [file for file in files if _holds_boxes(file)]


def _holds_boxes(file: Path) -> bool:
    try:
        return is_annotations(json.loads(file.read_bytes()))
    except OSError:
        return False
    except ValueError:  # a malformed file: the reader reports the error
        return "annotation" in file.stem or part_of(file.stem) is not None


def _single(files: list[Path], folder: Path) -> Path:
    if len(files) > 1:
        names = " and ".join(str(file.relative_to(folder)) for file in files[:3])
        raise TaskError(
            f"{folder} has several files of annotations for one part: {names}.",
            "Keep one of them there.",
        )
    return files[0]


def _root(folder: Path, part: str, found: Annotations) -> Path:
    """Return the folder of the images: the one in which most of their names exist."""
    sample = found.images[:_SAMPLE]
    here = found.file.parent
    places = [here, here / "images", *_of_part(folder, part), *_of_part(folder / "images", part),
              folder / "images", folder]  # fmt: skip
    counts = [sum((place / image.name).is_file() for image in sample) for place in places]
    return places[counts.index(max(counts, default=0))]


def _of_part(folder: Path, part: str) -> Iterator[Path]:
    """Yield the folders in `folder` with the name of a part, and their subfolders `images`."""
    if folder.is_dir():
        for place in sorted(folder.iterdir()):
            if (named := part_of(place.name)) and named[0] == part and place.is_dir():
                yield from (place, place / "images")


# -- checking --------------------------------------------------------------------------------------


def _part(
    found: Annotations, root: Path, class_names: tuple[str, ...], invalid: LeftOut, cut: LeftOut
) -> Part:
    """Return the usable images of a part with their boxes; others are added to `invalid`.

    Boxes that are clipped are added to `cut`.
    """
    present: list[ListedImage] = []
    for image in found.images:
        if (root / image.name).is_file():
            present.append(image)
        else:
            invalid.add(LeftOutReason.MISSING, str(root / image.name))
    files = [root / image.name for image in present]
    records = FileRecords(files)
    scanned = scan(records, files)
    sizes: dict[int | str, Size] = {}
    kept = []
    for index, image in enumerate(present):
        size = (int(scanned.sizes[index, 0]), int(scanned.sizes[index, 1]))
        reason = _unusable(scanned, index, size, image)
        if reason is not None:
            invalid.add(reason, str(files[index]))
            continue
        sizes[image.id] = size
        kept.append(index)
    boxes = boxes_of(found, sizes, class_names, invalid, cut)
    return Part(records, torch.tensor(kept), scanned.digests[kept].tobytes(), boxes)


def _unusable(scanned: Scan, index: int, size: Size, image: ListedImage) -> LeftOutReason | None:
    state = scanned.state[index]
    if state in (BAD, EMPTY):
        return LeftOutReason.UNREADABLE if state == BAD else LeftOutReason.EMPTY
    assert state == GOOD
    return LeftOutReason.OTHER_SIZE if image.size not in (None, size) else None
