"""The published detectors, and SSDLite: the head of a detector on two maps of a network.

They are not in the space files, because a study stores the text of its space. Counts include
backbone, extras and predictors, but not the decoding of boxes and the non-maximum suppression,
which have no weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from nas.space.head import Head, usual_input
from nas.space.layers import Builder
from nas.space.search_space import Published, SearchSpace

COCO_CLASSES = 80
EXTRAS = (512, 256, 256, 128)  # output channels
FINE_ANCHORS, ANCHORS = 3, 6  # for each pixel of the tapped map, and of the others
COORDINATES = 4


@dataclass(frozen=True)
class SSDLite:
    """The head of a detector of `outputs` classes of objects, not counting the background.

    A network has two output maps for each size, the finest first: boxes, (N, anchors * 4, H, W),
    and logits, (N, anchors * (1 + classes), H, W). The first logit of each anchor is that of the
    background.
    """

    outputs: int = COCO_CLASSES
    side: int | None = 320
    unit: ClassVar[str] = "class"  # name of an output

    def lower_tap(self, net: Builder, outputs: int) -> None:
        """Append the predictions from the tapped map."""
        _predict(net, 0, FINE_ANCHORS, outputs)

    def lower(self, space: SearchSpace, net: Builder, outputs: int) -> None:
        """Append the last 1x1 convolution of the space, if any, the extras and their predictions.

        The extras of a space of IGCV3 blocks have two groups.
        """
        groups = 2 if space.kind.name == "igcv3" else 1
        if space.head_width:
            net.conv("conv", space.head_width)
            net.batch_norm("bn")
            net.activation("relu", space.kind.activation)
        _predict(net, 1, ANCHORS, outputs)
        for index, width in enumerate(EXTRAS):
            net.prefix = f"extras.{index}."
            _extra(net, width, groups)
            _predict(net, index + 2, ANCHORS, outputs)


def _extra(net: Builder, width: int, groups: int) -> None:
    """Append a block that halves the map; the grouped one has no ReLU after the depthwise."""
    net.conv("first", width // 2, groups=groups)
    net.batch_norm("first_bn")
    net.activation("first_relu")
    net.shuffle("permute1", groups)
    net.conv("depthwise", width // 2, kernel=3, stride=2, groups=width // 2)
    net.batch_norm("depthwise_bn")
    if groups == 1:
        net.activation("depthwise_relu")
    net.conv("last", width, groups=groups)
    net.batch_norm("last_bn")
    net.activation("last_relu")
    net.shuffle("permute2", groups)


def _predict(net: Builder, index: int, anchors: int, classes: int) -> None:
    """Append the predictions from the last map; the next layer reads that map again."""
    source = net.last
    for name, values in (("box_heads", COORDINATES), ("class_heads", 1 + classes)):
        net.branch(source)
        net.prefix = f"{name}.{index}."
        channels = net.shape.channels
        net.conv("depthwise", channels, kernel=3, groups=channels)
        net.batch_norm("bn")
        net.activation("relu")
        net.predictor("conv", anchors * values)
    net.branch(source)


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
