"""Replicates: what several trainings of one network say of its error; Student's t."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
_STEPS = 2000  # of Simpson's rule; the quantile is then right to four digits or more


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation (None for one value) of `n` replicates."""

    mean: float
    deviation: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Summary":
        """Summarise one value or more."""
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), deviation, len(values))

    @property
    def reach(self) -> float | None:
        """Half the width of the 95 % interval of the mean, by Student's t; None for one value."""
        if self.deviation is None:
            return None
        spread = self.deviation / math.sqrt(self.n)
        return t_quantile((1 + CONFIDENCE) / 2, self.n - 1) * spread


def t_quantile(share: float, freedom: float) -> float:
    """Return the value below which `share`, from 0.5 to 1 excluded, of Student's t lies.

    `freedom` is 1 or more. With t = sqrt(freedom) * tan(a) the distribution is an integral of
    cos(a)^(freedom - 1) over a finite range, which Simpson's rule does well.
    """
    low, high = 0.0, math.pi / 2
    whole = math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom + 1) / 2))
    whole *= math.sqrt(math.pi) / 2  # of that integral up to a right angle
    for _ in range(60):
        middle = (low + high) / 2
        if 0.5 + 0.5 * _integral(middle, freedom) / whole < share:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _integral(end: float, freedom: float) -> float:
    """Return the integral of cos(a)^(freedom - 1) from 0 to `end`."""
    step = end / _STEPS
    values = [math.pow(max(0.0, math.cos(i * step)), freedom - 1) for i in range(_STEPS + 1)]
    return step / 3 * (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]))
