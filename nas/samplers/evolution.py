"""Evolution of the front: mutation and crossover of the best trials, within the budget."""

from collections.abc import Sequence

import numpy as np

from nas.feasible import Feasible
from nas.samplers.random import MeasuredLosses, crossed, fitting, num_starts, stratified
from nas.space import Architecture
from nas.stats import non_dominated_ranks
from nas.study import Objective, Trial, TrialState

START = 10
_TRIES = 60
_TOURNAMENT = 3
_MAX_MUTATIONS = 3
_CROSS = 0.3


class EvolutionSampler(MeasuredLosses):
    """Tournament selection by non-dominated rank, stage-wise crossover, one to three mutations.

    It follows regularised evolution (Real et al. 2019) and NSGA-II (Deb et al. 2002), but without
    generations: every proposal uses all finished trials, so that parallel workers never wait.
    Borrowed trainings are parents if they are within the budget.
    """

    learns_from_others = True

    def __init__(self, feasible: Feasible, goals: Sequence[Objective]) -> None:
        """Keep the feasible space and the goals."""
        self._feasible, self._goals = feasible, tuple(goals)

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a child of the best trials; with few trials, a draw of the stratified start."""
        candidates = [trial for trial in history if trial.candidate]
        known = fitting(self._feasible, [t for t in history if t.borrowed is not None])
        parents = [*known, *(t for t in candidates if t.state is TrialState.COMPLETE)]
        starts = num_starts(START, self._feasible, known)
        if len(candidates) < starts or len(parents) < _TOURNAMENT:
            return stratified(self._feasible, self._goals, len(candidates), rng)
        taken = {trial.arch_id for trial in candidates}
        ranks = self._ranks(parents)
        for _ in range(_TRIES):
            child = self._child(parents, ranks, rng)
            if child.arch_id not in taken and self._feasible.admits(child):
                return child
        return self._feasible.sample(rng)

    def _ranks(self, parents: Sequence[Trial]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        rows = [[goal.loss(t.value(goal.name) or 0.0) for goal in self._goals] for t in parents]
        return non_dominated_ranks(np.array(rows))

    def _child(
        self,
        parents: Sequence[Trial],
        ranks: np.ndarray[tuple[int], np.dtype[np.int64]],
        rng: np.random.Generator,
    ) -> Architecture:
        child = parents[_tournament(ranks, rng)].architecture
        if rng.random() < _CROSS:
            other = parents[_tournament(ranks, rng)].architecture
            other = other if other.space == child.space else child
            mixed = crossed(child, other, rng)
            child = mixed if self._feasible.admits(mixed) else child
        for _ in range(int(rng.integers(1, _MAX_MUTATIONS + 1))):
            child = self._feasible.mutate(child, rng)
        return child


def _tournament(ranks: np.ndarray[tuple[int], np.dtype[np.int64]], rng: np.random.Generator) -> int:
    """Return the index with the lowest rank among a few random indices."""
    drawn = rng.integers(len(ranks), size=_TOURNAMENT)
    return int(drawn[np.argmin(ranks[drawn])])
