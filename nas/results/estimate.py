"""Estimate: a metric of one network over its seeds; Verdict: the difference of two networks."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.metrics import Metric
from nas.stats import Difference, Summary
from nas.units import plural


@dataclass(frozen=True, slots=True)
class Estimate:
    """A `metric` of one network: its mean over `n` trainings that differ only in their seed.

    `low` and `high` bound the 95 % interval of the mean by Student's t, and `reach` is half its
    width; None for one training. The bounds stay within those of the metric.
    `split` is the split on which it was measured, `images` the number of its images, if recorded.
    """

    metric: Metric
    mean: float
    low: float | None
    high: float | None
    n: int
    split: str
    images: int | None = None
    reach: float | None = None

    @classmethod
    def of(
        cls, metric: Metric, values: Sequence[float], split: str, images: int | None = None
    ) -> "Estimate":
        """Return the estimate of `metric` from one value or more."""
        found = Summary.of(values)
        reach = found.reach
        low = None if reach is None else max(metric.lowest, found.mean - reach)
        high = None if reach is None else min(metric.highest, found.mean + reach)
        return cls(metric, found.mean, low, high, found.n, split, images, reach)

    @property
    def spread(self) -> str:
        """The half width of the interval as text, `± 1.44`; empty for one training."""
        return "" if self.reach is None else f"± {self.metric.number(self.reach)}"

    @property
    def seeds(self) -> str:
        """The number of trainings as text."""
        return plural(self.n, "seed")

    def __str__(self) -> str:
        """Return the estimate as text: `6.59 % ± 1.44 (3 seeds)`."""
        shown = self.metric.show(self.mean)
        return f"{' '.join(filter(None, (shown, self.spread)))} ({self.seeds})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The difference between the test results of the best network and of a reference.

    `difference` is best minus reference in `metric`. Its interval includes the variance between
    seeds and, for a share of images, the finite number of images. `seeds` is False if one of the
    two has a single seed, so that the first part is missing.
    """

    metric: Metric
    reference: str
    difference: Difference
    images: int
    seeds: bool

    @property
    def distinguishable(self) -> bool:
        """Whether the interval excludes zero."""
        return not self.difference.noise

    def __str__(self) -> str:
        """Return the verdict as text; the best network is the subject."""
        return self.words(self.reference)

    def words(self, reference: str) -> str:
        """Return the verdict as text, with this name for the reference, or several names."""
        low, high = self.difference.low, self.difference.high
        if not self.distinguishable:
            said = f"not distinguishable from {reference} on {self.images:,} images"
        else:
            word = "lower" if high < 0 else "higher"
            gap = self.metric.difference(*sorted((abs(low), abs(high))))
            said = f"{word} {self.metric.short} than {reference} by {gap}"
            said += f" (95 %, {self.images:,} images)"
        return (
            said if self.seeds else f"{said} (one seed only: the scatter between seeds is left out)"
        )
