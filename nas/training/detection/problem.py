"""The loss of SSD and the scores of a detection task.

The loss (Liu et al. 2016, arXiv:1512.02325): anchors with an IoU of 0.5 or more with a box, and the
best anchor for each box, are matched with that box. Matched anchors learn the offsets of the box
(smooth L1) and its class (cross entropy). Three times as many other anchors, those with the
greatest loss, learn the background class. Both sums are divided by the number of matched anchors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.metrics import AP50, DETECTION_LOSS, MAP
from nas.study import ByClass
from nas.training.detection.anchors import Maps, corners_of, decode, encode, flat
from nas.training.detection.average_precision import average_precision
from nas.training.detection.boxes import CLASS, CORNERS, IMAGE, Boxes

_OVERLAP = 0.5  # IoU of a matched anchor
_NEGATIVES = 3  # background anchors for each matched one
_ROWS = 7  # a detection: image, left, top, width, height, score, class


@dataclass(frozen=True)
class DetectionFilter:
    """The rule that selects the detections among the boxes of an image.

    In each class, at most `candidates` boxes with a probability above `threshold` are considered;
    of two whose IoU is above `overlap` the less probable is dropped. The `most` probable of the
    rest are the detections.
    """

    threshold: float = 0.01
    overlap: float = 0.6
    candidates: int = 200
    most: int = 100


class Detection:
    """The problem of detecting `class_names` in images whose true boxes are `boxes`.

    The first `measured` images of `boxes` are those of validation and test.
    """

    def __init__(self, class_names: tuple[str, ...], boxes: Boxes, measured: int) -> None:
        """Set the classes and the true boxes."""
        self.class_names, self.boxes, self.measured = class_names, boxes, measured

    def loss(self, outputs: Maps, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return SSD's loss of the maps `outputs` of a network for targets (N, M, 6)."""
        around, offsets, logits = flat(outputs, len(self.class_names))
        return ssd_loss(around, offsets, logits, targets, smoothing)

    def scores(self, device: torch.device) -> "DetectionScores":
        """Return scores to which no image has been added."""
        return DetectionScores(self, device)


class DetectionScores:
    """The detections in the images of one split, and the sum of their losses."""

    def __init__(self, problem: Detection, device: torch.device) -> None:
        """Start from no images."""
        self._problem, self._selection = problem, DetectionFilter()
        size = (problem.measured, self._selection.most, _ROWS - 1)
        self._found = torch.zeros(size, device=device)  # class, score, corners
        self._seen = torch.zeros(problem.measured, device=device)
        self._loss = torch.zeros(2, device=device)  # of all matched anchors, and their number
        self._result: dict[str, float] | None = None
        self._by_class: ByClass = {}

    def add(self, outputs: Maps, targets: Tensor) -> None:
        """Add one batch: the maps of the network, and targets (N, M, 6)."""
        around, offsets, logits = flat(outputs, len(self._problem.class_names))
        self._loss += torch.stack(summed_loss(around, offsets, logits, targets))
        places = targets[:, 0, IMAGE].long()
        self._seen[places] = 1.0
        for place, own, logit in zip(places, offsets, logits, strict=True):
            found = detect(around, own, logit, self._selection)
            self._found[place, : len(found)] = found

    @property
    def sums(self) -> tuple[Tensor, ...]:
        """Detections, flags of the images seen, and losses; processes add different images."""
        return self._found, self._seen, self._loss

    def result(self) -> dict[str, float]:
        """Return `map`, `ap50` and `detection_loss`."""
        if self._result is None:
            self._measure()
        assert self._result is not None
        return self._result

    def details(self) -> Mapping[str, Any]:
        """Return the average precisions of each class under `by_class`."""
        return {"by_class": self.by_class()}

    def by_class(self) -> ByClass:
        """Return `map` and `ap50` of each class with a box."""
        self.result()
        return self._by_class

    def _measure(self) -> None:
        images = self._seen.nonzero().flatten().tolist()
        names, boxes = self._problem.class_names, self._problem.boxes
        rows = detection_rows(boxes, images, self._found[images].cpu())
        found = average_precision(boxes, images, rows.numpy(), len(names))
        total, matched = self._loss.tolist()
        loss = total / max(1.0, matched)
        self._result = {MAP.name: found.mean, AP50.name: found.at_50, DETECTION_LOSS.name: loss}
        self._by_class = {
            name: {MAP.name: pair[0], AP50.name: pair[1]}
            for name, pair in zip(names, found.by_class, strict=True)
            if pair is not None
        }


