"""The complementary condition of two interleaved group convolutions.

Two group convolutions with a channel shuffle between them share channels: the outputs of the first
are the inputs of the second. A branch is the set of these channels in one group. IGCV1 (Zhang et
al. 2017) requires that the channels of each branch of one convolution are in different branches of
the other, one in each. IGCV3 (Sun et al. 2018) requires this only of super-channels, which are
equally large sets of channels.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from nas.errors import ArchitectureError
from nas.space.architecture import Value, format_value

Condition: TypeAlias = Literal["strict", "loose", "none"]
Required: TypeAlias = Literal["strict", "loose"]  # strict pairs are also loose


class ConvolutionPair(NamedTuple):
    """Two group convolutions of a block: the channels between them, and the groups of each.

    `key` is the choice that an error message names.
    """

    channels: int
    first: int
    second: int
    key: str


@runtime_checkable
class PairedKind(Protocol):
    """A block kind whose blocks have pairs of interleaved group convolutions."""

    def pair(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> ConvolutionPair | None:
        """Return the pair of a block that can be built; None if the block has no pair."""
        ...


def complementary(width: int, g1: int, g2: int) -> Condition:
    """Return the condition that `g1` and `g2` groups meet on `width` shared channels.

    strict  each branch of one convolution has exactly one channel of each branch of the other:
            g1 * g2 = width
    loose   the same for super-channels of width / (g1 * g2) channels
    none    no such super-channels exist. If g1 * g2 exceeds the width, two branches share at most
            one channel and most share none, so that some outputs do not depend on some inputs

    Raises:
        ArchitectureError: a number is below 1, or a group count does not divide the width.
    """
    for name, groups in (("G1", g1), ("G2", g2)):
        if width < 1 or groups < 1 or width % groups:
            raise ArchitectureError(
                f"{name}={groups} does not divide width={width}.",
                "Give group counts that divide the channels between the two convolutions.",
            )
    if g1 * g2 == width:
        return "strict"
    return "loose" if width % (g1 * g2) == 0 else "none"


def violation(
    kind: PairedKind, required: Required, choices: Mapping[str, Value], in_width: int
) -> tuple[str, str] | None:
    """Return (choice, cause) if a pair of a stage is not complementary as `required`, else None.

    The stage must be buildable after `in_width` channels. Its first block reads `in_width`
    channels, the others read the width of the stage. A block without a pair meets every condition.
    """
    width = int(choices["width"])
    for read in (in_width, width)[: min(2, int(choices["depth"]))]:
        pair = kind.pair(choices, read, width)
        if pair is None:
            continue
        found = complementary(pair.channels, pair.first, pair.second)
        if found != "strict" and found != required:
            written = f"{pair.key}={format_value(choices[pair.key])}"
            return pair.key, (
                f"{written} is not {required}ly complementary: {pair.first} and {pair.second} "
                f"groups share {pair.channels} channels"
            )
    return None
