"""An estimate with its interval."""

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
