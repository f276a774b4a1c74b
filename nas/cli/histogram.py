"""The distribution of costs as text lines."""

from typing import TYPE_CHECKING

from nas.metrics import cost_metric

if TYPE_CHECKING:
    from nas.feasible import Distribution

_RARE = 1e-4  # rarer intervals at either end are merged into one line


def histogram(spread: "Distribution", width: int) -> list[str]:
    """Return a bar for each interval of a Distribution: full within the budget, light above it.

    The line of the ceiling is between the interval below it and the one above it.
    """
    first, last = _ends(spread)
    rows = []
    for index in range(first, last):
        rows.append((index, index + 1))
    if first:
        rows.insert(0, (0, first))
    if last < len(spread.whole):
        rows.append((last, len(spread.whole)))
    labels = [_label(spread, low, high) for low, high in rows]
    wide = max(map(len, labels))
    room = max(10, min(60, width - wide - 12))
    counts = [(sum(spread.whole[a:b]), sum(spread.feasible[a:b])) for a, b in rows]
    most = max(whole for whole, _ in counts)
    limited = spread.limit is not None
    lines = [f"{spread.cost} of the whole space" + (LEGEND if limited else "")]
    for (_, high), label, (whole, feasible) in zip(rows, labels, counts, strict=True):
        bar = _bar(whole / most * room, feasible / most * room if limited else whole / most * room)
        lines.append(f"{label:>{wide}} {_share(whole / spread.total):>9}  {bar}".rstrip())
        if limited and high < len(spread.whole) and int(spread.edges[high]) == spread.limit:
            limit = cost_metric(spread.cost).show(spread.limit)
            lines.append(f"{'─' * wide} {limit} {'─' * (room - len(limit))}")
    if spread.sampled:
        lines.append("(the part within the budget is estimated from random draws)")
    return lines


LEGEND = ": █ within the budget, ░ above it"


def _ends(spread: "Distribution") -> tuple[int, int]:
    """Return the first and the last interval that is not rare or touches the ceiling."""
    held = [i for i, count in enumerate(spread.whole) if count >= _RARE * spread.total]
    first, last = held[0], held[-1] + 1
    edges = [int(edge) for edge in spread.edges]
    if spread.limit in edges:
        at = edges.index(spread.limit)
        first, last = min(first, max(0, at - 1)), max(last, min(at + 1, len(spread.whole)))
    return first, last


def _label(spread: "Distribution", low: int, high: int) -> str:
    metric = cost_metric(spread.cost)
    ends = [metric.show(spread.edges[end], 3) for end in (low, high)]
    return f"{ends[0]:>5} – {ends[1]:>5}"


def _share(share: float) -> str:
    return f"{100 * share:.2f} %" if share >= 5e-5 or not share else f"{100 * share:.0e} %"


def _bar(whole: float, feasible: float) -> str:
    """Return a bar of `whole` columns; the part within the budget is full, in eighths if alone."""
    full = int(feasible + 1e-9)
    eighths = round(8 * (feasible - full))
    light = max(0, round(whole) - full - (1 if eighths else 0))
    part = " ▏▎▍▌▋▊▉█"[eighths] if eighths else ""
    return "█" * full + part + "░" * light
