"""Anchors: the default boxes of SSDLite, and boxes as offsets from them.

The first map has three anchors at each position and each further map six, as in TensorFlow's
configuration of SSDLite on MobileNetV2 (`reduce_boxes_in_lowest_layer`). From the second map on
they equal those of `torchvision.models.detection.anchor_utils.DefaultBoxGenerator`, which always
has six.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

_SCALES = (0.2, 0.95)  # scales of the anchors of the first and the last map
_SMALL = 0.1  # scale of the square anchor of the first map
VARIANCES = (10.0, 10.0, 5.0, 5.0)  # weights of the offsets: centre x, y, log width, log height
LARGEST = 62.5  # the greatest factor of a width or a height, 1000 / 16 as in torchvision


@lru_cache(maxsize=32)
def anchors(maps: tuple[tuple[int, int], ...], device: torch.device) -> Tensor:
    """Return the anchors of feature `maps` (height, width) as centre x, y, width, height, (A, 4).

    They are in shares of the image, ordered by map, row, column and anchor of a position.
    """
    found = []
    for level, (height, width) in enumerate(maps):
        shapes = torch.tensor(_shapes(level, len(maps))).clamp(max=1.0)
        y, x = torch.meshgrid(
            (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width,
            indexing="ij",
        )  # fmt: skip
        centres = torch.stack([x, y], -1).reshape(-1, 1, 2).expand(-1, len(shapes), 2)
        found.append(torch.cat([centres, shapes.expand(len(centres), -1, 2)], -1).reshape(-1, 4))
    return torch.cat(found).to(device)


def _shapes(level: int, levels: int) -> list[tuple[float, float]]:
    """Return width and height of the anchors of a map."""
    step = (_SCALES[1] - _SCALES[0]) / max(1, levels - 1)
    scale, larger = (_SCALES[0] + step * each for each in (level, level + 1))
    if level == 0:
        return [(_SMALL, _SMALL), *_oblong(scale, 2)]
    if level == levels - 1:
        larger = 1.0
    both = (scale * larger) ** 0.5
    return [(scale, scale), (both, both), *_oblong(scale, 2), *_oblong(scale, 3)]


def _oblong(scale: float, ratio: float) -> list[tuple[float, float]]:
    root = ratio**0.5
    return [(scale * root, scale / root), (scale / root, scale * root)]


def corners_of(centred: Tensor) -> Tensor:
    """Return centre x, y, width, height, (…, 4), as left, top, right, bottom."""
    centre, extent = centred[..., :2], centred[..., 2:]
    return torch.cat([centre - extent / 2, centre + extent / 2], -1)


def encode(corners: Tensor, around: Tensor) -> Tensor:
    """Return boxes (…, 4), left to bottom, as offsets from the anchors `around`, (…, 4)."""
    extent = (corners[..., 2:] - corners[..., :2]).clamp(min=1e-6)
    centre = (corners[..., 2:] + corners[..., :2]) / 2
    moved = (centre - around[..., :2]) / around[..., 2:]
    return torch.cat([moved, (extent / around[..., 2:]).log()], -1) * moved.new_tensor(VARIANCES)


def decode(offsets: Tensor, around: Tensor) -> Tensor:
    """Return the boxes of the `offsets` of `encode`, left to bottom, clipped to the image."""
    scaled = offsets / offsets.new_tensor(VARIANCES)
    extent = scaled[..., 2:].clamp(max=_log(LARGEST)).exp() * around[..., 2:]
    centre = scaled[..., :2] * around[..., 2:] + around[..., :2]
    return corners_of(torch.cat([centre, extent], -1)).clamp(0.0, 1.0)


def _log(value: float) -> float:
    return float(torch.tensor(value).log())


Maps = Sequence[Tensor]
"""The outputs of a network: offsets and logits of each feature map, alternating."""


def flat(maps: Maps, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return anchors (A, 4), offsets (N, A, 4) and logits (N, A, classes + 1) of a batch.

    `maps` are of shape (N, anchors * 4, H, W) and (N, anchors * (classes + 1), H, W).
    """
    sizes = tuple((offsets.shape[2], offsets.shape[3]) for offsets in maps[0::2])
    offsets, logits = (
        torch.cat(
            [each.float().permute(0, 2, 3, 1).reshape(len(each), -1, width) for each in some], 1
        )
        for some, width in ((maps[0::2], 4), (maps[1::2], classes + 1))
    )
    return anchors(sizes, offsets.device), offsets, logits
