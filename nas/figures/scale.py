"""Scale: positions of values on an axis, logarithmic for wide ranges; and a line without axes."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.figures.theme import PageTheme

_DECADE = 10
_LOG_FROM = 8  # for larger ratios of the ends, a linear axis compresses the front


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`; if logarithmic, zero is drawn at `low`."""

    log: bool
    low: float
    high: float
    zero: bool

    @classmethod
    def of(
        cls, values: Sequence[float], ends: Sequence[float] = (), log: bool | None = None
    ) -> "Scale":
        """Return the scale that shows `values` and the `ends` of their bars, all non-negative.

        `log` selects a logarithmic axis; None selects it for a wide range. For the ends, a
        logarithmic axis is extended downwards by at most a factor of ten.
        """
        positive = [value for value in values if value > 0]
        zero = len(positive) < len(values)
        if not positive:
            return cls(False, 0.0, 1.0, zero)
        low, high = min(positive), max(positive)
        top = max([high, *ends])
        if high / low >= _LOG_FROM if log is None else log:
            bottom = max(min([low, *ends]), low / _DECADE)
            return cls(True, bottom / 2 if zero else bottom, top, zero)
        return cls(False, 0.0 if zero else min([low, *ends]), top, zero)

    def place(self, value: float) -> float:
        """Return the position of `value`."""
        return max(value, self.low) if self.log else value

    def places(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the positions of `values` (n,)."""
        return np.maximum(values, self.low) if self.log else values

    @property
    def range(self) -> tuple[float, float]:
        """The ends with a margin, for plotly: exponents of ten on a logarithmic axis."""
        low, high = self.at(self.low), self.at(self.high)
        pad = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
        return low - pad, high + pad

    def fraction(self, value: float) -> float:
        """Return the relative position of `value` between the ends, 0 to 1."""
        low, high = self.range
        return (self.at(self.place(value)) - low) / (high - low)

    def axis(self) -> dict[str, Any]:
        """Return the settings of a plotly axis."""
        if not self.log:
            return {"type": "linear", "range": list(self.range)}
        bottom, top = self.range
        first, last = math.floor(bottom), math.floor(top)
        steps = (1, 2, 5) if last - first < 4 else (1,)
        ticks = [step * 10.0**decade for decade in range(first, last + 1) for step in steps]
        lowest = math.log10(self.low * 1.3) if self.zero else bottom
        ticks = [tick for tick in ticks if lowest <= math.log10(tick) <= top]
        words = [f"{tick:.15g}" for tick in ticks]
        if self.zero:
            ticks, words = [self.low, *ticks], ["0", *words]
        return {
            "type": "log",
            "range": list(self.range),
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": words,
        }

    def at(self, value: float) -> float:
        """Return the coordinate of `value` for a range or an annotation: the exponent if `log`."""
        return math.log10(value) if self.log else value


def time_unit(seconds: float) -> tuple[str, float]:
    """Return the unit for times up to `seconds`, and its length in seconds."""
    if seconds < 300:
        return "seconds", 1.0
    return ("minutes", 60.0) if seconds < 3 * 3600 else ("hours", 3600.0)


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
