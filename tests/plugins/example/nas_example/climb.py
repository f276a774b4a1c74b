"""The sampler `climb`: a neighbour of the best network so far."""

from collections.abc import Mapping, Sequence

import numpy as np

from nas.feasible import Feasible
from nas.space import Architecture
from nas.study import Objective, Trial, TrialState

_TRIES = 100


class ClimbSampler:
    """Hill climbing: mutates the complete candidate with the lowest loss of the first goal."""

    def __init__(self, feasible: Feasible, goals: Sequence[Objective]) -> None:
        self._feasible, self._goal = feasible, goals[0]

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a neighbour within the budget that is new, or a random draw."""
        losses = self.expected_losses(history)
        if losses:
            best = min(losses, key=lambda number: losses[number])
            start = next(trial.architecture for trial in history if trial.number == best)
            taken = {trial.arch_id for trial in history}
            for _ in range(_TRIES):
                found = self._feasible.mutate(start, rng)
                if found.arch_id not in taken and self._feasible.admits(found):
                    return found
        return self._feasible.sample(rng)

    def expected_losses(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return the measured loss of the first goal by number of COMPLETE candidate."""
        return {
            trial.number: self._goal.loss(trial.value(self._goal.name) or 0.0)
            for trial in history
            if trial.candidate and trial.state is TrialState.COMPLETE
        }
