"""Cost-matched draws: every space gets the same number of architectures in each cost stratum.

The band from 85 to 100 % of the first ceiling is divided into five strata of equal width. A round
draws one architecture of each space uniformly from one stratum; the next round uses the next
stratum. So the costs of the spaces agree to 3 % of the ceiling, also if the spaces have different
sizes, and a difference of their errors is not due to their costs.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from nas.errors import BudgetError
from nas.feasible import BAND, NUM_STRATA, Feasible, edges
from nas.samplers.random import MeasuredLosses
from nas.space import Architecture
from nas.study import Objective, Trial

_PROBE = 0  # a fixed seed: whether a stratum has members must not depend on that of the study


class CostMatchedSampler(MeasuredLosses):
    """Alternates between the spaces, stratum by stratum; it ignores all measurements."""

    def __init__(self, feasible: Feasible, goals: Sequence[Objective]) -> None:
        """Store the feasible spaces; the goals do not affect the proposals."""
        self._feasible, self._goals = feasible, tuple(goals)

    @cached_property
    def strata(self) -> list[int]:
        """The strata in which every space has architectures."""
        parts = [self._feasible.part(turn) for turn in range(self._feasible.num_parts)]
        return [
            stratum
            for stratum in range(NUM_STRATA)
            if all(_has_members(part, *edges(stratum)) for part in parts)
        ]

    def check(self, names: Sequence[str]) -> None:
        """Check that the spaces, called `names`, have a common stratum.

        Raises:
            BudgetError: no stratum has architectures of all spaces; the message names spaces that
                have none.
        """
        if self.strata:
            return
        parts = [(name, self._feasible.part(turn)) for turn, name in enumerate(names)]
        empty = [name for name, part in parts if not _has_members(part, BAND, 1.0)]
        ceiling = self._feasible.budget[0]
        level = next(
            (
                share
                for share in np.arange(0.95, 0.04, -0.05)
                if all(_has_members(part, BAND * share, share) for _, part in parts)
            ),
            None,
        )
        raise BudgetError(
            f"the spaces cannot be matched between {100 * BAND:.0f} and 100 % of {ceiling}: "
            f"no architecture of {' and none of '.join(empty or ['all spaces together'])}.",
            f"Use a common budget: --budget {ceiling.at(level * ceiling.limit)}"
            if level
            else "Compare other spaces: these have no common budget below this one.",
        )

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a draw from the next space and stratum in turn.

        If no stratum has members of every space, draw from all architectures within the budget.
        """
        position = sum(trial.candidate for trial in history)
        round_, turn = divmod(position, self._feasible.num_parts)
        part = self._feasible.part(turn)
        if not self.strata:
            return part.sample(rng)
        low, high = edges(self.strata[round_ % len(self.strata)])
        return part.sample(rng, low, high)


def _has_members(part: Feasible, low: float, high: float) -> bool:
    return part.sample(np.random.default_rng(_PROBE), low, high) is not None
