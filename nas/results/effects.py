"""Effects: how much each choice changes the first measured objective, by a linear model.

The logarithm of the objective (the objective itself, if it may be negative) is regressed on one
feature for each choice: for numbers the mean position among the stage's values, from 0 to 1, over
the stages that have the choice; for other values the share of the stages that have the value; for
values such as `first+last`, which are sets of words, the share of the stages for each word.
Intervals are robust to unequal variances (HC3, MacKinnon and White 1985), with Student's t. The
model has main effects only. An effect is that of one choice while the other choices stay the same;
it includes the effect of a higher cost. The effect on the cost is estimated in the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.cost import admits
from nas.metrics import Direction, Metric
from nas.results.score_audit import band_text, in_band
from nas.space import Architecture, SearchSpace, Value, format_value
from nas.stats import Interval, t_reach
from nas.study import StudySpec, Trial, TrialState

_Floats = NDArray[np.float64]
_MOST = 2_000  # complete trials; more are thinned evenly
_FREEDOM = 5  # degrees of freedom of the residual, at least


@dataclass(frozen=True)
class Effect:
    """The `change` of the objective if a choice goes from `low` to `high` in all stages.

    It is a share (-0.1: ten per cent less) if `relative`, otherwise in the objective's exact unit.
    `cost` is the estimated share by which the multiply-adds change, `importance` the share of the
    variance of the objective that is due to the choice.
    """

    choice: str
    low: str
    high: str
    change: Interval
    cost: float
    relative: bool
    importance: Interval

    @property
    def significant(self) -> bool:
        """Whether the interval excludes zero."""
        return self.change.low > 0 or self.change.high < 0

    def record(self) -> dict[str, Any]:
        """Return the effect as one flat record."""
        kept = {name: getattr(self, name) for name in ("choice", "low", "high", "relative", "cost")}
        for name in ("change", "importance"):
            own: Interval = getattr(self, name)
            kept |= {name: own.value, f"{name}_low": own.low, f"{name}_high": own.high}
        return kept


@dataclass(frozen=True)
class Effects:
    """The effects of a study on `metric`, the largest first, by `networks` complete networks.

    `used` describes these networks as text. `needed` is the number that the model needs; with fewer
    there are no effects. `explained` is the adjusted share of the variance that the model explains.
    """

    metric: Metric
    effects: tuple[Effect, ...]
    networks: int
    needed: int
    used: str
    explained: float = 0.0


@dataclass(frozen=True)
class _Feature:
    """A column of the model: the value of each stage as a number, by key and value."""

    key: str
    word: str | None
    low: str
    high: str

    @property
    def name(self) -> str:
        return f"{self.key} {self.word}" if self.word else self.key


def study_effects(spec: StudySpec, trials: Sequence[Trial]) -> Effects | None:
    """Return the effects of the choices; None for a training, or if no objective is measured.

    For a study of several spaces, the effects are those of its first space.
    """
    goal = next((each for each in spec.goals if not each.known), None)
    if goal is None or spec.networks:
        return None
    done, used = _chosen(spec, trials)
    done = done[:: -(-len(done) // _MOST) or 1]
    columns = list(_features(spec.space, [seeds[0].architecture for seeds in done]))
    needed = _needed(columns)
    nothing = Effects(goal, (), len(done), needed, used)
    if len(done) < needed or not columns:
        return nothing
    table = np.array([values for _, values in columns]).T
    found = np.array([fmean(_final(trial, goal) for trial in seeds) for seeds in done])
    relative = bool((found > 0).all()) and goal.direction is Direction.MINIMISE
    model = _Model.fit(table, np.log(found) if relative else found)
    if model is None:
        return nothing
    costs = _Model.fit(table, np.log([float(seeds[0].cost.madds) for seeds in done]))
    assert costs is not None  # the same table
    effects = [
        Effect(
            feature.name, feature.low, feature.high, model.interval(index, relative),
            float(np.expm1(costs.slopes[index])), relative, model.importance(index),
        )
        for index, (feature, _) in enumerate(columns)
    ]  # fmt: skip
    effects.sort(key=lambda effect: -abs(effect.change.value))
    return Effects(goal, tuple(effects), len(done), needed, used, model.explained)


def _needed(columns: Sequence[object]) -> int:
    return len(columns) + 1 + _FREEDOM


def _chosen(spec: StudySpec, trials: Sequence[Trial]) -> tuple[list[list[Trial]], str]:
    """Return the networks that the model is fitted to, and a text that describes them."""
    within = [trial for trial in trials if admits(spec.budget, trial.cost)]
    if not spec.budget:
        return _networks(spec.space, within), "of the study"
    everything = _networks(spec.space, within)
    band, text = _networks(spec.space, in_band(within, spec.budget)), band_text(spec.budget)
    columns = list(_features(spec.space, [seeds[0].architecture for seeds in band]))
    if columns and len(band) >= _needed(columns):
        return band, f"of {text}"
    return everything, f"within the budget, of which {len(band):,} have {text}"


def _networks(space: SearchSpace, trials: Sequence[Trial]) -> list[list[Trial]]:
    """Return the complete trials of each network of a space, with its further seeds."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        one = trial.architecture
        if trial.state is TrialState.COMPLETE and (one.space, one.keys) == (space.name, space.keys):
            found.setdefault(trial.arch_id, []).append(trial)
    return list(found.values())


