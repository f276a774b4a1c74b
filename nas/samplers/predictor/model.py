"""The model: one surrogate for each uncertain goal, and what they promise of candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.front import hypervolume
from nas.samplers.predictor.acquire import (
    expected_front_improvement,
    expected_improvement,
    expected_scalar_improvement,
    knowledge_gradient,
)
from nas.samplers.predictor.features import Features, Floats
from nas.samplers.predictor.surrogate import PRIOR, Rows, Surrogate, fit

Ints = NDArray[np.int64]

MOST = 300  # rows of a surrogate: its time grows with their cube
_FIT_MOST = 200
_FIT_GROWTH = 1.15
_FEWEST_TO_FIT = 6
_STRATA = 12
_CONTENDERS = 24
_CACHED = 64


@dataclass(frozen=True)
class Points:
    """Networks: `codes` (n, variables), `profile` (n, p), and `known` losses (n, goals).

    `known` is nan in the columns of uncertain goals.
    """

    codes: Floats
    profile: Floats
    known: Floats


@dataclass(frozen=True)
class Observed:
    """Values of one uncertain goal: which of the points, the value, the extra noise variance."""

    index: Ints
    values: Floats
    noise: Floats


class Model:
    """Learns from points, some of them observed and some on their way.

    Keeps kernel parameters between calls: they are fitted whenever the observations have grown by
    15 %, to the first of them, so that they depend on the observations and not on the calls.
    """

    def __init__(self, features: Features, uncertain: Sequence[bool]) -> None:
        """Model goals, `uncertain` or known beforehand."""
        self._features = features
        self._goals = [goal for goal, unknown in enumerate(uncertain) if unknown]
        self._fitted: dict[bytes, Floats] = {}

    def learn(
        self,
        points: Points,
        observed: Mapping[int, Observed],
        pending: Ints,
        kernels: Mapping[int, Floats] | None = None,
    ) -> "Posterior":
        """Return what is believed given `observed` (by goal) and the `pending` points.

        `kernels` are parameters that the method of that name fitted to other points of the space.
        """
        scale = _Scale.of(self._features, points)
        believed, surrogates = points.known.copy(), {}
        rows = scale.rows(points)
        for goal in self._goals:
            seen = _subset(observed[goal], points.profile)
            own = rows.take(seen.index)
            theta = kernels[goal] if kernels else self._theta(goal, rows, observed[goal])
            surrogate = Surrogate(own, seen.values, seen.noise, theta)
            others = np.setdiff1d(np.arange(len(rows)), seen.index)
            if len(others):
                believed[others, goal] = surrogate.predict(rows.take(others))[0]
            believed[seen.index, goal] = surrogate.believe()
            if len(pending):  # believed as they are: the mean stays, the doubt around them falls
                values = np.concatenate([seen.values, believed[pending, goal]])
                noise = np.concatenate([seen.noise, np.zeros(len(pending))])
                index = np.concatenate([seen.index, pending])
                surrogate = Surrogate(rows.take(index), values, noise, theta)
            surrogates[goal] = surrogate
        return Posterior(scale, rows, believed, surrogates)

    def kernels(self, points: Points, observed: Mapping[int, Observed]) -> dict[int, Floats]:
        """Return kernel parameters by goal, fitted to `points`; at most MOST are meant."""
        rows = _Scale.of(self._features, points).rows(points)
        return {goal: self._theta(goal, rows, observed[goal]) for goal in self._goals}

    def _theta(self, goal: int, rows: Rows, seen: Observed) -> Floats:
        if len(seen.index) < _FEWEST_TO_FIT:
            return PRIOR
        count = checkpoint(len(seen.index))
        first = np.sort(np.argsort(seen.index, kind="stable")[:count])
        if count > _FIT_MOST:
            first = first[np.linspace(0, count - 1, _FIT_MOST).astype(np.int64)]
        values, noise = seen.values[first], seen.noise[first]
        key = bytes([goal]) + seen.index[first].tobytes() + values.tobytes() + noise.tobytes()
        if key not in self._fitted:
            if len(self._fitted) >= _CACHED:
                self._fitted.clear()
            self._fitted[key] = fit(rows.take(seen.index[first]), values, noise)
        return self._fitted[key]


class Posterior:
    """What is believed of the points (`believed`, (n, goals)), and of any other ones."""

    def __init__(
        self, scale: "_Scale", rows: Rows, believed: Floats, surrogates: Mapping[int, Surrogate]
    ) -> None:
        """Keep the surrogates by goal."""
        self.believed, self._rows = believed, rows
        self._scale, self._surrogates = scale, surrogates

    def best_gain(self, candidates: Points) -> Floats:
        """Return what measuring promises for the first uncertain goal's best value, (n,).

        Expected improvement finds the region; the knowledge gradient, which is small until then,
        finds the best in it.
        """
        goal, surrogate = next(iter(self._surrogates.items()))
        rows = self._scale.rows(candidates)
        mean, deviation = surrogate.predict(rows)
        best = np.argsort(self.believed[:, goal], kind="stable")[:_CONTENDERS]
        shared = surrogate.covariance(rows, self._rows.take(best))
        levels = self.believed[best, goal]
        improvement = expected_improvement(float(levels[0]), mean, deviation)
        return improvement + knowledge_gradient(mean, deviation, shared, levels, surrogate.noise)

    def front_gain(
        self, candidates: Points, ceiling: float | None, rng: np.random.Generator
    ) -> Floats:
        """Return the expected growth of the front as a share of what it dominates, (n,).

        `ceiling` bounds the known loss. With more than two goals, or two uncertain ones, it is the
        expected improvement along one random direction, as a share of the range of the losses.
        """
        rows = self._scale.rows(candidates)
        predicted = {goal: surrogate.predict(rows) for goal, surrogate in self._surrogates.items()}
        num_goals = self.believed.shape[1]
        if num_goals == 2 and len(predicted) == 1:
            goal, (mean, deviation) = next(iter(predicted.items()))
            other = 1 - goal
            front = self.believed[:, [other, goal]]
            top = float(front[:, 0].max()) if ceiling is None else ceiling
            reference = np.array([top, front[:, 1].max()])
            cost = candidates.known[:, other]
            growth = expected_front_improvement(cost, mean, deviation, front, reference)
            return growth / max(hypervolume(front, reference), 1e-12)
        means, deviations = candidates.known.copy(), np.zeros_like(candidates.known)
        for goal, (mean, deviation) in predicted.items():
            means[:, goal], deviations[:, goal] = mean, deviation
        return expected_scalar_improvement(means, deviations, self.believed, rng)


@dataclass(frozen=True)
class _Scale:
    """Centres and scales both groups of features by the points learnt from."""

    features: Features
    choices: float
    centre: Floats
    profile: Floats

    @classmethod
    def of(cls, features: Features, points: Points) -> "_Scale":
        choices = features.choices(points.codes)
        deviation = points.profile.std(axis=0)
        deviation = np.where(deviation > 1e-9, deviation, 1.0) * np.sqrt(
            2.0 * max(1, points.profile.shape[1])
        )
        spread = float(np.sqrt(2.0 * choices.var(axis=0).sum()))
        return cls(features, spread or 1.0, points.profile.mean(axis=0), deviation)

    def rows(self, points: Points) -> Rows:
        return Rows(
            self.features.choices(points.codes) / self.choices,
            (points.profile - self.centre) / self.profile,
        )


def checkpoint(count: int) -> int:
    """Return the last count, not above `count`, at which the kernel is fitted anew."""
    at = _FEWEST_TO_FIT
    while (following := max(at + 1, int(at * _FIT_GROWTH))) <= count:
        at = following
    return at


def _subset(seen: Observed, profile: Floats) -> Observed:
    """Return at most MOST observations."""
    count = len(seen.index)
    cost = profile[seen.index, 0] if profile.shape[1] else np.arange(count, dtype=float)
    keep = thinned(seen.values, cost)
    return Observed(seen.index[keep], seen.values[keep], seen.noise[keep])


def thinned(values: Floats, cost: Floats) -> Ints:
    """Return at most MOST positions: the best in each stratum of cost, and others evenly."""
    count = len(values)
    if count <= MOST:
        return np.arange(count)
    stratum = np.argsort(np.argsort(cost, kind="stable"), kind="stable") * _STRATA // count
    order = np.lexsort((values, stratum))
    place = np.empty(count, dtype=np.int64)
    starts = np.searchsorted(stratum[order], np.arange(_STRATA))
    place[order] = np.arange(count) - starts[stratum[order]]
    best = np.argsort(place, kind="stable")[: 2 * MOST // 3]
    others = np.setdiff1d(np.arange(count), best)
    evenly = others[np.linspace(0, len(others) - 1, MOST - len(best)).astype(np.int64)]
    return np.sort(np.concatenate([best, evenly]))
