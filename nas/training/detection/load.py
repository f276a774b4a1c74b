"""Load the images and boxes of a folder as a detection task with its splits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from nas.errors import TaskError
from nas.space import Shape
from nas.study import TaskRequest
from nas.training.data.records import Files
from nas.training.data.task import Augmentation, Task
from nas.training.data.user_images import checked_folder
from nas.training.detection.boxes import Boxes, joined
from nas.training.detection.drawing import BoxExamples
from nas.training.detection.folder import Found, Part, read_folder
from nas.training.detection.problem import Detection
from nas.training.detection.views import BoxViews
from nas.training.image_data import Scaling

SIDE = 320  # pixels: the height and width of the input of SSDLite
_SHARE = 0.1  # the share of the images in a split that is drawn
_LEAST = 2  # the smallest number of images in a split
_LAYOUT = "annotations/instances_train2017.json"  # a file of COCO's layout

_Split = tuple[Part, np.ndarray[tuple[int], np.dtype[np.int64]]]


def load_detection(request: TaskRequest, coco: bool, scaling: Scaling) -> Task:
    """Return the detection task in the folder of `request`; with `coco`, only in COCO's layout.

    `scaling` is the mean and the deviation of the pixels. Images are resized to `image_size`, 320
    by default. The limit is the largest number of training images.

    Raises:
        TaskError: no folder was given, or its annotations or images cannot be used.
    """
    folder = _folder(request, coco)
    found = read_folder(folder, request.skip_corrupt)
    splits = _splits(found, request.seed, request.limit, folder)
    order = ("val", "test", "train")
    boxes = joined([part.boxes.take(rows) for part, rows in (splits[name] for name in order)])
    sizes = [len(splits[name][1]) for name in order]
    starts = dict(zip(order, np.cumsum([0, *sizes]).tolist(), strict=False))
    files = {name: _files(*splits[name], starts[name]) for name in order}
    side = request.image_size or SIDE
    task = Task(
        request.name, Shape(3, side, side), found.class_names, files["train"], files["val"],
        files["test"], *scaling, Augmentation(crop_padding=0, flip=True), "", found.digest,
        Detection(found.class_names, boxes, sizes[0] + sizes[1]), len(found.class_names),
        BoxViews(boxes), BoxExamples(found.class_names),
    )  # fmt: skip
    notes = [f"{request.name} {task.input}, {task.identity.counts}", *_remarks(found, boxes)]
    if request.limit is not None:
        limited = f"only {len(files['train'])} training images"
        idle = f"the limit of {request.limit:,} training images has no effect"
        notes.append(limited if request.limit <= len(files["train"]) else idle)
    return replace(task, note="; ".join(note for note in notes if note))


def _folder(request: TaskRequest, coco: bool) -> Path:
    if request.data_dir is None:
        raise TaskError(
            f"the task {request.name} needs the folder of its images.",
            "Add --data DIR, a folder with annotations in COCO's format.",
        )
    folder = checked_folder(request.data_dir, "Give --data the folder of the images and boxes.")
    if coco and not (folder / _LAYOUT).is_file():
        raise TaskError(
            f"{folder} is not in COCO's layout: there is no {_LAYOUT}.",
            "For other sets in COCO's format type --task detection.",
        )
    return folder


def _splits(found: Found, seed: int, limit: int | None, folder: Path) -> dict[str, _Split]:
    """Return part and rows of each split; splits without a part are drawn from `train`."""
    parts, train = found.parts, found.parts["train"]
    rng = np.random.default_rng([seed, 0x5917])
    order = rng.permutation(len(train.boxes))
    drawn = max(_LEAST, round(_SHARE * len(order)))
    test = parts.get("test") or parts.get("val")
    splits: dict[str, _Split] = {}
    if test is None:
        splits["test"], order = (train, np.sort(order[:drawn])), order[drawn:]
    else:
        splits["test"] = (test, np.arange(len(test.boxes)))
    if "test" in parts and "val" in parts:
        splits["val"] = (parts["val"], np.arange(len(parts["val"].boxes)))
    else:
        splits["val"], order = (train, np.sort(order[:drawn])), order[drawn:]
    if len(order) < _LEAST:
        raise TaskError(f"{folder} has too few images to train.", "Give 10 or more.")
    splits["train"] = (train, np.sort(order[:limit]))
    return splits


def _files(part: Part, rows: np.ndarray[tuple[int], np.dtype[np.int64]], start: int) -> Files:
    """Return the images of a part at `rows`; their labels number the images of all splits."""
    return Files(part.records, part.indices[rows], torch.arange(start, start + len(rows)))


def _remarks(found: Found, boxes: Boxes) -> list[str]:
    counts = np.bincount(boxes.classes[~boxes.crowd], minlength=len(found.class_names) + 1)[1:]
    named = zip(found.class_names, counts.tolist(), strict=True)
    each = ", ".join(f"{count:,} {name}" for name, count in list(named)[:4])
    crowd, bare = int(boxes.crowd.sum()), int((np.diff(boxes.ends) == 0).sum())
    lacking = [name for name, count in zip(found.class_names, counts, strict=True) if not count]
    more = ", …" if len(counts) > 4 else ""
    return [
        f"{int(counts.sum()):,} boxes in {len(counts)} classes ({each}{more})",
        f"{bare:,} images without boxes" if bare else "",
        f"{crowd:,} crowd or ignored regions, which are not trained on" if crowd else "",
        f"no boxes of {', '.join(lacking[:3])}{', …' if len(lacking) > 3 else ''}"
        if lacking
        else "",
        f"cut at the border: {found.cut.counted}" if found.cut.counts else "",
        found.invalid.text,
    ]
