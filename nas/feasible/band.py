"""The band below a budget, and its strata."""

import numpy as np

BAND = 0.85


NUM_STRATA = 5


def edges(stratum: int) -> tuple[float, float]:
    """Return the lower and the upper edge of a stratum, as shares of the first ceiling."""
    bounds = np.linspace(BAND, 1.0, NUM_STRATA + 1)
    return float(bounds[stratum]), float(bounds[stratum + 1])


def stratum_of(used: float) -> int:
    """Return the stratum of the share `used` of the first ceiling; -1 below all strata."""
    inside = int((used - BAND) / (1 - BAND) * NUM_STRATA + 1e-9)
    return min(inside, NUM_STRATA - 1) if used >= BAND else -1
