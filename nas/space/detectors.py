"""The published detectors: known networks of the built-in spaces with another head.

They are not in the space files, because a study stores the text of its space. Counts include
backbone, extras and predictors, but not the decoding of boxes and the non-maximum suppression,
which have no weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nas.space.head import Head, usual_input
from nas.space.search_space import Published, SearchSpace
from nas.space.ssdlite import SSDLite


@dataclass(frozen=True)
class Detector(Published):
    """A published detector: a network with `head` in place of the classifier."""

    head: Head = field(hash=False)


@dataclass(frozen=True)
class _Listed:
    """The network `backbone` of the space `space` with `head`, and its numbers.

    `numbers` were published by the authors; `counted` is an independent count for 80 classes.
    """

    name: str
    title: str
    space: str
    backbone: str
    head: Head
    numbers: Mapping[str, object]
    counted: Mapping[str, object]


_MOBILE_TABLE = "MobileNetV2 paper, Table 6 (COCO test-dev, 320x320; trained on trainval35k)"
_LISTED = (
    _Listed(
        "ssdlite-mobilenetv1",
        "SSDLite on MobileNetV1",
        "mobilenetv1",
        "mobilenetv1-1.0",
        SSDLite(),
        {"params": "5.1M", "madds": "1.3G", "coco_map": 0.222, "source": _MOBILE_TABLE},
        {"params": 5_100_661, "madds": 1_309_162_944},
    ),
    _Listed(
        "ssdlite-mobilenetv2",
        "SSDLite on MobileNetV2",
        "mobilenetv2",
        "mobilenetv2-1.0",
        SSDLite(),
        {"params": "4.3M", "madds": "0.8G", "coco_map": 0.221, "source": _MOBILE_TABLE},
        {"params": 4_337_013, "madds": 788_830_144},
    ),
    _Listed(
        "ssdlite-igcv3-d",
        "SSDLite2 on IGCV3-D: the extras in two groups",
        "igcv3",
        "igcv3-d-1.0",
        SSDLite(),
        {
            "params": "4.0M",
            "coco_map": 0.222,
            "source": "IGCV3 paper, detection table, second-hand: params unverified, madds unknown",
        },
        {"params": 4_000_245, "madds": 794_480_832},
    ),
)


def known_detectors(space: SearchSpace) -> tuple[Detector, ...]:
    """Return the published detectors whose backbone is a known network of `space`."""
    return tuple(
        Detector(
            one.name,
            one.title,
            backbone.architecture,
            one.numbers,
            one.counted,
            backbone.space,
            usual_input(space, one.head),
            one.head.outputs,
            one.head,
        )
        for one in _LISTED
        if one.space == space.name and (backbone := space.known(one.backbone)) is not None
    )


def head_of(entry: Published | None) -> Head | None:
    """Return the head of a known network; None for a classifier."""
    return entry.head if isinstance(entry, Detector) else None
