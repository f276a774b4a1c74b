"""Compare: whether replicates of two trainings tell the networks apart at all."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from nas.replicates import CONFIDENCE, Summary, t_quantile

__all__ = ["CONFIDENCE", "Difference", "Summary", "difference", "t_quantile"]


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
    freedom = 1 / sum(  # shares first: the square of a small variance would be 0
        (part / total) ** 2 / (len(values) - 1)
        for part, values in zip(parts, (one, other), strict=True)
    )
    reach = t_quantile((1 + CONFIDENCE) / 2, freedom) * math.sqrt(total)
    return Difference(mean, mean - reach, mean + reach, freedom)
