"""Random search, and the stratified start of other samplers."""

from collections.abc import Sequence

import numpy as np

from nas.feasible import BAND, Feasible
from nas.samplers.without_model import BelievesObservations
from nas.space import Architecture
from nas.study import Objective, Trial

_STRATA = 5


class RandomSampler(BelievesObservations):
    """Draws uniformly from all architectures within the budget."""

    def __init__(self, feasible: Feasible, goals: Sequence[Objective]) -> None:
        """Store the feasible space; the goals do not affect the proposals."""
        self._feasible, self._goals = feasible, tuple(goals)

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return one draw."""
        return self._feasible.sample(rng)


def stratified(
    feasible: Feasible, goals: Sequence[Objective], position: int, rng: np.random.Generator
) -> Architecture | None:
    """Draw the architecture at `position` of a start that covers the goals.

    Even positions are in the band just under the ceiling, where the most accurate networks are. If
    a cost is also a goal, odd positions cycle through strata of the remaining range, to cover the
    cheap end of the front. Several spaces alternate.
    """
    position, turn = divmod(position, feasible.num_parts)
    feasible = feasible.part(turn)
    cost_matters = any(goal.known for goal in goals)
    if position % 2 and cost_matters:
        stratum = (position // 2) % _STRATA
        least = feasible.used(feasible.cost(feasible.smallest(_first_cost(feasible))))
        edges = np.geomspace(max(least, 1e-3), BAND, _STRATA + 1)
        low, high = float(edges[stratum]), float(edges[stratum + 1])
        drawn = feasible.sample(rng, low=low, high=high)
    else:
        drawn = feasible.sample(rng, low=BAND)
    return drawn or feasible.sample(rng)


def _first_cost(feasible: Feasible) -> str:
    return feasible.budget[0].cost if feasible.budget else "madds"
