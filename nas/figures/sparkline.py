"""A sparkline: a small line without axes, as SVG."""

import itertools
from collections.abc import Sequence

from nas.figures.theme import PageTheme

_WIDTH, _HEIGHT, _EDGE = 90, 22, 2


def sparkline_svg(values: Sequence[float], look: PageTheme | None = None) -> str:
    """Return rising `values` as a staircase from zero; empty for fewer than two values."""
    if len(values) < 2:
        return ""
    look, top = look or PageTheme(), max(values) or 1.0
    across = (_WIDTH - 2 * _EDGE) / (len(values) - 1)
    places = [
        f"{_EDGE + across * at:.1f},{_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * value / top:.1f}"
        for at, value in enumerate(values)
    ]
    steps = [places[0]]
    for before, after in itertools.pairwise(places):
        steps += [f"{after.split(',')[0]},{before.split(',')[1]}", after]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}"><polyline points="{" ".join(steps)}" fill="none" '
        f'stroke="{look.colour("front")}" stroke-width="1.5"/></svg>'
    )
