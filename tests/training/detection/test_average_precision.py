"""The average precision, with pycocotools as the referee."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.models.detection import ssdlite320_mobilenet_v3_large

from nas.training.detection.average_precision import average_precision
from nas.training.detection.boxes import Boxes
from nas.training.detection.problem import detection_rows

CLASSES = 4  # the last one has no box
SIZES = [(640, 480), (300, 500), (320, 320), (90, 200)]


def drawn(random: np.random.Generator) -> Boxes:
    """Boxes of three classes, one of ten a crowd region; the last image has none."""
    counts = [7, 4, 9, 0]
    corners = []
    for count, size in zip(counts, SIZES, strict=True):
        first = random.uniform(0, 0.7, (count, 2))
        last = first + random.uniform(0.05, 0.3, (count, 2))
        corners.append(np.concatenate([first * size, last * size], 1))
    total = sum(counts)
    return Boxes(
        np.array(SIZES), np.cumsum([0, *counts]), random.integers(1, CLASSES, total),
        np.concatenate(corners), random.random(total) < 0.1,
    )  # fmt: skip


def truth(boxes: Boxes) -> dict[str, Any]:
    """The boxes as another program would write them, with ids of its own."""
    annotations = []
    for image in range(len(boxes)):
        for place in range(*boxes.of(image).indices(len(boxes.classes))):
            left, top, right, bottom = boxes.corners[place].tolist()
            annotations.append({
                "id": 100 + place, "image_id": image, "category_id": int(boxes.classes[place]),
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top), "iscrowd": int(boxes.crowd[place]),
            })  # fmt: skip
    return {
        "images": [{"id": i, "width": w, "height": h} for i, (w, h) in enumerate(SIZES)],
        "annotations": annotations,
        "categories": [{"id": n, "name": f"kind {n}"} for n in range(1, CLASSES + 1)],
    }


def referee(boxes: Boxes, rows: NDArray[np.float64], folder: Path) -> NDArray[np.float64]:
    """The precisions by pycocotools, from a file: mAP, and AP at 0.50."""
    file = folder / "truth.json"
    file.write_text(json.dumps(truth(boxes)), encoding="utf-8")
    known = COCO(str(file))
    measured = COCOeval(known, known.loadRes(rows), "bbox")
    measured.evaluate()
    measured.accumulate()
    measured.summarize()
    return np.array(measured.stats[:2])


@pytest.mark.parametrize("seed", range(4))
def test_detections_near_the_boxes_score_as_by_pycocotools(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    boxes = drawn(random)
    rows = []
    for image in range(len(boxes)):
        for place in range(*boxes.of(image).indices(len(boxes.classes))):
            for _ in range(2):
                corners = boxes.corners[place] + random.normal(0, 8, 4)
                label = boxes.classes[place] if random.random() < 0.8 else CLASSES
                rows.append([image, *corners[:2], *(corners[2:] - corners[:2]), random.random(),
                             label])  # fmt: skip
    found = average_precision(boxes, range(len(boxes)), np.array(rows), CLASSES)
    wanted = referee(boxes, np.array(rows), tmp_path)
    assert wanted[1] > 0.05
    assert [found.mean, found.at_50] == pytest.approx(wanted.tolist(), abs=1e-6)
    assert found.by_class[CLASSES - 1] is None


def test_outputs_of_a_network_score_as_by_pycocotools(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=CLASSES + 1
    ).eval()
    with torch.no_grad():
        outputs = network([torch.rand(3, height, width) for width, height in SIZES])
    boxes = near(outputs)
    most = max(len(each["scores"]) for each in outputs)
    found = torch.zeros(len(outputs), most, 6)
    for row, each, size in zip(found, outputs, SIZES, strict=True):
        count = len(each["scores"])
        row[:count, 0], row[:count, 1] = each["labels"], each["scores"]
        row[:count, 2:] = each["boxes"] / torch.tensor([*size, *size])
    rows = detection_rows(boxes, list(range(len(outputs))), found).numpy()
    ours = average_precision(boxes, range(len(outputs)), rows, CLASSES)
    # the referee gets the boxes of the network in pixels, not ours
    theirs = np.array([
        [image, *box[:2], *(box[2:] - box[:2]), score, label]
        for image, each in enumerate(outputs)
        for box, score, label in zip(each["boxes"].double().numpy(), each["scores"].tolist(),
                                     each["labels"].tolist(), strict=True)
    ])  # fmt: skip
    wanted = referee(boxes, theirs, tmp_path)
    assert wanted[0] > 0.001
    assert [ours.mean, ours.at_50] == pytest.approx(wanted.tolist(), abs=1e-6)


def near(outputs: list[dict[str, torch.Tensor]]) -> Boxes:
    """Boxes near some of the detections: an untrained network would find no others."""
    random = np.random.default_rng(5)
    some = [each["boxes"][::9].double().numpy() for each in outputs]
    labels = np.concatenate([each["labels"][::9].numpy() for each in outputs])
    corners = np.concatenate(some)
    corners = corners + 0.05 * random.normal(size=corners.shape) * np.tile(
        corners[:, 2:] - corners[:, :2], 2
    )
    ends = np.cumsum([0, *map(len, some)])
    return Boxes(np.array(SIZES), ends, labels, corners, random.random(len(corners)) < 0.1)


def test_perfect_detections_score_one_and_none_score_zero() -> None:
    boxes = drawn(np.random.default_rng(1))
    rows = []
    for image in range(len(boxes)):
        here = boxes.of(image)
        for (left, top, right, bottom), label, crowd in zip(
            boxes.corners[here], boxes.classes[here], boxes.crowd[here], strict=True
        ):
            if not crowd:
                rows.append([image, left, top, right - left, bottom - top, 0.9, label])
    found = average_precision(boxes, range(len(boxes)), np.array(rows), CLASSES)
    assert (found.mean, found.at_50) == (pytest.approx(1), pytest.approx(1))
    nothing = average_precision(boxes, range(len(boxes)), np.empty((0, 7)), CLASSES)
    assert (nothing.mean, nothing.at_50) == (0.0, 0.0)
    assert [pair is None for pair in nothing.by_class] == [False, False, False, True]
