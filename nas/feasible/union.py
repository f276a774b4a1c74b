"""Several spaces searched as one.

An architecture names its space. All spaces get the same share of the draws, also if they have
different sizes, because a search compares the families.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from nas.cost import Cost
from nas.feasible.counting import Count
from nas.feasible.encoding import Coding, UnionCoding
from nas.feasible.stagewise import FeasibleSpace
from nas.space import Architecture


class FeasibleUnion:
    """The architectures of several spaces within one budget, with the interface `Feasible`."""

    def __init__(self, parts: Mapping[str, FeasibleSpace]) -> None:
        """Join `parts`, by the name of their space; they have the same budget and deployment."""
        self.parts = dict(parts)
        self.budget = next(iter(self.parts.values())).budget

    @cached_property
    def coding(self) -> Coding:
        """The architectures of all spaces as numbers."""
        return UnionCoding({name: part.coding for name, part in self.parts.items()})

    @property
    def num_parts(self) -> int:
        """The number of spaces."""
        return len(self.parts)

    def part(self, index: int) -> FeasibleSpace:
        """Return one of the spaces."""
        return list(self.parts.values())[index]

    @property
    def total(self) -> int:
        """The exact number of distinct architectures of all spaces, feasible or not."""
        return sum(part.total for part in self.parts.values())

    def bounds(self) -> tuple[int, int]:
        """Return bounds on the number of feasible architectures."""
        lows, highs = zip(*(part.bounds() for part in self.parts.values()), strict=True)
        return sum(lows), sum(highs)

    def count(self, low: float = 0.0, high: float = 1.0) -> Count:
        """Count the feasible architectures of all spaces in a band; the bounds are sums."""
        counts = [part.count(low, high) for part in self.parts.values()]
        lows, highs = sum(count.low for count in counts), sum(count.high for count in counts)
        if lows == highs:
            return Count(lows, highs)
        guesses = [count.estimate or (count.low + count.high) / 2 for count in counts]
        ends = [count.interval or (count.low, count.high) for count in counts]
        interval = sum(end[0] for end in ends), sum(end[1] for end in ends)
        return Count(lows, highs, sum(guesses), interval)

    def check(self) -> None:
        """Check that the budget admits an architecture of every space.

        Raises:
            BudgetError: a space has none; the message names it and the cost of its smallest
                architecture.
        """
        for part in self.parts.values():
            part.check()

    def cost(self, architecture: Architecture) -> Cost:
        """Return the cost of a member of any of the spaces."""
        return self.parts[architecture.space].cost(architecture)

    def used(self, cost: Cost) -> float:
        """Return the share of the first ceiling that `cost` uses; 1 without a ceiling."""
        return next(iter(self.parts.values())).used(cost)

    def admits(self, architecture: Architecture) -> bool:
        """Tell whether `architecture` is a member of its space and within every ceiling."""
        return self.parts[architecture.space].admits(architecture)

    def smallest(self, cost: str) -> Architecture:
        """Return an architecture with the least possible `cost` in any of the spaces, exactly."""
        found = [part.smallest(cost) for part in self.parts.values()]
        return min(found, key=lambda architecture: int(getattr(self.cost(architecture), cost)))

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a neighbour in the same space."""
        return self.parts[architecture.space].mutate(architecture, rng)

    def sample(
        self, rng: np.random.Generator, low: float = 0.0, high: float = 1.0
    ) -> Architecture | None:
        """Draw a space that has architectures in the band, and then uniformly from it."""
        names = list(self.parts)
        for index in rng.permutation(len(names)):
            drawn = self.parts[names[int(index)]].sample(rng, low, high)
            if drawn is not None:
                return drawn
        return None

    def sample_many(
        self, rng: np.random.Generator, count: int, low: float = 0.0, high: float = 1.0
    ) -> list[Architecture]:
        """Draw `count` independent architectures as `sample` does; none if there are none.

        Each draw first selects one of the spaces that have architectures in the band.
        """
        names = list(self.parts)
        drawn: dict[int, list[Architecture]] = {}
        spaces = rng.integers(len(names), size=count)
        for index in range(len(names)):
            wanted = int((spaces == index).sum())
            drawn[index] = self.parts[names[index]].sample_many(rng, max(1, wanted), low, high)
        nonempty = [index for index in drawn if drawn[index]]
        if not nonempty:
            return []
        for empty in set(drawn) - set(nonempty):
            moved = spaces == empty
            spaces[moved] = rng.choice(nonempty, int(moved.sum()))
        for index in nonempty:
            more = int((spaces == index).sum()) - len(drawn[index])
            if more > 0:
                drawn[index] += self.parts[names[index]].sample_many(rng, more, low, high)
        supply = {index: iter(drawn[index]) for index in nonempty}
        return [member for index in spaces.tolist() if (member := next(supply[index], None))]
