"""A drawing of one network as SVG: its parts from left to right."""

from collections.abc import Mapping, Sequence
from html import escape
from math import sqrt
from typing import Any

from nas.figures.theme import PageTheme
from nas.units import si

_COLUMN, _HEIGHT, _TOP, _LINE = 58, 110, 18, 14
_LOWEST = 12
_BOLD = ' font-weight="600"'
_NOTED = {"depth": "depth", "g1": "G1", "g2": "G2"}


def network_svg(parts: Sequence[Mapping[str, Any]], look: PageTheme | None = None) -> str:
    """Return a drawing of a network as an SVG document.

    `parts` are those of `nas.results.trial_details`: stem, stages, head, classifier. Each is a bar:
    its height grows with the square root of the output channels, its colour with its share of all
    multiply-adds. Below it are its output as channels x height x width, its multiply-adds, and the
    depth and the groups of a stage; stages of depth 0 are left out.
    """
    look = look or PageTheme()
    parts = [part for part in parts if part["output"] is not None]
    total = sum(part["madds"] for part in parts) or 1
    most = max((_channels(part) for part in parts), default=1)
    texts = [_lines(part) for part in parts]
    height = _TOP + _HEIGHT + _LINE * (2 + max(map(len, texts), default=0))
    bars = [
        _bar(index, part, texts[index], part["madds"] / total, sqrt(_channels(part) / most), look)
        for index, part in enumerate(parts)
    ]
    width = _COLUMN * len(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="11" '
        f'text-anchor="middle" fill="{look.colour("ink")}">{"".join(bars)}</svg>'
    )


def _channels(part: Mapping[str, Any]) -> int:
    return int(str(part["output"]).split("x")[0])


def _lines(part: Mapping[str, Any]) -> list[str]:
    noted = [f"{word} {part[key]}" for key, word in _NOTED.items() if part.get(key) is not None]
    return [str(part["part"]), str(part["output"]), si(part["madds"], 2), *noted]


def _bar(
    index: int,
    part: Mapping[str, Any],
    lines: Sequence[str],
    share: float,
    high: float,
    look: PageTheme,
) -> str:
    tall = max(_LOWEST, _HEIGHT * high)
    top, middle = _TOP + (_HEIGHT - tall) / 2, _COLUMN * (index + 0.5)
    words = "".join(
        f'<text x="{middle}" y="{_TOP + _HEIGHT + 16 + _LINE * row}"'
        f'{_BOLD if row == 0 else ""} textLength="{_fitted(line)}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(line)}</text>'
        for row, line in enumerate(lines)
    )
    return (
        f"<g><title>{escape(str(part['part']))}: {100 * share:.0f} % of the multiply-adds</title>"
        f'<rect x="{middle - 20}" y="{top:.1f}" width="40" height="{tall:.1f}" rx="4" '
        f'fill="{look.colour("front")}" fill-opacity="{0.12 + 0.88 * min(1.0, 3 * share):.2f}" '
        f'stroke="{look.colour("muted")}"/>'
        f'<text x="{middle}" y="{max(12.0, top - 5):.1f}">{100 * share:.0f} %</text>{words}</g>'
    )


def _fitted(line: str) -> int:
    """Return the width of a line of text in pixels, at most that of a column."""
    return min(_COLUMN - 4, 6 * len(line))