def ssd_loss(
    around: Tensor, offsets: Tensor, logits: Tensor, targets: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Return the mean loss over the matched anchors; the arguments are those of `summed_loss`."""
    total, matched = summed_loss(around, offsets, logits, targets, smoothing)
    return total / matched.clamp(min=1)


def summed_loss(
    around: Tensor, offsets: Tensor, logits: Tensor, targets: Tensor, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the summed loss of a batch, and the number of matched anchors.

    `offsets` are (N, A, 4) and `logits` (N, A, C) for the anchors `around`; targets (N, M, 6).
    """
    matched = match(around, targets)
    positive = matched >= 0
    rows = torch.arange(len(targets), device=matched.device)[:, None]
    own = targets[rows, matched.clamp(min=0)]
    labels = torch.where(positive, own[..., CLASS].long(), 0)
    wanted = encode(own[..., CORNERS], around)
    boxes = F.smooth_l1_loss(offsets[positive], wanted[positive], reduction="sum")
    losses = F.cross_entropy(
        logits.transpose(1, 2), labels, reduction="none", label_smoothing=smoothing
    )
    hardest = losses.detach().masked_fill(positive, -1.0).argsort(1, descending=True).argsort(1)
    chosen = positive | (hardest < _NEGATIVES * positive.sum(1, keepdim=True))
    return boxes + (losses * chosen).sum(), positive.sum().float()


def match(around: Tensor, targets: Tensor) -> Tensor:
    """Return the index of the target of each anchor, -1 for background; int64, shape (N, A)."""
    from torchvision.ops import box_iou  # takes seconds to import; only detectors need it

    count, most = targets.shape[:2]
    iou: Tensor = box_iou(targets[..., CORNERS].reshape(-1, 4), corners_of(around))
    iou = iou.reshape(count, most, -1)
    real = targets[..., CLASS] > 0
    iou = iou.masked_fill(~real[..., None], -1.0)
    best, place = iou.max(1)
    place = place.masked_fill(best < _OVERLAP, -1)
    image, number = real.nonzero(as_tuple=True)
    place[image, iou.argmax(2)[image, number]] = number
    return place


def detect(around: Tensor, offsets: Tensor, logits: Tensor, how: DetectionFilter) -> Tensor:
    """Return the detections of one image as rows of class, score and corners, (D, 6).

    `offsets` are (A, 4) and `logits` (A, C) with the background first; the best row comes first.
    """
    return select(decode(offsets, around), logits.softmax(-1)[:, 1:], how)


def decoded(maps: Maps, classes: int) -> tuple[Tensor, Tensor]:
    """Return all boxes (N, A, 4) and their probabilities (N, A, classes), without background."""
    around, offsets, logits = flat(maps, classes)
    return decode(offsets, around), logits.softmax(-1)[..., 1:]


def select(corners: Tensor, probable: Tensor, how: DetectionFilter) -> Tensor:
    """Return the detections of `detect` from boxes (A, 4) and probabilities (A, classes)."""
    from torchvision.ops import batched_nms  # takes seconds to import; only detectors need it

    scores, places = probable.topk(min(how.candidates, len(corners)), dim=0)
    kept = scores > how.threshold
    labels = torch.arange(1, probable.shape[1] + 1, device=scores.device).expand_as(scores)[kept]
    corners, scores = corners[places[kept]], scores[kept]
    best = batched_nms(corners, scores, labels, how.overlap)[: how.most]
    return torch.cat([labels[best, None], scores[best, None], corners[best]], 1)


def detection_rows(boxes: Boxes, images: list[int], found: Tensor) -> Tensor:
    """Return `found`, (N, most, 6), of `images` as rows in pixels for `average_precision`."""
    sizes = torch.from_numpy(boxes.sizes[images]).double()
    scaled = found.double()
    scaled[..., 2:] *= sizes.repeat(1, 2)[:, None]
    extent = scaled[..., 4:] - scaled[..., 2:4]
    numbers = torch.tensor(images, dtype=torch.float64)[:, None, None]
    rows = torch.cat(
        [numbers.expand(-1, found.shape[1], 1), scaled[..., 2:4], extent, scaled[..., 1:2],
         scaled[..., :1]], -1,
    )  # fmt: skip
    return rows[found[..., 0] > 0]
