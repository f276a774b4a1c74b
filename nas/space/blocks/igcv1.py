"""The IGCV1 block: a group 3x3 convolution and a complementary group 1x1 convolution.

Layers in the order of the authors' code (hellozting/InterleavedGroupConvolutions, network/*.py):

    3x3 group conv, L groups ("primary"), has the stride and changes the width
    channel shuffle with L groups
    1x1 group conv, M groups ("secondary")
    channel shuffle with M groups, which inverts the first
    batch norm, ReLU

Without `shortcut` a block is one such pair (plain_igc.py). With it a block is two pairs, the second
without ReLU; then the block's input is added, followed by ReLU (resnet_igc.py). If width or stride
change, the input passes a 1x1 convolution in L groups with batch norm.

secondary = "strict" gives M = width / L, the paper's C = L * M. "input" differs in the pair that
changes the width: there M = input width / L, as in the authors' CIFAR code. "none" omits the 1x1;
with L = 1 and a shortcut this is ResNet's basic block.
"""

from collections.abc import Mapping

from nas.space.architecture import Value
from nas.space.blocks.kind import ChoiceRule, integer, is_count, is_switch
from nas.space.complementary import ConvolutionPair
from nas.space.layers import ActivationName, Builder

SECONDARY = ("strict", "input", "none")


class IGCV1:
    """Interleaved group convolutions (Zhang, Qi, Xiao, Wang; ICCV 2017)."""

    name = "igcv1"
    activation: ActivationName = "relu"
    rules: Mapping[str, ChoiceRule] = {
        "primary": ChoiceRule("L, groups of the 3x3", is_count, "an integer of 1 or more"),
        "secondary": ChoiceRule(
            "M, groups of the 1x1; strict: width / L; input: input width / L; none: no 1x1",
            lambda value: isinstance(value, str) and value in SECONDARY,
            f"one of {', '.join(SECONDARY)}",
        ),
        "shortcut": ChoiceRule(
            "two pairs and a residual in a block, not one pair", is_switch, "true or false"
        ),
    }

    def canonical(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Return the choices unchanged: all combinations differ."""
        return dict(choices)

    def problem(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> tuple[str, str] | None:
        """Return a group count that does not divide a width."""
        primary = integer(choices, "primary")
        for channels in (in_width, width):
            if channels % primary:
                return "primary", f"primary={primary} does not divide width={channels}"
        if choices["secondary"] == "input" and width % (in_width // primary):
            groups = in_width // primary
            return "secondary", f"secondary=input ({groups} groups) does not divide width={width}"
        return None

    def pair(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> ConvolutionPair | None:
        """Return the first pair of a block, the only one that may violate the strict condition."""
        if choices["secondary"] == "none":
            return None
        primary = integer(choices, "primary")
        read = in_width if choices["secondary"] == "input" else width
        return ConvolutionPair(width, primary, read // primary, "secondary")

    def lower(
        self, net: Builder, choices: Mapping[str, Value], width: int, stride: int, first: bool
    ) -> None:
        """Append one block: a pair, or two pairs and their shortcut."""
        source, in_width = net.last, net.shape.channels
        if not choices["shortcut"]:
            self._pair(net, "", choices, width, stride)
            net.activation("relu", self.activation)
            return
        self._pair(net, "pair1_", choices, width, stride)
        net.activation("pair1_relu", self.activation)
        self._pair(net, "pair2_", choices, width, 1)
        if in_width != width or stride > 1:
            main = net.last
            net.branch(source)
            net.conv("project", width, stride=stride, groups=integer(choices, "primary"))
            net.batch_norm("project_bn")
            source = net.last
            net.branch(main)
        net.add("add", source)
        net.activation("relu", self.activation)

    def _pair(
        self, net: Builder, name: str, choices: Mapping[str, Value], width: int, stride: int
    ) -> None:
        """Append one pair up to its batch norm; layer names begin with `name`."""
        primary = integer(choices, "primary")
        read = net.shape.channels
        net.conv(f"{name}primary", width, kernel=3, stride=stride, groups=primary)
        if choices["secondary"] != "none":
            groups = (read if choices["secondary"] == "input" else width) // primary
            net.shuffle(f"{name}permute", primary)
            net.conv(f"{name}secondary", width, groups=groups)
            net.shuffle(f"{name}restore", groups)
        net.batch_norm(f"{name}bn")


KIND = IGCV1()
