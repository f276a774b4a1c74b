"""The ShuffleNetV1 unit: a bottleneck of grouped 1x1 convolutions (Zhang et al. 2018, figure 2).

    1x1 group conv, to width / bottleneck       compress
    batch norm, ReLU
    channel shuffle                             shuffle
    3x3 depthwise conv, has the stride          depthwise
    batch norm
    1x1 group conv, to the stage's width        expand
    batch norm
    + input, in every unit of a stage except the first
    ReLU                                        relu

The first unit of a stage widens the network by concatenation: its last convolution computes only
the additional channels, and the input is concatenated after a 3x3 average pooling with the stride
(arXiv 1707.01083, section 3.2), or unchanged if the stride is 1. A first unit that keeps the width
adds this input instead.

With `dense_entry` the first 1x1 of the first unit has one group, as in the first stage of the
paper, where the input has few channels. The shuffle still uses the groups of the stage, as in the
public implementations. (A later reimplementation with released weights shuffles after the depthwise
convolution; the counts are equal.)
"""

from collections.abc import Mapping

from nas.space.architecture import Value
from nas.space.blocks.kind import ChoiceRule, integer, is_count, is_switch
from nas.space.layers import ActivationName, Builder


class ShuffleNetV1:
    """Grouped pointwise convolutions with channel shuffle."""

    name = "shufflenetv1"
    activation: ActivationName = "relu"
    rules: Mapping[str, ChoiceRule] = {
        "bottleneck": ChoiceRule("width / hidden width", is_count, "an integer of 1 or more"),
        "groups": ChoiceRule("groups of the 1x1 convolutions", is_count, "an integer of 1 or more"),
        "dense_entry": ChoiceRule(
            "one group for the first 1x1 of the stage", is_switch, "true or false"
        ),
    }

    def canonical(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Remove the exception for the first 1x1 if all convolutions have one group."""
        return {**choices, "dense_entry": choices["groups"] != 1 and choices["dense_entry"]}

    def problem(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> tuple[str, str] | None:
        """Return a width that does not grow, or a count that does not divide a width."""
        if width < in_width:
            return "width", f"width={width} is less than the {in_width} channels of its input"
        bottleneck, groups = (integer(choices, key) for key in ("bottleneck", "groups"))
        if width % bottleneck:
            return "bottleneck", f"bottleneck={bottleneck} does not divide width={width}"
        splits = [width // bottleneck, width - in_width or width]
        splits += [] if choices["dense_entry"] else [in_width]
        for channels in splits:
            if channels % groups:
                return "groups", f"groups={groups} does not divide width={channels}"
        return None

    def lower(
        self, net: Builder, choices: Mapping[str, Value], width: int, stride: int, first: bool
    ) -> None:
        """Append one unit; the first of a stage concatenates its input if the width grows."""
        bottleneck, groups = (integer(choices, key) for key in ("bottleneck", "groups"))
        source, in_width = net.last, net.shape.channels
        grown = width - in_width
        net.conv(
            "compress",
            width // bottleneck,
            groups=1 if first and choices["dense_entry"] else groups,
        )
        net.batch_norm("compress_bn")
        net.activation("compress_relu", self.activation)
        net.shuffle("shuffle", groups)
        hidden = net.shape.channels
        net.conv("depthwise", hidden, kernel=3, stride=stride, groups=hidden)
        net.batch_norm("depthwise_bn")
        net.conv("expand", grown or width, groups=groups)
        net.batch_norm("expand_bn")
        expanded = net.last
        if stride > 1:
            net.branch(source)
            net.pool("pool", "avg", kernel=3, stride=stride)
            source = net.last
        if grown:
            net.concat("concat", (expanded, source))
        else:
            net.branch(expanded)
            net.add("add", source)
        net.activation("relu", self.activation)


KIND = ShuffleNetV1()
