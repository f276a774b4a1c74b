"""The predictor sampler: learns from measurements, and proposes the largest expected gain.

The first proposals cover the range of costs (`nas.samplers.random.stratified`); there are fewer of
them in a study that learns from earlier ones (`nas.samplers.random`). Then a surrogate is
fitted to the finished trials, and two criteria alternate: the expected gain for the best network
under the ceiling, and the expected growth of the front, until the latter is negligible. Running
trials count as measured at their estimated values, so that parallel workers train different
networks. Gains are relative to the trials of the study itself: a network that only an earlier study
has trained is a candidate if it is within the budget.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from nas.feasible import Feasible
from nas.samplers.predictor.blas_threads import on_one_thread
from nas.samplers.predictor.candidate_pool import CandidatePool
from nas.samplers.predictor.features import Column, Features, Floats
from nas.samplers.predictor.history import Coder, Seen, observe, read_history
from nas.samplers.predictor.model import MOST, GoalObservations, Model, ModelPoints, Posterior
from nas.samplers.random import MeasuredLosses, begins_with, fitting, num_starts, stratified
from nas.space import Architecture
from nas.stats import log_losses, loss_of_log, non_dominated, thinned
from nas.study import Objective, Trial, TrialState

START = 8
_FEWEST = 4
_ENOUGH = 1e-4  # if the growth of the front is smaller, the other criterion is used
_BEST_PARENTS, _FRONT_PARENTS = 6, 12


class GaussianProcessSampler(MeasuredLosses):
    """Proposes by the expected gain under a Gaussian process, whose mean is its estimate."""

    learns_from_others = True

    def __init__(self, feasible: Feasible, goals: Sequence[Objective]) -> None:
        """Set up the features of the feasible space."""
        self._feasible, self._goals = feasible, tuple(goals)
        columns = [Column(len(v.values), v.ordered, v.key) for v in feasible.coding.variables]
        self._uncertain = [not goal.known for goal in self._goals]
        features = Features(columns)
        self._model = Model(self._uncertain)
        self._coder = Coder(feasible, features, self._goals)
        self._pool = CandidatePool(feasible, self._coder.points)
        self._first = next((goal for goal in self._goals if not goal.known), None)
        self._fitted: tuple[Sequence[Trial], Mapping[int, Floats]] = (), {}

    @on_one_thread
    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return the candidate with the largest gain, or one of the stratified start."""
        seen = self._read(history)
        start = num_starts(START, self._feasible, seen.borrowed)
        if seen.asked < start or seen.done < _FEWEST or not any(self._uncertain):
            return stratified(self._feasible, self._goals, seen.asked, rng)
        most = [*_informative(seen.finished, seen.losses, seen.used), *seen.pending]
        posterior = self._learn(most, self._kernels(seen))
        known = dict.fromkeys(t.architecture for t in fitting(self._feasible, seen.borrowed))
        parents = [most[index].architecture for index in self._parents(most, posterior, known)]
        fresh = self._pool.fresh(parents, seen.taken, seen.asked, rng, list(known))
        if fresh is None:
            return self._feasible.sample(rng)
        gains = self._gain(posterior, fresh.points, seen, rng)
        return fresh.architectures[int(np.argmax(gains))]

    @on_one_thread
    def expected_losses(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return the posterior mean loss of the first goal, by number of COMPLETE candidate.

        Returns the measured losses if there are too few, or if the goal is known before training.
        """
        measured = super().expected_losses(history)
        if len(measured) < _FEWEST or self._goals[0].known:
            return measured
        seen = self._read(history)
        useful = [*seen.finished, *seen.pending]
        losses = self._learn(useful, self._kernels(seen)).means[:, 0].tolist()
        positive = min(measured.values()) >= 0
        estimated = {
            t.number: loss_of_log(loss, positive) for t, loss in zip(useful, losses, strict=True)
        }
        return {number: estimated[number] for number in measured}

    def _read(self, history: Sequence[Trial]) -> Seen:
        return read_history(history, self._feasible, self._first)

    def _learn(self, useful: Sequence[Trial], kernels: Mapping[int, Floats]) -> Posterior:
        pending = [i for i, trial in enumerate(useful) if not trial.state.finished]
        points, index = self._points(useful), np.array(pending, dtype=np.int64)
        ours = np.array([trial.borrowed is None for trial in useful])
        return self._model.learn(points, self._observed(useful), index, kernels, ours)

    def _kernels(self, seen: Seen) -> Mapping[int, Floats]:
        """Return the kernel parameters by goal; the schedule determines when to fit them."""
        first = seen.finished[: fitted_count(len(seen.finished), seen.settled)]
        known, kernels = self._fitted
        if len(known) != len(first) or not begins_with(first, known):
            early = self._read(first)
            most = _informative(early.finished, early.losses, early.used)
            kernels = self._model.kernels(self._points(most), self._observed(most))
            self._fitted = first, kernels
        return kernels

    def _points(self, trials: Sequence[Trial]) -> ModelPoints:
        return self._coder.points([trial.architecture for trial in trials])

    def _observed(self, useful: Sequence[Trial]) -> dict[int, GoalObservations]:
        return {i: observe(useful, goal) for i, goal in enumerate(self._goals) if not goal.known}

    def _gain(
        self, posterior: Posterior, candidates: ModelPoints, seen: Seen, rng: np.random.Generator
    ) -> Floats:
        if len(self._goals) == 1 or (self._uncertain[0] and seen.asked % 2 == 0):
            return posterior.best_gain(candidates)
        growth = posterior.front_gain(candidates, self._ceiling(), rng)
        done = growth.max() < _ENOUGH and self._uncertain[0]
        return posterior.best_gain(candidates) if done else growth

    def _ceiling(self) -> float | None:
        """Return the transformed ceiling of the known goal, if the budget has one."""
        known = [goal.name for goal in self._goals if goal.known]
        for constraint in self._feasible.budget:
            if constraint.cost in known:
                return float(log_losses(np.array([float(constraint.limit)]))[0])
        return None

    def _parents(
        self, useful: Sequence[Trial], posterior: Posterior, known: Collection[Architecture]
    ) -> list[int]:
        """Return the indices of the best by the first goal and of the estimated front, alternately.

        Only candidates and borrowed trainings within the budget, the architectures in `known`, can
        be parents.
        """
        ours = [
            index
            for index, trial in enumerate(useful)
            if trial.state is not TrialState.FAILED
            and (trial.candidate or (trial.borrowed is not None and trial.architecture in known))
        ]
        losses = posterior.means[ours]
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


def _informative(finished: Sequence[Trial], losses: Floats, used: Floats) -> list[Trial]:
    """Return at most MOST of the finished trials, the most informative ones."""
    return [finished[index] for index in thinned(losses, used, MOST)]


def _padded(best: "np.ndarray[tuple[int], np.dtype[np.int64]]", length: int) -> list[int]:
    rows = [int(index) for index in best]
    return (rows * (1 + length // max(1, len(rows))))[:length]


_FIRST = 6
_GROWTH = 1.15


def fitted_count(finished: int, settled: int) -> int:
    """Return the number of `finished` trials, in order, to which the parameters are fitted.

    Only the first `settled` trials are used, among which no later result is inserted, unless a slow
    trial precedes more than half of the finished ones.
    """
    return _last_refit(settled if 2 * settled >= finished else finished)


def _last_refit(count: int) -> int:
    """Return the last count, not above `count`, at which the parameters are fitted."""
    at = _FIRST
    while (following := max(at + 1, int(at * _GROWTH))) <= count:
        at = following
    return at
