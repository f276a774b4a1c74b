"""The predictor sampler: learn from what was measured, and train what promises most.

The first proposals cover the costs (`nas.samplers.random.stratified`). Then a surrogate is fitted
to the finished trials, and proposals take turns: one is the candidate that promises most for the
best network under the ceiling, the next the one that promises most for the front, until that has
nothing left to promise. Trials on their way count as measured at what is believed of them, so that
parallel workers do not all train the same idea.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nas.feasible import Feasible
from nas.samplers.predictor.background_fit import Learner, Settings, coming, usable
from nas.samplers.predictor.blas_threads import Ahead, on_one_thread
from nas.samplers.predictor.candidate_pool import CandidatePool
from nas.samplers.predictor.features import Column, Features, Floats
from nas.samplers.predictor.history_index import HistoryIndex, Seen
from nas.samplers.predictor.model import GoalObservations, Model, Points, Posterior, thinned
from nas.samplers.predictor.observations import inverse, observe, transform
from nas.samplers.predictor.points import Coder
from nas.samplers.random import stratified
from nas.samplers.without_model import BelievesObservations as Measured
from nas.space import Architecture
from nas.stats import non_dominated
from nas.study import Objective, Trial, TrialState

START = 8
_FEWEST = 4
_ENOUGH = 1e-4  # growth of the front below which it gives up its turn
_BEST_PARENTS, _FRONT_PARENTS = 6, 12


class GaussianProcessSampler(Measured):
    """Proposes what a Gaussian process expects most of; believes its posterior mean."""

    def __init__(self, feasible: Feasible, goals: Sequence[Objective]) -> None:
        """Lay out the features of the feasible space."""
        self._feasible, self._goals = feasible, tuple(goals)
        columns = [Column(len(v.values), v.ordered, v.key) for v in feasible.coding.variables]
        self._uncertain = [not goal.known for goal in self._goals]
        features = Features(columns)
        self._model = Model(features, self._uncertain)
        self._coder = Coder(feasible, features, self._goals)
        self._pool = CandidatePool(feasible, self._coder.points)
        self._first = next((goal for goal in self._goals if not goal.known), None)
        self._record = HistoryIndex(feasible, self._first)
        self._learner = Learner(self._settings)

    @on_one_thread
    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return the most promising candidate, or one of the stratified start."""
        seen = self._record.read(history)
        proposed = self._proposed(seen, rng)
        if seen.finished and any(self._uncertain):  # before, the workers need the cores to start
            self._pool.look_ahead(seen.asked)
            self._learnt(seen, coming)
        return proposed

    def _proposed(self, seen: Seen, rng: np.random.Generator) -> Architecture | None:
        start = START * self._feasible.num_parts
        if seen.asked < start or seen.done < _FEWEST or not any(self._uncertain):
            return stratified(self._feasible, self._goals, seen.asked, rng)
        settings = self._learnt(seen, usable).result()
        useful, posterior = self._learn_most(seen, settings)
        parents = [useful[index].architecture for index in self._parents(useful, posterior)]
        fresh = self._pool.fresh(parents, seen.taken, seen.asked, rng)
        if fresh is None:
            return self._feasible.sample(rng)
        gains = self._gain(posterior, fresh.points, seen, rng)
        return fresh.architectures[int(np.argmax(gains))]

    @on_one_thread
    def believe(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return the posterior mean of the first goal, as a loss, by number of COMPLETE candidate.

        What was measured, where it is too little to learn from or the goal is known beforehand.
        """
        measured = super().believe(history)
        if len(measured) < _FEWEST or self._goals[0].known:
            return measured
        seen = self._record.read(history)
        useful = [*seen.finished, *seen.pending]
        settings = self._learnt(seen, coming).result()  # who asks for the best waits for it
        losses = self._learn(useful, settings).believed[:, 0].tolist()
        positive = min(measured.values()) >= 0
        believed = {
            t.number: inverse(loss, positive) for t, loss in zip(useful, losses, strict=True)
        }
        return {number: believed[number] for number in measured}

    def _learnt(self, seen: Seen, length: Callable[[int, int], int]) -> Ahead[Settings]:
        """Return what is learnt from the first finished trials, as many as `length` says."""
        return self._learner.begin(seen.finished[: length(len(seen.finished), seen.settled)])

    def _learn_most(self, seen: Seen, settings: Settings) -> tuple[Sequence[Trial], Posterior]:
        """Learn from a bounded number of trials, so that an ask takes no longer after many."""
        most = [*_telling(seen.finished, seen.losses, seen.used), *seen.pending]
        return most, self._learn(most, settings)

    def _learn(self, useful: Sequence[Trial], settings: Settings) -> Posterior:
        pending = [i for i, trial in enumerate(useful) if not trial.state.finished]
        points, index = self._coder.trials(useful), np.array(pending, dtype=np.int64)
        return self._model.learn(points, self._observed(useful), index, settings)

    @on_one_thread
    def _settings(self, early: Sequence[Trial]) -> Settings:
        """Return what is fitted to the trials that tell most; called in a thread of its own."""
        seen = HistoryIndex(self._feasible, self._first).read(early)
        first = _telling(seen.finished, seen.losses, seen.used)
        points, observed = self._coder.trials(first), self._observed(first)
        return self._model.kernels(points, observed)

    def _observed(self, useful: Sequence[Trial]) -> dict[int, GoalObservations]:
        return {i: observe(useful, goal) for i, goal in enumerate(self._goals) if not goal.known}

    def _gain(
        self, posterior: Posterior, candidates: Points, seen: Seen, rng: np.random.Generator
    ) -> Floats:
        if len(self._goals) == 1 or (self._uncertain[0] and seen.asked % 2 == 0):
            return posterior.best_gain(candidates)
        growth = posterior.front_gain(candidates, self._ceiling(), rng)
        done = growth.max() < _ENOUGH and self._uncertain[0]
        return posterior.best_gain(candidates) if done else growth

    def _ceiling(self) -> float | None:
        """Return the ceiling of the known goal, transformed, where the budget has one for it."""
        known = [goal.name for goal in self._goals if goal.known]
        for constraint in self._feasible.budget:
            if constraint.cost in known:
                return float(transform(np.array([float(constraint.limit)]))[0])
        return None

    def _parents(self, useful: Sequence[Trial], posterior: Posterior) -> list[int]:
        """Return the best by the first goal and the believed front, in turns, members only."""
        ours = [
            index
            for index, trial in enumerate(useful)
            if trial.candidate and trial.state is not TrialState.FAILED
        ]
        losses = posterior.believed[ours]
        best = np.argsort(losses[:, 0], kind="stable")
        near = best[: 4 * _FRONT_PARENTS] if losses.shape[1] == 1 else np.arange(len(ours))
        front = near[non_dominated(losses[near])]
        front = front[np.argsort(losses[front, 0], kind="stable")]
        if len(front) > _FRONT_PARENTS:
            front = front[np.linspace(0, len(front) - 1, _FRONT_PARENTS).astype(int)]
        mixed = [
            int(index)
            for pair in zip(_padded(best[:_BEST_PARENTS], len(front)), front, strict=False)
            for index in pair
        ]
        mixed += [int(index) for index in best[:_BEST_PARENTS]]
        return [ours[index] for index in dict.fromkeys(mixed)]


def _telling(finished: Sequence[Trial], losses: Floats, used: Floats) -> list[Trial]:
    """Return those of the finished trials that tell most, a bounded number."""
    return [finished[index] for index in thinned(losses, used)]


def _padded(best: "np.ndarray[tuple[int], np.dtype[np.int64]]", length: int) -> list[int]:
    rows = [int(index) for index in best]
    return (rows * (1 + length // max(1, len(rows))))[:length]
