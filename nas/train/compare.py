"""Compare: what replicates of a training say, and whether two networks differ at all."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = 2000  # of Simpson's rule; the quantile is then right to four digits or more
CONFIDENCE = 0.95


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


@dataclass(frozen=True)
class Difference:
    """The difference of two means, with its 95 % confidence interval and degrees of freedom."""

    mean: float
    low: float
    high: float
    freedom: float

    @property
    def noise(self) -> bool:
        """Whether the interval holds zero: the replicates do not tell the two apart."""
        return self.low <= 0 <= self.high


def difference(one: Sequence[float], other: Sequence[float]) -> Difference | None:
    """Return mean(one) - mean(other) by Welch's t-test; None where either has a single value.

    Source: B. L. Welch 1947, with Satterthwaite's degrees of freedom.
    """
    if min(len(one), len(other)) < 2:
        return None
    mean = statistics.fmean(one) - statistics.fmean(other)
    parts = [statistics.variance(values) / len(values) for values in (one, other)]
    total = sum(parts)
    if total == 0:
        return Difference(mean, mean, mean, float(len(one) + len(other) - 2))
    spread = sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (one, other), strict=True)
    )
    freedom = total**2 / spread
    reach = t_quantile((1 + CONFIDENCE) / 2, freedom) * math.sqrt(total)
    return Difference(mean, mean - reach, mean + reach, freedom)


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
