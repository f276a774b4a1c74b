"""Anchors, loss and selection of detections, with torchvision's SSD as the referee."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from nas.training.detection.anchors import anchors, corners_of, decode, encode
from nas.training.detection.boxes import Boxes, targets_of
from nas.training.detection.problem import Detection, DetectionFilter, detect, match, ssd_loss

MAPS = ((10, 10), (5, 5), (3, 3), (2, 2), (1, 1), (1, 1))
CPU = torch.device("cpu")
SIDE = 320


@pytest.fixture(scope="module")
def referee() -> Any:
    """torchvision's SSDLite with random weights, whose outputs are not used."""
    return ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=4, score_thresh=0.05,
        nms_thresh=0.5, detections_per_img=60, topk_candidates=30,
    ).eval()  # fmt: skip


def outputs(seed: int, images: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    around = anchors(MAPS, CPU)
    offsets = torch.randn(images, len(around), 4, generator=random)
    return around, offsets, 2 * torch.randn(images, len(around), 4, generator=random)


def some_targets(seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    found = []
    for count in (5, 0, 2):
        first = 0.7 * torch.rand(count, 2, generator=random)
        corners = torch.cat(
            [first, first + 0.05 + 0.25 * torch.rand(count, 2, generator=random)], 1
        )
        labels = torch.randint(1, 4, (count,), generator=random)
        found.append((labels.numpy(), corners.double().numpy()))
    return targets_of([7, 8, 9], found)


def test_anchors_are_those_of_torchvision_but_for_the_first_map() -> None:
    generator = DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    maps = [torch.empty(1, 1, *each) for each in MAPS]
    theirs = generator(ImageList(torch.empty(1, 3, 1, 1), [(1, 1)]), maps)[0]
    ours = corners_of(anchors(MAPS, CPU))
    first = MAPS[0][0] * MAPS[0][1]
    torch.testing.assert_close(ours[3 * first :], theirs[6 * first :])
    assert len(ours) == len(theirs) - 3 * first


@given(st.lists(st.floats(0.01, 0.45), min_size=4, max_size=4))
def test_decoding_inverts_encoding(values: list[float]) -> None:
    x, y, width, height = values
    box = torch.tensor([[x, y, x + width, y + height]])
    around = anchors(MAPS, CPU)[::37]
    torch.testing.assert_close(
        decode(encode(box, around), around), box.expand(len(around), 4), atol=1e-5, rtol=0
    )


def test_loss_is_that_of_torchvision(referee: Any) -> None:
    around, offsets, logits = outputs(1, images=3)
    targets = some_targets()
    pixels = corners_of(around) * SIDE
    theirs, matched = [], []
    for rows in targets:
        real = rows[rows[:, 1] > 0]
        theirs.append({"boxes": real[:, 2:] * SIDE, "labels": real[:, 1].long()})
        if len(real):
            matched.append(referee.proposal_matcher(box_iou(real[:, 2:] * SIDE, pixels)))
        else:
            matched.append(torch.full((len(pixels),), -1))
    heads = {"bbox_regression": offsets, "cls_logits": logits}
    wanted = sum(referee.compute_loss(theirs, heads, [pixels] * 3, matched).values())
    torch.testing.assert_close(ssd_loss(around, offsets, logits, targets), wanted)


def test_every_box_has_an_anchor() -> None:
    targets = some_targets(3)
    matched = match(anchors(MAPS, CPU), targets)
    for rows, own in zip(targets, matched, strict=True):
        assert set(own.tolist()) - {-1} == set(range(int((rows[:, 1] > 0).sum())))


def test_detections_are_those_of_torchvision(referee: Any) -> None:
    around, offsets, logits = outputs(2)
    heads = {"bbox_regression": offsets, "cls_logits": logits}
    pixels = corners_of(around) * SIDE
    wanted = referee.postprocess_detections(heads, [pixels] * 2, [(SIDE, SIDE)] * 2)
    how = DetectionFilter(threshold=0.05, overlap=0.5, candidates=30, most=60)
    for own, logit, theirs in zip(offsets, logits, wanted, strict=True):
        found = detect(around, own, logit, how)
        assert found[:, 0].tolist() == theirs["labels"].tolist()
        torch.testing.assert_close(found[:, 1], theirs["scores"])
        torch.testing.assert_close(found[:, 2:] * SIDE, theirs["boxes"], atol=1e-3, rtol=0)


def test_a_network_without_confidence_finds_nothing() -> None:
    around, offsets, logits = outputs(4)
    logits[..., 0] = 100.0
    assert len(detect(around, offsets[0], logits[0], DetectionFilter())) == 0


def test_scores_of_two_processes_add_up() -> None:
    random = np.random.default_rng(0)
    first = random.uniform(0, 50, (8, 2))
    boxes = Boxes(
        np.full((4, 2), 100), np.array([0, 3, 3, 5, 8]), random.integers(1, 4, 8),
        np.concatenate([first, first + random.uniform(10, 50, (8, 2))], 1), np.zeros(8, np.bool_),
    )  # fmt: skip
    problem = Detection(("a", "b", "c"), boxes, 4)
    targets = targets_of(range(4), [boxes.relative(image) for image in range(4)])
    draw = torch.Generator().manual_seed(0)
    maps = [
        torch.randn(4, anchors * width, size, size, generator=draw)
        for size, anchors in ((5, 3), (3, 6))
        for width in (4, 4)
    ]
    whole, one, other = (problem.scores(CPU) for _ in range(3))
    whole.add(maps, targets)
    one.add([each[:3] for each in maps], targets[:3])
    other.add([each[3:] for each in maps], targets[3:])
    for mine, theirs in zip(one.sums, other.sums, strict=True):
        mine += theirs
    assert one.result() == pytest.approx(whole.result(), rel=1e-5)
    assert one.details() == whole.details()
    assert whole.sums[0].any(-1).sum() > 100
