"""YOLOv2, a detector whose cost is counted for comparison (pjreddie/darknet, cfg/yolov2.cfg).

It belongs to no search space. The list of layers has all layers with weights, and poolings that
halve the map; activations are left out.
"""

from nas.space.layers import Builder, Layer, Shape

_STAGES = ((64,), (128, 64, 128), (256, 128, 256), (512, 256, 512, 256, 512))
_LAST = (1024, 512, 1024, 512, 1024, 1024, 1024)
_ANCHORS = 5
_PASSED = 64  # channels of the finer map that the last convolutions also read


def yolov2_layers(shape: Shape, classes: int) -> list[Layer]:
    """Return the layers of YOLOv2 on Darknet-19, for images of `shape` and `classes` of objects."""
    net = Builder(shape)
    _convolutions(net, "stem", (32,))
    for stage, widths in enumerate(_STAGES, start=1):
        net.pool(f"stage{stage}.pool", "max", kernel=3, stride=2)
        _convolutions(net, f"stage{stage}", widths)
    fine = net.last
    net.pool("stage5.pool", "max", kernel=3, stride=2)
    _convolutions(net, "stage5", _LAST)
    coarse = net.last
    net.branch(fine)
    _convolutions(net, "passed", (_PASSED,), kernel=1)
    net.concat("head.concat", [*_quarters(net), coarse])
    _convolutions(net, "head", (1024,))
    net.predictor("predictor", _ANCHORS * (5 + classes))
    return net.layers


def _convolutions(net: Builder, prefix: str, widths: tuple[int, ...], kernel: int = 3) -> None:
    """Append convolutions with batch norms; a narrower one after a wider one is 1x1."""
    for index, width in enumerate(widths):
        narrower = index > 0 and width < widths[index - 1]
        net.conv(f"{prefix}.{index}.conv", width, kernel=1 if narrower else kernel)
        net.batch_norm(f"{prefix}.{index}.bn")


def _quarters(net: Builder) -> list[str]:
    """Append the four maps of every second row and column of the last map; return their names."""
    source, names = net.last, []
    for index, before in enumerate(((0, 0), (0, -1), (-1, 0), (-1, -1))):
        net.branch(source)
        net.pad(f"passed.{index}.crop", before, (0, 0))
        net.pool(f"passed.{index}.halved", "max", kernel=1, stride=2)
        names.append(net.last)
    return names
