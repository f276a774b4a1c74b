"""The IGCV3 block: two interleaved group 1x1 convolutions around a depthwise 3x3.

Layers in the order of the authors' released graph (homles11/IGCV3, symbols/igcv3.py):

    1x1 group conv, G1, to expansion * C_in    first
    batch norm [, ReLU6]
    channel shuffle with G1 groups             P1
    3x3 depthwise conv, has the stride         depthwise
    batch norm [, ReLU6]
    1x1 group conv, G2, to the stage's width   last
    batch norm [, ReLU6]
    channel shuffle with width / G2 groups     P2, optional; the released graph has none
    + input, in every block of a stage except the first

With G1 = G2 = 1 and ReLU6 after the first two convolutions this is MobileNetV2's block; expansion 0
omits the first convolution, as MobileNetV2 does in its first block. G2 "strict" is hidden width /
G1 in each block: the strict complementary condition (nas.space.complementary).
"""

from collections.abc import Mapping
from itertools import combinations

from nas.space.architecture import Value
from nas.space.blocks.kind import EXPANSION, ChoiceRule, integer, is_count, is_switch
from nas.space.complementary import ConvolutionPair
from nas.space.layers import ActivationName, Builder

_POSITIONS = ("first", "depthwise", "last")
RELU_PLACEMENTS: tuple[str, ...] = (
    "none",
    *("+".join(subset) for size in (1, 2, 3) for subset in combinations(_POSITIONS, size)),
)


class IGCV3:
    """Interleaved low-rank group convolutions (Sun et al., BMVC 2018)."""

    name = "igcv3"
    activation: ActivationName = "relu6"
    rules: Mapping[str, ChoiceRule] = {
        "expansion": EXPANSION,
        "g1": ChoiceRule("groups of the first 1x1", is_count, "an integer of 1 or more"),
        "g2": ChoiceRule(
            "groups of the last 1x1; strict: hidden width / G1",
            lambda value: is_count(value) or value == "strict",
            "an integer of 1 or more, or strict",
        ),
        "relu": ChoiceRule(
            "the convolutions followed by a ReLU6",
            lambda value: isinstance(value, str) and value in RELU_PLACEMENTS,
            f"one of {', '.join(RELU_PLACEMENTS)}",
            changes_cost=False,
            changes_latency=False,  # an activation is timed with the convolution before it
        ),
        "permute2": ChoiceRule(
            "the second permutation", is_switch, "true or false", changes_cost=False
        ),
    }

    def canonical(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Remove values without effect: G1 and the first ReLU without their convolution, and P2.

        P2 interleaves width / G2 groups: it has no effect if G2 is 1 or the width.
        """
        result = dict(choices)
        if choices["expansion"] == 0:
            result["g1"] = 1
            kept = [part for part in str(choices["relu"]).split("+") if part != "first"]
            result["relu"] = "+".join(kept) or "none"
        if choices["g2"] in (1, choices["width"]):
            result["permute2"] = False
        return result

    def problem(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> tuple[str, str] | None:
        """Return a group count that does not divide a width."""
        expansion, g1 = integer(choices, "expansion"), integer(choices, "g1")
        hidden = (expansion or 1) * in_width
        for channels in () if expansion == 0 else (in_width, hidden):
            if channels % g1:
                return "g1", f"g1={g1} does not divide width={channels}"
        g2 = _last_groups(choices, hidden)
        written = f"g2={g2}" if choices["g2"] == g2 else f"g2={choices['g2']} ({g2} groups)"
        for channels in (hidden, width):
            if channels % g2:
                return "g2", f"{written} does not divide width={channels}"
        return None

    def pair(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> ConvolutionPair | None:
        """Return both 1x1 convolutions with the hidden channels; None without the first."""
        expansion = integer(choices, "expansion")
        if expansion == 0:
            return None
        hidden = expansion * in_width
        return ConvolutionPair(hidden, integer(choices, "g1"), _last_groups(choices, hidden), "g2")

    def lower(
        self, net: Builder, choices: Mapping[str, Value], width: int, stride: int, first: bool
    ) -> None:
        """Append one block; without the first 1x1 and P1 if expansion is 0."""
        expansion, g1 = integer(choices, "expansion"), integer(choices, "g1")
        relus = str(choices["relu"]).split("+")
        source, in_width = net.last, net.shape.channels
        if expansion:
            net.conv("first", expansion * in_width, groups=g1)
            net.batch_norm("first_bn")
            if "first" in relus:
                net.activation("first_relu")
            net.shuffle("permute1", g1)
        hidden = net.shape.channels
        g2 = _last_groups(choices, hidden)
        net.conv("depthwise", hidden, kernel=3, stride=stride, groups=hidden)
        net.batch_norm("depthwise_bn")
        if "depthwise" in relus:
            net.activation("depthwise_relu")
        net.conv("last", width, groups=g2)
        net.batch_norm("last_bn")
        if "last" in relus:
            net.activation("last_relu")
        if choices["permute2"]:
            net.shuffle("permute2", width // g2)
        if not first:
            net.add("add", source)


KIND = IGCV3()


def _last_groups(choices: Mapping[str, Value], hidden: int) -> int:
    """Return G2 as a number; strict: one channel from each group of the first convolution."""
    if choices["g2"] == "strict":
        return hidden // (integer(choices, "g1") if choices["expansion"] else 1)
    return integer(choices, "g2")