def _features(
    space: SearchSpace, architectures: Sequence[Architecture]
) -> Iterator[tuple[_Feature, list[float]]]:
    """Yield the features that vary, with their value for each architecture."""
    for key in space.keys:
        allowed = [stage.values(key) for stage in space.stages]
        for feature, codes in _coded(key, allowed):
            values = [_mean(codes, one.column(key)) for one in architectures]
            if len(set(values)) > 1:
                yield feature, values


def _coded(
    key: str, allowed: Sequence[Sequence[Value]]
) -> Iterator[tuple[_Feature, list[dict[Any, float]]]]:
    """Yield the features of one key, each with the code of each value by stage."""
    values = list(dict.fromkeys(value for each in allowed for value in each))
    texts = [format_value(value) for value in values]
    if all(type(value) is int for value in values):
        codes = [
            {value: place / max(1, len(each) - 1) for place, value in enumerate(sorted(each))}
            for each in allowed
        ]
        if any(len(each) > 1 for each in allowed):
            yield _Feature(key, None, *_ends(allowed)), codes
        return
    words = list(dict.fromkeys(word for text in texts for word in text.split("+")))
    sets = len(words) < len(texts)
    for word in words if sets else texts[1:]:
        if word == "none":
            continue
        share = {
            value: float(word in text.split("+") if sets else word == text)
            for value, text in zip(values, texts, strict=True)
        }
        yield (
            _Feature(key, word, "without" if sets else texts[0], "with" if sets else word),
            [share for _ in allowed],
        )


def _ends(allowed: Sequence[Sequence[Value]]) -> tuple[str, str]:
    """Return the lowest and the highest value as texts; stages may have different ones."""
    lows = {format_value(min(each)) for each in allowed if len(each) > 1}
    highs = {format_value(max(each)) for each in allowed if len(each) > 1}
    if len(lows) == len(highs) == 1:
        return lows.pop(), highs.pop()
    return "least", "most"


def _mean(codes: Sequence[dict[Any, float]], column: Sequence[Value | None]) -> float:
    """Return the mean code over the stages that have the choice and can vary it."""
    found = [
        stage[value]
        for stage, value in zip(codes, column, strict=True)
        if value is not None and len(stage) > 1 and value in stage
    ]
    return sum(found) / len(found) if found else 0.0


@dataclass(frozen=True)
class _Model:
    """Least squares with an intercept: slopes, their robust deviations, degrees of freedom.

    `spreads` are the variances of the columns as shares of that of the values.
    """

    slopes: _Floats
    deviations: _Floats
    freedom: int
    explained: float
    spreads: _Floats

    @classmethod
    def fit(cls, table: _Floats, values: _Floats) -> "_Model | None":
        """Fit values (n,) on columns (n, p); None if the columns are collinear."""
        design = np.column_stack([np.ones(len(table)), table])
        count, columns = design.shape
        inverse = np.linalg.pinv(design)
        if np.linalg.matrix_rank(design) < columns:
            return None
        slopes = inverse @ values
        residual = values - design @ slopes
        leverage = np.minimum(np.einsum("ij,ji->i", design, inverse), 1 - 1e-9)
        robust = inverse * (residual / (1 - leverage))
        total = float(values.var()) * count / (count - 1)
        left = float(residual @ residual) / (count - columns)
        explained = 1 - left / total if total > 0 else 0.0
        deviations = np.sqrt((robust**2).sum(axis=1))
        spreads = table.var(axis=0) / values.var() if total > 0 else np.zeros(columns - 1)
        return cls(slopes[1:], deviations[1:], count - columns, max(0.0, explained), spreads)

    def interval(self, index: int, relative: bool) -> Interval:
        """Return the effect of one column, as a share of the values if they are logarithms."""
        ends = self._ends(index)
        return Interval(*(float(np.expm1(each)) if relative else each for each in ends))

    def importance(self, index: int) -> Interval:
        """Return the share of the variance that is due to one column, at most 1."""
        at, low, high = (
            min(1.0, each**2 * float(self.spreads[index])) for each in self._ends(index)
        )
        crosses = self._ends(index)[1] < 0 < self._ends(index)[2]
        return Interval(at, 0.0 if crosses else min(low, high), max(low, high))

    def _ends(self, index: int) -> tuple[float, float, float]:
        """Return a slope with the ends of its interval."""
        at = float(self.slopes[index])
        far = t_reach(self.freedom) * float(self.deviations[index])
        return at, at - far, at + far


def _final(trial: Trial, goal: Metric) -> float:
    assert trial.final is not None  # it is complete
    return float(trial.final.metrics[goal.name])
