"""The predictor as a sampler for Optuna studies.

    import optuna
    from nas.samplers.for_optuna import PredictorSampler

    study = optuna.create_study(
        directions=["minimize", "minimize"],
        sampler=PredictorSampler(
            search_space={"width": optuna.distributions.IntDistribution(8, 64, step=8), ...},
            costs=lambda params: {"madds": count(params)},
            admits=lambda params: count(params) <= 300e6,
            known={1: "madds"},
        ),
    )

`admits` is a hard constraint: parameters that it refuses are never proposed. Objectives in `known`
are costs, whose values are known before training and are not predicted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.errors import NasError
from nas.samplers.predictor.blas_threads import on_one_thread
from nas.samplers.predictor.features import Column, Features, Floats
from nas.samplers.predictor.model import GoalObservations, Model, ModelPoints
from nas.stats import clip_outliers, log_losses

_MOST_VALUES = 64
_DRAWN, _CHILDREN, _PARENTS = 300, 100, 10
_TRIES = 20_000
_LARGEST = 1e100
Params = Mapping[str, Any]


class PredictorSampler(BaseSampler):
    """A Gaussian process over choices and costs, for any number of objectives.

    It takes running trials into account. `search_space` has the distributions by name. `costs`
    returns numbers known before training, with the same names for all parameters. `known` maps the
    index of an objective to the name of its cost. The first `n_startup_trials` are random draws
    that `admits` accepts. Pruned and failed trials are ignored; infinite values count as slightly
    beyond the finite ones. The sampler can be pickled if `costs` and `admits` can.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution],
        costs: Callable[[Params], Mapping[str, float]] | None = None,
        admits: Callable[[Params], bool] | None = None,
        *,
        known: Mapping[int, str] | None = None,
        n_startup_trials: int = 10,
        seed: int | None = None,
    ) -> None:
        """Store the settings."""
        self._space = dict(search_space)
        self._costs, self._admits, self._known = costs, admits, dict(known or {})
        self._startup = n_startup_trials
        self._rng = np.random.default_rng(seed)
        self._random = RandomSampler(seed=seed)

    def reseed_rng(self) -> None:
        """Draw new seeds from the system's entropy; Optuna calls this for samplers in threads."""
        self._rng = np.random.default_rng()
        self._random.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the distributions that are sampled together."""
        return {name: each for name, each in sorted(self._space.items()) if not each.single()}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a random value of a parameter outside the common search space."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the parameters that `admits` accepts with the highest acquisition value.

        Raises:
            NasError: `admits` refuses all draws.
        """
        done, running = (
            [
                other
                for other in study.get_trials(deepcopy=False, states=(state,))
                if set(search_space) <= set(other.params) and other.number != trial.number
            ]
            for state in (TrialState.COMPLETE, TrialState.RUNNING)
        )

        def draw() -> dict[str, Any]:
            return {
                name: self._random.sample_independent(study, trial, name, each)
                for name, each in search_space.items()
            }

        if not search_space:
            return {}
        if len(done) < self._startup or len(self._known) == len(study.directions):
            return self._admitted(draw, 1)[0]
        signs = [-1 if each is StudyDirection.MAXIMIZE else 1 for each in study.directions]
        losses = _finite(np.array([other.values for other in done], dtype=float) * signs)
        return self._best(search_space, [t.params for t in (*done, *running)], losses, draw)

    @on_one_thread
    def _best(
        self,
        space: Mapping[str, BaseDistribution],
        asked: Sequence[Params],
        losses: Floats,
        draw: Callable[[], dict[str, Any]],
    ) -> dict[str, Any]:
        """Return the candidate with the highest acquisition value.

        `losses` (n, goals) belong to the first n of `asked`; the others are running.
        """
        num_done, num_goals = losses.shape
        uncertain = [goal not in self._known for goal in range(num_goals)]
        observed = {
            goal: GoalObservations(
                np.arange(num_done), clip_outliers(log_losses(losses[:, goal])), np.zeros(num_done)
            )
            for goal in range(num_goals)
            if uncertain[goal]
        }
        pending = np.arange(num_done, len(asked))
        model = Model(uncertain)
        posterior = model.learn(self._points(space, asked, num_goals), observed, pending)
        best = np.argsort(posterior.means[:num_done, 0], kind="stable")[:_PARENTS]
        drawn = self._admitted(draw, _DRAWN)
        drawn += self._children([asked[index] for index in best], draw)
        taken = {_codes(space, params) for params in asked}
        fresh = [params for params in drawn if _codes(space, params) not in taken] or drawn
        candidates = self._points(space, fresh, num_goals)
        if num_goals == 1 or (uncertain[0] and len(asked) % 2 == 0):
            gain = posterior.best_gain(candidates)
        else:
            gain = posterior.front_gain(candidates, None, self._rng)
        return fresh[int(np.argmax(gain))]

    def _points(
        self, space: Mapping[str, BaseDistribution], several: Sequence[Params], num_goals: int
    ) -> ModelPoints:
        costs = [dict(self._costs(params)) if self._costs else {} for params in several]
        known = np.full((len(several), num_goals), np.nan)
        for goal, name in self._known.items():
            known[:, goal] = log_losses(_finite(np.array([float(cost[name]) for cost in costs])))
        profile = _finite(np.array([[float(v) for v in cost.values()] or [0.0] for cost in costs]))
        features = Features([_column(name, each) for name, each in space.items()])
        codes = np.array([_codes(space, params) for params in several], dtype=float)
        return ModelPoints(features.choices(codes), log_losses(profile), known)

    def _admitted(self, draw: Callable[[], dict[str, Any]], count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for _ in range(_TRIES):
            params = draw()
            if self._admits is None or self._admits(params):
                found.append(params)
                if len(found) == count:
                    break
        if not found:
            raise NasError(
                f"`admits` refused {_TRIES:,} random draws from the search space.",
                "Narrow the distributions to values that can meet the budget.",
            )
        return found

    def _children(
        self, parents: Sequence[Params], draw: Callable[[], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return admitted mutations of `parents`, each with one or two values drawn again."""
        children = []
        for _ in range(_CHILDREN):
            drawn, parent = draw(), parents[int(self._rng.integers(len(parents)))]
            changed = self._rng.choice(list(drawn), size=1 + int(self._rng.random() < 0.4))
            child = {name: drawn[name] if name in changed else parent[name] for name in drawn}
            if self._admits is None or self._admits(child):
                children.append(child)
        return children


def _column(name: str, each: BaseDistribution) -> Column:
    if isinstance(each, CategoricalDistribution):
        return Column(len(each.choices), False, name)
    return Column(_num_values(each), True, name)


def _num_values(each: BaseDistribution) -> int:
    """Return the number of ordered values; 0 if there are many, or not evenly spaced."""
    if not isinstance(each, IntDistribution) or each.log:
        return 0
    count = (each.high - each.low) // each.step + 1
    return count if count <= _MOST_VALUES else 0


def _codes(space: Mapping[str, BaseDistribution], params: Params) -> tuple[float, ...]:
    """Return the index of each value, or its position in [0, 1] in its range."""
    return tuple(_code(each, params[name]) for name, each in space.items())


def _code(each: Any, value: Any) -> float:
    if isinstance(each, CategoricalDistribution):
        return float(each.to_internal_repr(value))
    if _num_values(each):
        return float((value - each.low) / each.step)
    low, value, high = (
        np.log([each.low, value, each.high]) if each.log else (each.low, value, each.high)
    )
    return float((value - low) / (high - low))


def _finite(values: Floats) -> Floats:
    """Return `values` (n, ...) with infinite values and NaN replaced by finite ones.

    The replacement is beyond the range of the finite values by the size of this range; NaN counts
    as positive infinity. Finite values are clipped so that their squares and sums are finite.
    """
    clipped = np.clip(values, -_LARGEST, _LARGEST)
    finite = np.isfinite(values)
    high = np.max(clipped, axis=0, where=finite, initial=-_LARGEST)
    low = np.min(clipped, axis=0, where=finite, initial=_LARGEST)
    high, low = (np.where(finite.any(axis=0), end, 0.0) for end in (high, low))
    margin = np.where(high > low, high - low, np.maximum(1.0, np.abs(high)))
    replacement = np.where(values == -np.inf, low - margin, high + margin)
    found: Floats = np.where(finite, clipped, replacement)
    return found
