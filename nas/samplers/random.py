"""Random search, and the functions that several samplers share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import is_

import numpy as np

from nas.feasible import BAND, Feasible
from nas.space import Architecture
from nas.study import Objective, Trial, TrialState


class MeasuredLosses:
    """A base of samplers whose estimates are the measured values of the first goal."""

    _goals: Sequence[Objective]

    def expected_losses(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return the measured loss of the first goal, by number of COMPLETE candidate."""
        goal = self._goals[0]
        return {
            trial.number: goal.loss(trial.value(goal.name) or 0.0)
            for trial in history
            if trial.candidate and trial.state is TrialState.COMPLETE
        }


_STRATA = 5


class RandomSampler(MeasuredLosses):
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


def begins_with(trials: Sequence[Trial], known: Sequence[Trial]) -> bool:
    """Tell whether `trials` begin with the objects in `known`; finished trials do not change."""
    return len(known) <= len(trials) and all(map(is_, known, trials))


FEWEST_STARTS = 4


def num_starts(usual: int, feasible: Feasible, borrowed: Sequence[Trial]) -> int:
    """Return the number of candidates to draw by strata before a sampler uses its history.

    It is `usual` for each space, minus the number of complete borrowed trainings of the space that
    has the fewest.
    """
    complete = Counter(t.architecture.space for t in borrowed if t.state is TrialState.COMPLETE)
    fewest = min(complete.values()) if len(complete) >= feasible.num_parts else 0
    return max(FEWEST_STARTS, usual - fewest) * feasible.num_parts


def fitting(feasible: Feasible, borrowed: Sequence[Trial]) -> list[Trial]:
    """Return the complete borrowed trainings of architectures within the budget."""
    return [
        trial
        for trial in borrowed
        if trial.state is TrialState.COMPLETE and feasible.admits(trial.architecture)
    ]


def crossed(one: Architecture, other: Architecture, rng: np.random.Generator) -> Architecture:
    """Return `one` with random stages replaced by those of `other`, of the same space."""
    swap = rng.random(len(one.stages)) < 0.5
    stages = zip(one.stages, other.stages, swap, strict=True)
    mixed = tuple(theirs if taken else ours for ours, theirs, taken in stages)
    return Architecture(one.space, one.keys, mixed)
