"""A drawing of one network as SVG: its parts from top to bottom."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import sqrt

from nas.cost import Cost, Operation, Wiring, part_costs, part_wirings
from nas.figures.theme import PageTheme
from nas.space import Layer, Shape
from nas.units import plural, si

DRAWING_CAPTION = (
    "Width: output channels. Colour: share of the multiply-adds. Boxes: the groups of each "
    "convolution of the last block. Lines: the paths of channels through a shuffle."
)
_NAME, _WIDEST, _NARROWEST, _SPACE = 72, 96, 28, 10  # widths
_LINE, _BETWEEN, _CHARACTER = 15, 9, 7.0
_HEIGHTS = {Operation.CONV: 9, Operation.DEPTHWISE: 5, Operation.SHUFFLE: 13}
_PLAIN = 20  # the height of a part without groups
_LEAST_GROUP, _MOST_SHUFFLED = 4, 6  # minimum pixels of a group; maximum groups of a shuffle


def network_svg(layers: Sequence[Layer], look: PageTheme | None = None) -> str:
    """Return a drawing of a network as an SVG document.

    Each part (stem, stages, head, classifier) is a bar: its width grows with the square root of the
    output channels, its colour with its share of all multiply-adds. The bar of a part with groups
    or shuffles shows the operations of its last block: a convolution is split into its groups, a
    shuffle is drawn as the paths of its channels. Texts have the output as channels x height x
    width, the multiply-adds, groups, shuffles, and the number of blocks.
    """
    look = look or PageTheme()
    costs, wirings = part_costs(layers), part_wirings(layers)
    total = sum(cost.madds for cost, _ in costs.values()) or 1
    most = max((shape.channels for _, shape in costs.values()), default=1)
    top, drawn, longest = 0.0, list[str](), 0
    for name, (cost, shape) in costs.items():
        part = _DrawnPart(name, cost, shape, wirings[name], cost.madds / total)
        height = part.height + _BETWEEN
        drawn += part.drawn(top + height / 2, sqrt(shape.channels / most), look)
        top, longest = top + height, max(longest, *map(len, part.texts))
    width = _NAME + _WIDEST + _SPACE + int(_CHARACTER * longest)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top:.0f}" '
        f'viewBox="0 0 {width} {top:.0f}" font-family="system-ui, sans-serif" font-size="12" '
        f'fill="{look.colour("ink")}">{"".join(drawn)}</svg>'
    )


@dataclass(frozen=True)
class _DrawnPart:
    """A part of a network; `share` is that of its multiply-adds."""

    name: str
    cost: Cost
    shape: Shape
    wiring: Wiring
    share: float

    @property
    def texts(self) -> list[str]:
        texts = [f"{self.shape} · {si(self.cost.madds, 2)} · {100 * self.share:.0f} %"]
        if self.wiring.grouped:
            kinds = {"groups": Operation.CONV, "shuffle": Operation.SHUFFLE}
            found = {words: self.wiring.groups(kind) for words, kind in kinds.items()}
            texts.append("; ".join(f"{w} {', '.join(map(str, g))}" for w, g in found.items() if g))
        return texts

    @property
    def names(self) -> list[str]:
        blocks = self.wiring.blocks
        return [self.name, *([plural(blocks, "block")] if blocks else [])]

    @property
    def height(self) -> int:
        return max(_LINE * max(len(self.texts), len(self.names)), self.bar_height)

    @property
    def bar_height(self) -> int:
        if not self.wiring.grouped:
            return _PLAIN
        return sum(_HEIGHTS[operation] for operation, _ in self.wiring.operations)

    def drawn(self, middle: float, wide: float, look: PageTheme) -> Iterator[str]:
        """Yield the elements around a height; `wide` is the width as a share of the widest part."""
        width = max(_NARROWEST, _WIDEST * wide)
        yield from self._bar(middle - self.bar_height / 2, width, look)
        yield from _lines(self.names, 0, middle, look, ' font-weight="600"')
        yield from _lines(self.texts, _NAME + _WIDEST + _SPACE, middle, look)

    def _bar(self, top: float, width: float, look: PageTheme) -> Iterator[str]:
        left = _NAME + (_WIDEST - width) / 2
        shade = 0.15 + 0.85 * min(1.0, 3 * self.share)
        style = (
            f'fill="{look.colour("front")}" fill-opacity="{shade:.2f}" '
            f'stroke="{look.colour("muted")}" stroke-width=".5"'
        )
        if not self.wiring.grouped:
            yield _boxes(left, top, width, _PLAIN, 1, style)
            return
        for operation, groups in self.wiring.operations:
            height = _HEIGHTS[operation]
            if operation is Operation.SHUFFLE:
                yield _paths(left, top, width, groups, look)
            else:
                shown = groups if operation is Operation.CONV else 1
                yield _boxes(left, top, width, height, shown, style)
            top += height


def _boxes(left: float, top: float, width: float, height: float, groups: int, style: str) -> str:
    """Return a convolution: one box for each group, fewer if they would be too narrow to see."""
    drawn = max(1, min(groups, int(width / _LEAST_GROUP)))
    each = width / drawn
    gap = 1.5 if drawn > 1 else 0.0
    return "".join(
        f'<rect x="{left + each * place + gap / 2:.1f}" y="{top + 0.5:.1f}" '
        f'width="{each - gap:.1f}" height="{height - 1}" {style}/>'
        for place in range(drawn)
    )


def _paths(left: float, top: float, width: float, groups: int, look: PageTheme) -> str:
    """Return a shuffle: the paths of some channels from their positions to the interleaved ones."""
    drawn, bottom = min(groups, _MOST_SHUFFLED), top + _HEIGHTS[Operation.SHUFFLE]
    each = max(2, round(min(8.0, width / _LEAST_GROUP) / drawn))
    step = width / (drawn * each)
    path = "".join(
        f"M{left + step * (group * each + channel + 0.5):.1f} {top:.1f}"
        f"L{left + step * (channel * drawn + group + 0.5):.1f} {bottom:.1f}"
        for group in range(drawn)
        for channel in range(each)
    )
    return f'<path d="{path}" stroke="{look.colour("ink")}" stroke-width=".7" fill="none"/>'


def _lines(
    lines: Sequence[str], left: float, middle: float, look: PageTheme, first: str = ""
) -> Iterator[str]:
    """Yield lines of text around a height; those after the first are muted."""
    for row, line in enumerate(lines):
        at = middle + _LINE * (row - (len(lines) - 1) / 2) + 4
        style = first if row == 0 else f' fill="{look.colour("muted")}"'
        yield f'<text x="{left}" y="{at:.1f}"{style}>{escape(line)}</text>'
