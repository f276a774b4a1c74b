"""The MobileNetV1 block: a depthwise convolution and a 1x1 convolution (Howard et al. 2017).

    KxK depthwise conv, has the stride        depthwise
    batch norm, ReLU
    1x1 conv, to the stage's width            pointwise
    batch norm, ReLU

Source: arXiv 1704.04861, table 1 and figure 3. Blocks have no residual. Every convolution is
followed by a ReLU, and there is no 1x1 convolution in the head.
"""

from collections.abc import Mapping

from nas.space.architecture import Value
from nas.space.blocks.kind import KERNEL, ChoiceRule, integer
from nas.space.layers import ActivationName, Builder


class MobileNetV1:
    """Depthwise separable convolutions."""

    name = "mobilenetv1"
    activation: ActivationName = "relu"
    rules: Mapping[str, ChoiceRule] = {"kernel": KERNEL}

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
        """Append one block; the first of a stage differs only in its stride and input width."""
        channels = net.shape.channels
        kernel = integer(choices, "kernel")
        net.conv("depthwise", channels, kernel=kernel, stride=stride, groups=channels)
        net.batch_norm("depthwise_bn")
        net.activation("depthwise_relu", self.activation)
        net.conv("pointwise", width)
        net.batch_norm("pointwise_bn")
        net.activation("pointwise_relu", self.activation)


KIND = MobileNetV1()
