"""The predictor for Optuna's users: a sampler to put into a study of their own.

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

`admits` is a hard gate: what it refuses is never proposed. Costs are known before training; an
objective that is one of them need not be predicted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.errors import NasError
from nas.samplers.predictor.blas_threads import on_one_thread
from nas.samplers.predictor.features import Column, Features, Floats
from nas.samplers.predictor.model import GoalObservations, Model, Points
from nas.samplers.predictor.observations import clip, transform

_MOST_VALUES = 64
_DRAWN = 300
_CHILDREN = 100
_PARENTS = 10
_TRIES = 20_000
_LARGEST = 1e100
Params = Mapping[str, Any]


class PredictorSampler(BaseSampler):
    """Gaussian process over choices and costs; any number of objectives; aware of running trials.

    `search_space` names the distributions; without it Optuna's intersection of the completed trials
    is used, and the first trials are random and not held to `admits`. `costs` returns numbers known
    before training, with the same names for all parameters. `known` gives the objectives that are
    costs, by index. The first `n_startup_trials` are random within `admits`. Pruned and failed
    trials are not learnt from; infinite values count as just outside the finite ones. The sampler
    can be pickled if `costs` and `admits` can.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution] | None = None,
        costs: Callable[[Params], Mapping[str, float]] | None = None,
        admits: Callable[[Params], bool] | None = None,
        *,
        known: Mapping[int, str] | None = None,
        n_startup_trials: int = 10,
        seed: int | None = None,
    ) -> None:
        """Keep what is known of the space."""
        self._given = dict(search_space) if search_space is not None else None
        self._costs = costs or _nothing
        self._admits = admits or _everything
        self._known = dict(known or {})
        self._startup = n_startup_trials
        self._rng = np.random.default_rng(seed)
        self._independent = RandomSampler(seed=seed)
        self._intersection = IntersectionSearchSpace()
        self._models: dict[tuple[object, ...], Model] = {}

    def reseed_rng(self) -> None:
        """Start anew from the system's entropy, as Optuna asks of samplers in several threads."""
        self._rng = np.random.default_rng()
        self._independent.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the distributions that are sampled together."""
        space = self._given if self._given is not None else self._intersection.calculate(study)
        return {name: each for name, each in space.items() if not each.single()}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a random value of a parameter outside the common search space."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the most promising parameters within the gate.

        Raises:
            NasError: `admits` refuses whatever is drawn.
        """
        if not search_space:
            return {}
        table = _Table(search_space, self._costs)
        done = [
            t
            for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if set(search_space) <= set(t.params)
        ]
        if len(done) < self._startup:
            return self._draw(table, 1)[0] if self._given is not None else {}
        running = [
            t
            for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            if set(search_space) <= set(t.params) and t.number != trial.number
        ]
        losses = _finite(np.array([_losses(t, study.directions) for t in done], dtype=float))
        return self._best(table, done, running, losses)

    @on_one_thread
    def _best(
        self,
        table: "_Table",
        done: Sequence[FrozenTrial],
        running: Sequence[FrozenTrial],
        losses: Floats,
    ) -> dict[str, Any]:
        num_goals = losses.shape[1]
        uncertain = [goal not in self._known for goal in range(num_goals)]
        model = self._models.setdefault(
            (table.key, num_goals), Model(Features(table.columns), uncertain)
        )
        points = self._points(table, [t.params for t in (*done, *running)], num_goals)
        observed = {
            goal: GoalObservations(np.arange(len(done)), values, np.zeros(len(done)))
            for goal in range(num_goals)
            if uncertain[goal]
            for values in (clip(transform(losses[:, goal])),)
        }
        pending = np.arange(len(done), len(done) + len(running))
        posterior = model.learn(points, observed, pending)
        order = np.argsort(posterior.believed[: len(done), 0], kind="stable")
        parents = [done[int(index)].params for index in order[:_PARENTS]]
        drawn = self._draw(table, _DRAWN) + self._children(table, parents)
        taken = {table.codes(t.params) for t in (*done, *running)}
        fresh = [params for params in drawn if table.codes(params) not in taken] or drawn
        candidates = self._points(table, fresh, num_goals)
        turn = len(done) + len(running)
        if not any(uncertain):
            return fresh[0]
        if num_goals == 1 or (uncertain[0] and turn % 2 == 0):
            gain = posterior.best_gain(candidates)
        else:
            gain = posterior.front_gain(candidates, None, self._rng)
        return fresh[int(np.argmax(gain))]

    def _points(self, table: "_Table", several: Sequence[Params], num_goals: int) -> Points:
        known = np.full((len(several), num_goals), np.nan)
        costs = [dict(self._costs(params)) for params in several]
        for goal, name in self._known.items():
            known[:, goal] = transform(_finite(np.array([float(cost[name]) for cost in costs])))
        profile = _finite(np.array([[float(v) for v in cost.values()] or [0.0] for cost in costs]))
        codes = np.array([table.codes(params) for params in several], dtype=float)
        return Points(codes, transform(profile), known)

    def _draw(self, table: "_Table", count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for _ in range(_TRIES):
            params = table.draw(self._rng)
            if self._admits(params):
                found.append(params)
                if len(found) == count:
                    break
        if not found:
            raise NasError(
                f"`admits` refused {_TRIES:,} random draws from the search space.",
                "Narrow the distributions to where the budget can be met.",
            )
        return found

    def _children(self, table: "_Table", parents: Sequence[Params]) -> list[dict[str, Any]]:
        children = []
        for _ in range(_CHILDREN):
            child = dict(parents[int(self._rng.integers(len(parents)))])
            drawn = table.draw(self._rng)
            for name in self._rng.choice(list(drawn), size=1 + int(self._rng.random() < 0.4)):
                child[str(name)] = drawn[str(name)]
            child = {name: child[name] for name in drawn}
            if self._admits(child):
                children.append(child)
        return children


class _Table:
    """Distributions as columns of codes."""

    def __init__(
        self, space: Mapping[str, BaseDistribution], costs: Callable[[Params], Mapping[str, float]]
    ) -> None:
        self._space = dict(sorted(space.items()))
        self.columns = [_column(name, each) for name, each in self._space.items()]
        self.key = tuple((name, repr(each)) for name, each in self._space.items())

    def codes(self, params: Params) -> tuple[float, ...]:
        return tuple(
            _code(each, column, params[name])
            for (name, each), column in zip(self._space.items(), self.columns, strict=True)
        )

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        return {name: _draw(each, rng) for name, each in self._space.items()}


def _column(name: str, each: BaseDistribution) -> Column:
    if isinstance(each, CategoricalDistribution):
        return Column(len(each.choices), False, name)
    if isinstance(each, IntDistribution):
        size = (each.high - each.low) // each.step + 1
        if size <= _MOST_VALUES and not each.log:
            return Column(size, True, name)
    return Column(0, True, name)


def _code(each: BaseDistribution, column: Column, value: Any) -> float:
    if isinstance(each, CategoricalDistribution):
        return float(each.to_internal_repr(value))
    assert isinstance(each, IntDistribution | FloatDistribution)
    if column.size:
        return float((value - each.low) / (each.step or 1))
    if each.log:
        return float(np.log(value / each.low) / np.log(each.high / each.low))
    return float((value - each.low) / (each.high - each.low))


def _draw(each: BaseDistribution, rng: np.random.Generator) -> Any:
    if isinstance(each, CategoricalDistribution):
        return each.choices[int(rng.integers(len(each.choices)))]
    assert isinstance(each, IntDistribution | FloatDistribution)
    if each.log:
        value = float(np.exp(rng.uniform(np.log(each.low), np.log(each.high))))
        whole = isinstance(each, IntDistribution)
        return min(each.high, max(each.low, round(value))) if whole else min(each.high, value)
    if each.step is None:
        return float(rng.uniform(each.low, each.high))
    steps = round((each.high - each.low) / each.step)
    return each.low + each.step * int(rng.integers(steps + 1))


def _nothing(params: Params) -> Mapping[str, float]:
    """Return no costs."""
    return {}


def _everything(params: Params) -> bool:
    """Admit any parameters."""
    return True


def _finite(values: Floats) -> Floats:
    """Return `values` (n, ...) with those that are infinite just outside the finite ones.

    NaN is taken for infinity. What is finite is held within what can be squared and added up.
    """
    inside = np.clip(values, -_LARGEST, _LARGEST)
    finite = np.isfinite(values)
    high = np.max(inside, axis=0, where=finite, initial=-_LARGEST)
    low = np.min(inside, axis=0, where=finite, initial=_LARGEST)
    high, low = (np.where(finite.any(axis=0), end, 0.0) for end in (high, low))
    margin = np.where(high > low, high - low, np.maximum(1.0, np.abs(high)))
    found: Floats = np.where(
        finite, inside, np.where(values == -np.inf, low - margin, high + margin)
    )
    return found


def _losses(trial: FrozenTrial, directions: Sequence[StudyDirection]) -> list[float]:
    return [
        -value if direction is StudyDirection.MAXIMIZE else value
        for value, direction in zip(trial.values, directions, strict=True)
    ]
