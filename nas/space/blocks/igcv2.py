"""The IGCV2 block: a depthwise 3x3 convolution and a product of group 1x1 convolutions.

The layers follow the design rule of the paper (Xie et al., CVPR 2018), which determines all but
their number; no layer table of its networks was published:

    3x3 depthwise conv, has the stride
    `factors` group 1x1 convs on branches of K_1, K_2, … channels, a channel shuffle between them
    batch norm, [+ input], ReLU

Complementary: K_1 * K_2 * … is the input width, so that exactly one path leads from each input
channel to each output channel. Balanced: the K_i have the least sum among all such products, so
that they are as equal as possible. The last 1x1 changes the width. A single factor is a dense 1x1.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from nas.space.architecture import Value
from nas.space.blocks.kind import ChoiceRule, integer, is_count, is_switch
from nas.space.layers import ActivationName, Builder

_MAX_FACTORS = 8


class IGCV2:
    """Interleaved structured sparse convolutions, by their design rule."""

    name = "igcv2"
    activation: ActivationName = "relu"
    rules: Mapping[str, ChoiceRule] = {
        "factors": ChoiceRule(
            "group 1x1 convolutions in a block; 1: a dense one",
            lambda value: is_count(value) and int(value) <= _MAX_FACTORS,
            f"an integer from 1 to {_MAX_FACTORS}",
        ),
        "residual": ChoiceRule(
            "whether a block adds its input, except the first of a stage",
            is_switch,
            "true or false",
            changes_cost=False,
        ),
    }

    def canonical(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Return the choices unchanged.

        `residual` has no effect at depth 1, but a canonical form must not depend on the depth.
        """
        return dict(choices)

    def problem(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> tuple[str, str] | None:
        """Return a cause: too few prime factors, or groups that do not divide the width."""
        count = integer(choices, "factors")
        sizes = branch_sizes(in_width, count)
        if sizes is None:
            return (
                "factors",
                f"width={in_width} is not a product of factors={count} numbers above 1",
            )
        groups = in_width // sizes[-1]
        if width % groups:
            cause = f"the last of factors={count} has {groups} groups, which do not divide"
            return "factors", f"{cause} width={width}"
        return None

    def lower(
        self, net: Builder, choices: Mapping[str, Value], width: int, stride: int, first: bool
    ) -> None:
        """Append one block."""
        source, in_width = net.last, net.shape.channels
        sizes = branch_sizes(in_width, integer(choices, "factors"))
        assert sizes is not None, (in_width, choices)
        net.conv("depthwise", in_width, kernel=3, stride=stride, groups=in_width)
        for number, size in enumerate(sizes, start=1):
            last = number == len(sizes)
            net.conv(f"factor{number}", width if last else in_width, groups=in_width // size)
            if not last:
                net.shuffle(f"permute{number}", in_width // size)
        net.batch_norm("bn")
        if choices["residual"] and not first:
            net.add("add", source)
        net.activation("relu", self.activation)


KIND = IGCV2()


@cache
def branch_sizes(width: int, count: int) -> tuple[int, ...] | None:
    """Return `count` sorted numbers above 1 with the product `width` and the least sum.

    With a count of 1 any width is valid; None if `width` has too few prime factors. The largest
    number is the last, so that the 1x1 that changes the width has the fewest groups.
    """
    if count == 1:
        return (width,)
    return min(_products(width, count, 2), key=lambda sizes: (sum(sizes), sizes), default=None)


def _products(width: int, count: int, least: int) -> Iterator[tuple[int, ...]]:
    """Yield the ascending tuples of `count` numbers from `least` up with the product `width`."""
    if count == 1:
        if width >= least:
            yield (width,)
        return
    size = least
    while size**count <= width:
        if width % size == 0:
            for rest in _products(width // size, count - 1, size):
                yield (size, *rest)
        size += 1
