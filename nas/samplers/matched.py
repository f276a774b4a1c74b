"""Matched draws: every space gives the same number of architectures in each stratum of cost.

The band from 85 to 100 % of the first ceiling is cut into five strata of equal width. The spaces
take turns; a round draws one architecture of each space, uniformly from one stratum, the next round
from the next stratum. So the costs of the spaces agree by design to 3 % of the ceiling, whatever
the sizes of the spaces: a difference of their errors is none of their costs.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from nas.errors import BudgetError
from nas.feasible import BAND, NUM_STRATA, Feasible, edges
from nas.samplers.without_model import BelievesObservations
from nas.space import Architecture
from nas.study import Objective, Trial

_PROBE = 0  # whether a stratum has members must not depend on the study's seed


class MatchedSampler(BelievesObservations):
    """Takes turns between the spaces, stratum by stratum; learns nothing from what was measured."""

    def __init__(self, feasible: Feasible, goals: Sequence[Objective]) -> None:
        """Keep the feasible spaces; the goals make no difference to what is proposed."""
        self._feasible, self._goals = feasible, tuple(goals)

    @cached_property
    def strata(self) -> list[int]:
        """The strata in which every space has architectures."""
        parts = [self._feasible.part(turn) for turn in range(self._feasible.num_parts)]
        return [
            stratum
            for stratum in range(NUM_STRATA)
            if all(_has(part, *edges(stratum)) for part in parts)
        ]

    def check(self, names: Sequence[str]) -> None:
        """Make sure that the spaces, called `names`, can be matched at all.

        Raises:
            BudgetError: no stratum holds architectures of all; those without any are named.
        """
        if self.strata:
            return
        parts = [(name, self._feasible.part(turn)) for turn, name in enumerate(names)]
        empty = [name for name, part in parts if not _has(part, BAND, 1.0)]
        ceiling = self._feasible.budget[0]
        level = next(
            (
                share
                for share in np.arange(0.95, 0.04, -0.05)
                if all(_has(part, BAND * share, share) for _, part in parts)
            ),
            None,
        )
        raise BudgetError(
            f"between {100 * BAND:.0f} and 100 % of {ceiling} there is nothing to match: "
            f"no architecture of {' and none of '.join(empty or ['all spaces at once'])}.",
            f"Compare at a budget that all reach: --budget {ceiling.at(level * ceiling.limit)}"
            if level
            else "Compare other spaces: no budget below this one is reached by all of these.",
        )

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a draw of the space and the stratum whose turn it is.

        Where no stratum has members of every space, from all that the budget admits.
        """
        position = sum(trial.candidate for trial in history)
        round_, turn = divmod(position, self._feasible.num_parts)
        part = self._feasible.part(turn)
        if not self.strata:
            return part.sample(rng)
        low, high = edges(self.strata[round_ % len(self.strata)])
        return part.sample(rng, low, high)


def _has(part: Feasible, low: float, high: float) -> bool:
    return part.sample(np.random.default_rng(_PROBE), low, high) is not None
