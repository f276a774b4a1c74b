"""Learning curves as one SVG picture: the mean over the seeds, and the range between them.

`draw` takes plain numbers and returns text; the picture has its own background, so that it reads
the same on a light and on a dark page.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 880, 400
PLOT_TOP, PLOT_BOTTOM = 64, 322
LEFT, GAP = 64, 88
COLOURS = ("#0b6e99", "#c4552d", "#5b8c3a", "#7d4fa6")
INK, MUTED, GRID, SURFACE = "#1d2733", "#5b6673", "#dfe4ea", "#ffffff"
FONT = "font-family='system-ui, sans-serif'"


@dataclass(frozen=True)
class Curves:
    """One panel: for each name, the values by epoch of every seed, in the unit of `title`."""

    title: str
    lines: dict[str, list[list[float]]]


@dataclass(frozen=True)
class _Frame:
    """Where a panel lies, and what its axes show."""

    left: float
    right: float
    epochs: int
    low: float
    high: float

    def x(self, epoch: int) -> float:
        share = (epoch - 1) / max(1, self.epochs - 1)
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return PLOT_BOTTOM - share * (PLOT_BOTTOM - PLOT_TOP)


def draw(title: str, panels: Sequence[Curves]) -> str:
    """Return the picture of all panels, side by side, with one legend."""
    width = (WIDTH - LEFT - GAP * (len(panels) - 1) - 24) / len(panels)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' "
        f"width='{WIDTH}' height='{HEIGHT}' role='img' aria-label='{escape(title)}'>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='{SURFACE}'/>",
        _text(LEFT, 26, title, INK, size=15),
    ]
    for number, panel in enumerate(panels):
        left = LEFT + number * (width + GAP)
        parts += _panel(panel, left, left + width)
    parts += _legend(list(panels[0].lines))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Curves, left: float, right: float) -> list[str]:
    values = [value for runs in panel.lines.values() for run in runs for value in run]
    ticks = nice_ticks(min(values), max(values))
    epochs = max(len(run) for runs in panel.lines.values() for run in runs)
    frame = _Frame(left, right, epochs, ticks[0], ticks[-1])
    parts = [_text(left, PLOT_TOP - 14, panel.title, MUTED)]
    for tick in ticks:
        y = frame.y(tick)
        parts.append(_line(left, y, right, y, GRID))
        parts.append(_text(left - 8, y + 4, f"{tick:g}", MUTED, anchor="end"))
    step = max(1, math.ceil(epochs / 8))
    for epoch in [1, *range(1 + step, epochs + 1, step)]:
        parts.append(_text(frame.x(epoch), PLOT_BOTTOM + 18, str(epoch), MUTED, anchor="middle"))
    parts.append(_text((left + right) / 2, PLOT_BOTTOM + 36, "epoch", MUTED, anchor="middle"))
    for number, runs in enumerate(panel.lines.values()):
        parts += _curve(frame, runs, COLOURS[number % len(COLOURS)])
    return parts


def _curve(frame: _Frame, runs: list[list[float]], colour: str) -> list[str]:
    columns = list(zip(*runs, strict=True))
    upper = [(frame.x(e), frame.y(max(column))) for e, column in enumerate(columns, start=1)]
    lower = [(frame.x(e), frame.y(min(column))) for e, column in enumerate(columns, start=1)]
    middle = [
        (frame.x(e), frame.y(sum(column) / len(column)))
        for e, column in enumerate(columns, start=1)
    ]
    return [
        f"<polygon points='{_points(upper + lower[::-1])}' fill='{colour}' fill-opacity='0.15'/>",
        f"<polyline points='{_points(middle)}' fill='none' stroke='{colour}' stroke-width='2' "
        "stroke-linejoin='round'/>",
    ]


def _legend(names: list[str]) -> list[str]:
    parts, x = [], float(LEFT)
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f"<rect x='{x:.1f}' y='{HEIGHT - 26}' width='18' height='4' fill='{colour}'/>")
        parts.append(_text(x + 24, HEIGHT - 20, name, INK))
        x += 24 + 7.2 * len(name) + 28
    return parts


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values around a range, at most `most` + 1, the first below, the last above."""
    span = max(high - low, 1e-6 * max(abs(low), abs(high), 1.0))  # a flat curve has a scale too
    size = 10.0 ** math.floor(math.log10(span / most))
    step = next(size * factor for factor in (1, 2, 5, 10, 20) if span / (size * factor) <= most - 1)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}'/>"


def _text(x: float, y: float, text: str, colour: str, size: int = 12, anchor: str = "start") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {FONT} font-size='{size}' fill='{colour}' "
        f"text-anchor='{anchor}'>{escape(text)}</text>"
    )
