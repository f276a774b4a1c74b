"""The interface through which samplers use one or several spaces within a budget."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nas.cost import Constraint, Cost
from nas.feasible.encoding import Coding
from nas.space import Architecture


class Feasible(Protocol):
    """The architectures within a budget."""

    @property
    def budget(self) -> Sequence[Constraint]:
        """The ceilings."""
        ...

    @property
    def num_parts(self) -> int:
        """The number of spaces."""
        ...

    @property
    def coding(self) -> Coding:
        """The architectures as numbers."""
        ...

    def part(self, index: int) -> "Feasible":
        """Return one of the spaces."""
        ...

    def sample(
        self, rng: np.random.Generator, low: float = 0.0, high: float = 1.0
    ) -> Architecture | None:
        """Draw uniformly from the architectures with a share of the first ceiling in a band.

        The band is from `low` to `high`. None if it has no architecture.
        """
        ...

    def sample_many(
        self, rng: np.random.Generator, count: int, low: float = 0.0, high: float = 1.0
    ) -> list[Architecture]:
        """Draw `count` architectures as `sample` does; fewer only if no more are found."""
        ...

    def admits(self, architecture: Architecture) -> bool:
        """Tell whether `architecture` is a member and within every ceiling."""
        ...

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a neighbour in the same space, within the budget or not."""
        ...

    def cost(self, architecture: Architecture) -> Cost:
        """Return the cost at the deployment."""
        ...

    def used(self, cost: Cost) -> float:
        """Return the share of the first ceiling that `cost` uses."""
        ...

    def smallest(self, cost: str) -> Architecture:
        """Return an architecture with the least possible `cost`."""
        ...


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
