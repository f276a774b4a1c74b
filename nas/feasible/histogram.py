"""Histogram of the costs of a space, and of its part within a budget."""

import math
from dataclasses import dataclass

import numpy as np

from nas.feasible.counting import Count
from nas.feasible.stagewise import FeasibleSpace

_DRAWS = 5000


@dataclass(frozen=True)
class Distribution:
    """Numbers of architectures by one cost.

    `whole[i]` architectures cost from `edges[i]` to below `edges[i + 1]`; `feasible[i]` of them are
    within the budget. The ratio of adjacent edges is constant except at the ends; the ceiling is an
    edge. `sampled` is true if `feasible` was estimated by random draws, because there are several
    ceilings.
    """

    cost: str
    limit: int | None
    edges: tuple[float, ...]
    whole: tuple[float, ...]
    feasible: tuple[float, ...]
    sampled: bool

    @property
    def total(self) -> float:
        """The number of architectures of the space."""
        return sum(self.whole)


def distribution(space: FeasibleSpace, count: Count, bins: int) -> Distribution:
    """Return the distribution of the first cost with a ceiling, or of madds without a budget.

    `count` is the number of feasible architectures, `bins` the approximate number of intervals.
    """
    budget = space.budget
    cost = budget[0].cost if budget else "madds"
    limit = budget[0].limit if budget else None
    least = int(getattr(space.cost(space.smallest(cost)), cost))
    edges = _edges(least, space.largest(cost), limit, bins)
    whole = space.spread(cost, edges)
    if len(budget) <= 1:
        most = math.inf if limit is None else limit + 1
        feasible = [w if upper <= most else 0.0 for w, upper in zip(whole, edges[1:], strict=True)]
    else:
        feasible = _drawn(space, count, cost, edges)
        whole = [max(pair) for pair in zip(whole, feasible, strict=True)]
    return Distribution(cost, limit, tuple(edges), tuple(whole), tuple(feasible), len(budget) > 1)


def _edges(least: int, most: int, limit: int | None, bins: int) -> list[float]:
    """Return edges of a constant ratio from the lowest to the highest cost; one is the limit.

    Half a unit is added to each edge, so that a cost equal to an edge is counted below it.
    """
    anchor = limit if limit is not None and limit < most else most
    ratio = (most / least) ** (1 / bins) if most > least else 2.0
    below = math.ceil(math.log(anchor / least) / math.log(ratio) - 1e-9)
    above = math.ceil(math.log(most / anchor) / math.log(ratio) - 1e-9)
    inner = [anchor * ratio**step + 0.5 for step in range(-max(below, 1) + 1, above)]
    last = [most + 0.5] if not inner or inner[-1] < most else []
    return [least - 0.5, *(edge for edge in inner if edge > least), *last]


def _drawn(space: FeasibleSpace, count: Count, cost: str, edges: list[float]) -> list[float]:
    """Return the numbers of feasible architectures, estimated by 5000 draws."""
    members = space.sample_many(np.random.default_rng(0), _DRAWS)
    found, _ = np.histogram([getattr(space.cost(member), cost) for member in members], edges)
    number = count.estimate if count.estimate is not None else (count.low + count.high) / 2
    return [float(hits) / max(1, len(members)) * number for hits in found]
