"""SSDLite: the head of a detector, on two maps of a network and four smaller ones.

The maps are the tap (`nas.space.head`), the last map, and the results of four extra blocks, each of
which halves the map before it: 20, 10, 5, 3, 2 and 1 pixels a side at 320x320. On each map two
separable convolutions predict boxes and classes for every anchor (Sandler et al. 2018, section 6.2;
tensorflow/models, object_detection).

An extra block is a 1x1 convolution to half of its width, a depthwise 3x3 of stride 2 and a 1x1
convolution to its width. SSDLite2, the head of IGCV3 networks, divides both 1x1 convolutions into
two groups, each followed by a shuffle (homles11/IGCV3, detection).
"""

from dataclasses import dataclass
from typing import ClassVar

from nas.space.layers import Builder
from nas.space.search_space import SearchSpace

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
