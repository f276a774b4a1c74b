"""The model: one surrogate for each uncertain goal, and the expected gains of candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.samplers.predictor.acquisition import (
    expected_front_improvement,
    expected_improvement,
    expected_scalar_improvement,
    knowledge_gradient,
)
from nas.samplers.predictor.features import Floats, Ints
from nas.samplers.predictor.gaussian_process import PRIOR, Rows, Surrogate, fit
from nas.stats import hypervolume, thinned

MOST = 300  # maximum number of rows of a surrogate, whose time grows with their cube
_FIT_MOST = 200
_FEWEST_TO_FIT = 6
_CONTENDERS = 24


@dataclass(frozen=True)
class ModelPoints:
    """Networks: `choices` (n, c), `profile` (n, p), and `known` losses (n, goals).

    `choices` are coordinates from `Features`. `known` is NaN in the columns of uncertain goals.
    """

    choices: Floats
    profile: Floats
    known: Floats

    def take(self, index: Ints | NDArray[np.bool_]) -> "ModelPoints":
        """Return some of the points."""
        return ModelPoints(self.choices[index], self.profile[index], self.known[index])

    def extended(self, other: "ModelPoints") -> "ModelPoints":
        """Return these points followed by `other`."""
        return ModelPoints(
            np.concatenate([self.choices, other.choices]),
            np.concatenate([self.profile, other.profile]),
            np.concatenate([self.known, other.known]),
        )


@dataclass(frozen=True)
class GoalObservations:
    """Values of one uncertain goal: indices of the points, values, extra noise variances."""

    index: Ints
    values: Floats
    noise: Floats


class Model:
    """Learns from points, some observed and some pending."""

    def __init__(self, uncertain: Sequence[bool]) -> None:
        """Store which goals are `uncertain`; the others are known before training."""
        self._goals = [goal for goal, unknown in enumerate(uncertain) if unknown]

    def learn(
        self,
        points: ModelPoints,
        observed: Mapping[int, GoalObservations],
        pending: Ints,
        kernels: Mapping[int, Floats] | None = None,
        ours: NDArray[np.bool_] | None = None,
    ) -> "Posterior":
        """Return the posterior given `observed` (by goal) and the `pending` points.

        `kernels` are parameters from the method of that name; by default they are fitted to these
        points. Gains are relative to the points marked by `ours` (n,), by default to all points.
        """
        scale = _Scale.of(points)
        means, learnt = points.known.copy(), {}
        rows = scale.rows(points)
        kernels = kernels or self._kernels(rows, observed)
        for goal in self._goals:
            seen = _subset(observed[goal], points.profile)
            own = rows.take(seen.index)
            theta = kernels[goal]
            index, surrogate = seen.index, Surrogate(own, seen.values, seen.noise, theta)
            others = np.setdiff1d(np.arange(len(rows)), seen.index)
            if len(others):
                means[others, goal] = surrogate.predict(rows.take(others))[0]
            means[seen.index, goal] = surrogate.posterior_means()
            if len(pending):  # observed at their mean, which only reduces the variance near them
                values = np.concatenate([seen.values, means[pending, goal]])
                noise = np.concatenate([seen.noise, np.zeros(len(pending))])
                index = np.concatenate([seen.index, pending])
                surrogate = Surrogate(rows.take(index), values, noise, theta)
            learnt[goal] = index, surrogate
        return Posterior(scale, means, learnt, ours)

    def kernels(
        self, points: ModelPoints, observed: Mapping[int, GoalObservations]
    ) -> dict[int, Floats]:
        """Return kernel parameters by goal, fitted to `points`, at most MOST of them."""
        return self._kernels(_Scale.of(points).rows(points), observed)

    def _kernels(self, rows: Rows, observed: Mapping[int, GoalObservations]) -> dict[int, Floats]:
        return {goal: self._fit(rows, observed[goal]) for goal in self._goals}

    def _fit(self, rows: Rows, seen: GoalObservations) -> Floats:
        if len(seen.index) < _FEWEST_TO_FIT:
            return PRIOR
        keep = _evenly(np.arange(len(seen.index)))
        return fit(rows.take(seen.index[keep]), seen.values[keep], seen.noise[keep])


class Posterior:
    """The posterior of the points (`means`, (n, goals)), and of any other points."""

    def __init__(
        self,
        scale: "_Scale",
        means: Floats,
        learnt: Mapping[int, tuple[Ints, Surrogate]],
        ours: NDArray[np.bool_] | None,
    ) -> None:
        """Store the surrogates by goal, each with the indices of its points; see `Model.learn`."""
        self.means = means
        everything = ours is None or not ours.any()
        self._ours = np.ones(len(means), dtype=bool) if everything else np.array(ours)
        self._scale, self._learnt = scale, learnt

    def best_gain(self, candidates: ModelPoints) -> Floats:
        """Return the expected improvement of the best value of the first uncertain goal, (n,).

        It is the sum of the expected improvement, which finds a good region, and of the knowledge
        gradient, which is small at first and finds the best network in the region.
        """
        goal, (index, surrogate) = next(iter(self._learnt.items()))
        rows = self._scale.rows(candidates)
        mean, deviation = surrogate.predict(rows)
        means = self.means[index, goal]
        order = np.argsort(means, kind="stable")
        ours = order[self._ours[index[order]]]
        best = (ours if len(ours) else order)[:_CONTENDERS]
        shared, levels = surrogate.covariance(rows, best), means[best]
        improvement = expected_improvement(float(levels[0]), mean, deviation)
        return improvement + knowledge_gradient(mean, deviation, shared, levels, surrogate.noise)

    def front_gain(
        self, candidates: ModelPoints, ceiling: float | None, rng: np.random.Generator
    ) -> Floats:
        """Return the expected growth of the front as a share of its hypervolume, (n,).

        `ceiling` bounds the known loss. With more than two goals, or two uncertain ones, the result
        is the expected improvement along one random direction, relative to the range of the losses.
        """
        predicted, trained = self.predict(candidates), self.means[self._ours]
        num_goals = trained.shape[1]
        if num_goals == 2 and len(predicted) == 1:
            goal, (mean, deviation) = next(iter(predicted.items()))
            other = 1 - goal
            front = trained[:, [other, goal]]
            top = float(front[:, 0].max()) if ceiling is None else ceiling
            reference = np.array([top, front[:, 1].max()])
            cost = candidates.known[:, other]
            growth = expected_front_improvement(cost, mean, deviation, front, reference)
            return growth / max(hypervolume(front, reference), 1e-12)
        means, deviations = candidates.known.copy(), np.zeros_like(candidates.known)
        for goal, (mean, deviation) in predicted.items():
            means[:, goal], deviations[:, goal] = mean, deviation
        return expected_scalar_improvement(means, deviations, trained, rng)

    def predict(self, candidates: ModelPoints) -> dict[int, tuple[Floats, Floats]]:
        """Return mean and deviation, each (n,), of every uncertain goal of `candidates`."""
        rows = self._scale.rows(candidates)
        return {goal: surrogate.predict(rows) for goal, (_, surrogate) in self._learnt.items()}


@dataclass(frozen=True)
class _Scale:
    """Centres and scales both groups of features by the training points."""

    choices: float
    centre: Floats
    profile: Floats

    @classmethod
    def of(cls, points: ModelPoints) -> "_Scale":
        deviation = points.profile.std(axis=0)
        deviation = np.where(deviation > 1e-9, deviation, 1.0) * np.sqrt(
            2.0 * max(1, points.profile.shape[1])
        )
        spread = float(np.sqrt(2.0 * points.choices.var(axis=0).sum()))
        return cls(spread or 1.0, points.profile.mean(axis=0), deviation)

    def rows(self, points: ModelPoints) -> Rows:
        profile = (points.profile - self.centre) / self.profile
        return Rows(points.choices, profile, self.choices**-2)


def _evenly(index: Ints) -> Ints:
    """Return at most _FIT_MOST indices, evenly spaced, to which a kernel is fitted."""
    if len(index) <= _FIT_MOST:
        return index
    return index[np.linspace(0, len(index) - 1, _FIT_MOST).astype(np.int64)]


def _subset(seen: GoalObservations, profile: Floats) -> GoalObservations:
    """Return at most MOST observations."""
    count = len(seen.index)
    cost = profile[seen.index, 0] if profile.shape[1] else np.arange(count, dtype=float)
    keep = thinned(seen.values, cost, MOST)
    return GoalObservations(seen.index[keep], seen.values[keep], seen.noise[keep])
