"""Feasible spaces by listing, for block kinds that plan whole networks.

The cost of such a network is not a sum over its stages, so that no table can be built. Instead, all
members are listed with their exact costs. The interface is that of FeasibleSpace.
"""

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from nas.cost import COST_NAMES, Constraint, CostModel
from nas.errors import SpaceError
from nas.feasible.counting import Count
from nas.feasible.stage_options import Floats, Ints, vector
from nas.feasible.stagewise import FeasibleSpace
from nas.space import Architecture, NetworkKind, SearchSpace, StageValues

MOST = 200_000


def feasible_space(costs: CostModel, budget: Sequence[Constraint]) -> FeasibleSpace:
    """Return the architectures of a space within a budget, by stages or listed.

    Raises:
        SpaceError: the space must be listed, but is too large.
    """
    kind = ListedSpace if isinstance(costs.space.kind, NetworkKind) else FeasibleSpace
    return kind(costs, budget)


class ListedSpace(FeasibleSpace):
    """The architectures of a small space within one budget, all in memory; exact."""

    def __init__(self, costs: CostModel, budget: Sequence[Constraint]) -> None:
        """List the members with their costs.

        Raises:
            SpaceError: there are more than 200,000.
        """
        self.space = costs.space
        self.costs = costs
        self.budget = tuple(budget)
        self._smallest = {}
        self._members = members(costs.space)
        self._costs: Ints = np.array([vector(costs.cost(member)) for member in self._members])

    @cached_property
    def total(self) -> int:
        """The exact number of distinct architectures of the space, feasible or not."""
        return len(self._members)

    def bounds(self) -> tuple[int, int]:
        """Return the exact number of feasible architectures as both bounds."""
        return len(self._feasible), len(self._feasible)

    def count(self, low: float = 0.0, high: float = 1.0) -> Count:
        """Count the feasible architectures with a share of the first ceiling in the band."""
        number = len(self._inside(low, high))
        return Count(number, number)

    def sample_many(
        self, rng: np.random.Generator, count: int, low: float = 0.0, high: float = 1.0
    ) -> list[Architecture]:
        """Draw `count` independent architectures as `sample` does; none if there are none.

        `low` and `high` limit the draw to a band of shares of the first ceiling.
        """
        chosen = self._inside(low, high)
        if not len(chosen):
            return []
        return [self._members[index] for index in rng.choice(chosen, count).tolist()]

    def spread(self, cost: str, edges: Sequence[float]) -> list[float]:
        """Return the numbers of architectures, feasible or not, with a `cost` between the edges."""
        found, _ = np.histogram(self._costs[:, COST_NAMES.index(cost)], edges)
        return [float(number) for number in found]

    def largest(self, cost: str) -> int:
        """Return the greatest `cost` of any architecture of the space."""
        return int(self._costs[:, COST_NAMES.index(cost)].max())

    def _inside(self, low: float, high: float) -> Ints:
        """Return the positions of the feasible members in a band."""
        inside: Ints = self._feasible[(self._used >= low) & (self._used <= high)]
        return inside

    def _find_smallest(self, cost: str) -> Architecture:
        return self._members[int(np.argmin(self._costs[:, COST_NAMES.index(cost)]))]

    def _jointly_feasible(self) -> bool:
        return len(self._feasible) > 0

    @cached_property
    def _feasible(self) -> Ints:
        """The positions of the members within every ceiling."""
        inside = np.ones(len(self._members), dtype=bool)
        for part in self.budget:
            inside &= self._costs[:, COST_NAMES.index(part.cost)] <= part.limit
        return np.flatnonzero(inside)

    @cached_property
    def _used(self) -> Floats:
        """The share of the first ceiling that each feasible member uses; 1 without a ceiling."""
        if not self.budget:
            return np.ones(len(self._feasible))
        first = self.budget[0]
        shares: Floats = self._costs[self._feasible, COST_NAMES.index(first.cost)] / first.limit
        return shares


def members(space: SearchSpace) -> list[Architecture]:
    """Return the distinct members of `space`.

    Raises:
        SpaceError: the members are too many to list.
    """
    chains: list[tuple[tuple[StageValues, ...], int]] = [((), space.stem_width)]
    for index in range(len(space.stages)):
        canonical = list(dict.fromkeys(_stage_values(space, index)))
        steps = {width: _steps(space, canonical, width) for width in {width for _, width in chains}}
        if sum(len(steps[width]) for _, width in chains) > MOST:
            raise SpaceError(
                f"the space {space.name} has more than {MOST:,} architectures, too many to list.",
                f"List fewer values: networks of the block kind {space.kind.name} must be listed.",
            )
        chains = [
            ((*stages, values), following)
            for stages, width in chains
            for values, following in steps[width]
        ]
    return [Architecture(space.name, space.keys, stages) for stages, _ in chains]


def _stage_values(space: SearchSpace, index: int) -> Iterator[StageValues]:
    """Yield the canonical values of one stage, with repetitions."""
    choices = space.stages[index].choices
    for row in itertools.product(*(choice.values for choice in choices)):
        yield space.canonical_stage(dict(zip(space.keys, row, strict=True)))


def _steps(
    space: SearchSpace, canonical: Sequence[StageValues], width: int
) -> list[tuple[StageValues, int]]:
    """Return the values that can be built after `width` channels, with their output width."""
    steps = []
    for values in canonical:
        choices = {k: v for k, v in zip(space.keys, values, strict=True) if v is not None}
        if space.problem(choices, width) is None:
            steps.append((values, int(choices.get("width", width))))
    return steps
