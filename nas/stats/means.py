"""Means of errors over several trainings, their intervals and differences; Student's t."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is positive."""
        return self.low > 0

    def record(self) -> dict[str, float | None]:
        """Return the fields by name, for JSON: None for an infinite bound."""
        return {name: end if isfinite(end) else None for name, end in asdict(self).items()}


CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation (None for one value) of `n` replicates."""

    mean: float
    deviation: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Summary":
        """Summarise one or more values."""
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), deviation, len(values))

    @property
    def reach(self) -> float | None:
        """Half the width of the 95 % interval of the mean by Student's t; None for one value."""
        if self.deviation is None:
            return None
        spread = self.deviation / math.sqrt(self.n)
        return t_reach(self.n - 1) * spread


@dataclass(frozen=True)
class Difference:
    """The difference of two means, with its 95 % confidence interval and degrees of freedom."""

    mean: float
    low: float
    high: float
    freedom: float

    @property
    def noise(self) -> bool:
        """Whether the interval contains zero: the two do not differ significantly."""
        return self.low <= 0 <= self.high


def difference(
    one: Sequence[float], other: Sequence[float], images: int | None = None
) -> Difference | None:
    """Return mean(one) - mean(other) of errors over several seeds, by Welch's t-test.

    With `images`, the size of the set on which every error was measured, the variance has a second
    part for the choice of images. For each of the two means it is p (1 - p) / m, with one failure
    and one success added to p (Agresti and Caffo 2000), so that it is valid if no image was
    misclassified. The two are treated as independent although the images are the same, which makes
    the interval too wide rather than too narrow. Degrees of freedom are Satterthwaite's.

    None if there is no variance to estimate: without `images`, if either has a single value. With
    `images`, a single value adds no variance between seeds.

    Sources: B. L. Welch 1947; T. G. Dietterich 1998 for the two sources of variation.
    """
    both = (one, other)
    if images is None and min(map(len, both)) < 2:
        return None
    mean = statistics.fmean(one) - statistics.fmean(other)
    parts = [
        (statistics.variance(values) / len(values), len(values) - 1)
        for values in both
        if len(values) > 1
    ]
    if images is not None:
        parts += [(_of_images(statistics.fmean(values), images), images + 1) for values in both]
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return Difference(mean, mean, mean, float(sum(freedom for _, freedom in parts)))
    # Relative variances, because the square of a small variance would underflow to 0.
    freedom = 1 / sum((variance / total) ** 2 / free for variance, free in parts)
    reach = t_reach(freedom) * math.sqrt(total)
    return Difference(mean, mean - reach, mean + reach, freedom)


def _of_images(share: float, images: int) -> float:
    """Return the variance of an error share that was measured on `images` images."""
    adjusted = (share * images + 1) / (images + 2)
    return adjusted * (1 - adjusted) / (images + 2)


def t_reach(freedom: float) -> float:
    """Return half the width of the 95 % interval of Student's t, in standard errors."""
    from scipy.special import stdtrit  # takes time to load; few callers need it

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
