"""The MobileNetV2 block: an inverted residual with a linear bottleneck (Sandler et al. 2018).

    1x1 conv, to expansion * C_in             expand
    batch norm, ReLU6
    KxK depthwise conv, has the stride        depthwise
    batch norm, ReLU6
    1x1 conv, to the stage's width            project
    batch norm
    + input, in every block of a stage except the first

Expansion 0 omits the first convolution, as all common implementations do where the paper's table 2
has t = 1. Expansion 1 has a 1x1 convolution from C_in to C_in.
"""

from collections.abc import Mapping

from nas.space.architecture import Value
from nas.space.blocks.kind import EXPANSION, KERNEL, ChoiceRule, integer
from nas.space.layers import ActivationName, Builder


class MobileNetV2:
    """Inverted residuals with linear bottlenecks."""

    name = "mobilenetv2"
    activation: ActivationName = "relu6"
    rules: Mapping[str, ChoiceRule] = {
        "expansion": EXPANSION,
        "kernel": KERNEL,
    }

    def canonical(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Return the choices unchanged: all combinations differ."""
        return dict(choices)

    def problem(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> tuple[str, str] | None:
        """Return None: a block can be built between any two widths."""
        return None

    def lower(
        self, net: Builder, choices: Mapping[str, Value], width: int, stride: int, first: bool
    ) -> None:
        """Append one block; the first of a stage has no residual."""
        expansion, kernel = (integer(choices, key) for key in ("expansion", "kernel"))
        source = net.last
        if expansion:
            net.conv("expand", expansion * net.shape.channels)
            net.batch_norm("expand_bn")
            net.activation("expand_relu", self.activation)
        hidden = net.shape.channels
        net.conv("depthwise", hidden, kernel=kernel, stride=stride, groups=hidden)
        net.batch_norm("depthwise_bn")
        net.activation("depthwise_relu", self.activation)
        net.conv("project", width)
        net.batch_norm("project_bn")
        if not first:
            net.add("add", source)


KIND = MobileNetV2()
