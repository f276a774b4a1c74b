"""Comparison: the differences between spaces, or values of one choice, by random networks.

The compared value is the reported metric on the validation split after the last epoch, for most
tasks an error; differences are in the same unit. Spaces are compared as in Radosavovic et al. 2019
and 2020: by the distributions of the errors of architectures drawn at random, at matched cost. A
choice is compared by pairs of networks that differ only in this choice and have the same seed.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nas.errors import NasError
from nas.feasible import NUM_STRATA, stratum_of
from nas.metrics import Direction, Metric
from nas.space import PAIRED_PREFIX, format_value, read_variation
from nas.stats import (
    Bools,
    Floats,
    Interval,
    bootstrap,
    bootstrap_difference,
    edf_reach,
    flip,
    holm,
    least_p,
    least_p_of_pairs,
    mean,
    permute,
    quantile,
    share_below,
)
from nas.study import StudySpec, Trial, TrialState

SIGNIFICANT = 0.05
MATCHED = "matched"
_MOST = 100  # enough for any realistic number of groups
_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Group:
    """One space, or one value of the choice: its values of `metric`, ascending, and their summary.

    `reach` is half the height of the 95 % band around the whole distribution. `below` pairs each
    threshold with the share of the networks at or below it. `madds` are mean, minimum and maximum
    of the compared networks. `failed` and `missing` trials are not included.
    """

    name: str
    metric: Metric
    errors: tuple[float, ...]
    mean: Interval
    quartiles: tuple[Interval, Interval, Interval]
    reach: float
    below: tuple[tuple[float, Interval], ...]
    madds: tuple[float, int, int]
    failed: int
    missing: int

    @property
    def n(self) -> int:
        """The number of compared networks."""
        return len(self.errors)

    @property
    def median(self) -> Interval:
        """The median with its interval."""
        return self.quartiles[1]

    @property
    def best(self) -> float:
        """The best value; it has no interval, because it improves with n."""
        return min(self.errors, key=self.metric.loss)


@dataclass(frozen=True)
class Pair:
    """Two groups: `first` minus `second` for spaces; `second` is the base value.

    `p` belongs to the mean difference, `p_holm` is adjusted for the number of pairs, `least` is the
    smallest possible `p_holm` for so few networks. `distance` is the Kolmogorov-Smirnov distance
    with its own p; it and the difference of the medians are None for paired values.
    """

    metric: Metric
    first: str
    second: str
    n: int
    mean: Interval
    p: float
    least: float
    p_holm: float = 1.0
    median: Interval | None = None
    distance: float | None = None
    p_distance: float | None = None

    @property
    def enough(self) -> bool:
        """Whether there are enough networks to show a difference."""
        return self.least < SIGNIFICANT

    @property
    def significant(self) -> bool:
        """Whether the difference is significant."""
        return self.p_holm < SIGNIFICANT

    @property
    def verdict(self) -> str:
        """The result as text."""
        if not self.enough:
            return f"{self.n} are too few for a statement"
        if not self.significant:
            return "no difference seen within noise"
        better = self.first if self.metric.loss(self.mean.value) < 0 else self.second
        word = "lower" if self.metric.direction is Direction.MINIMISE else "higher"
        return f"{better} has the {word} mean {self.metric.short}"


@dataclass(frozen=True)
class Comparison:
    """The whole comparison; `key` is the choice that was varied, None for spaces."""

    study: str
    metric: Metric
    key: str | None
    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    planned: int

    @property
    def complete(self) -> bool:
        """Whether every planned network was measured or failed."""
        return not any(group.missing for group in self.groups)


def compare(
    spec: StudySpec, trials: Sequence[Trial], thresholds: Sequence[float] = ()
) -> Comparison:
    """Compare the groups of a study; by default thresholds are the quartiles of all errors.

    Raises:
        NasError: the study is not a comparison, or has too few complete trials.
    """
    candidates = [trial for trial in trials if trial.candidate]
    words = spec.sampler.partition(":")
    if words[0] == PAIRED_PREFIX:
        return _choice(spec, words[2], candidates, thresholds)
    if words[0] == MATCHED and len(spec.spaces) > 1:
        return _spaces(spec, candidates, thresholds)
    raise NasError(
        f"the study {spec.name} is not a comparison: its sampler is {spec.sampler}.",
        "Start a comparison: nas compare-spaces SPACE SPACE --budget 300M-flops",
    )


def num_needed(groups: int, paired: bool) -> int:
    """Return the smallest n of each group for which a difference can be significant."""
    pairs = groups - 1 if paired else groups * (groups - 1) // 2

    def least(n: int) -> float:
        if paired:
            return least_p_of_pairs(n)
        return least_p(np.arange(2 * n) < n, [turn % NUM_STRATA for turn in range(n)] * 2)

    return next((n for n in range(2, _MOST) if least(n) * pairs < SIGNIFICANT), _MOST)


def _spaces(
    spec: StudySpec, candidates: Sequence[Trial], thresholds: Sequence[float]
) -> Comparison:
    members = {
        name: [t for t in candidates if t.architecture.space == name] for name in spec.spaces
    }
    planned = -(-spec.num_trials // len(members))
    done = {name: [t for t in own if t.final] for name, own in members.items()}
    _enough(spec, min(map(len, done.values())))
    pairs = [
        _space_pair(spec, (one, done[one]), (other, done[other]))
        for one, other in itertools.combinations(members, 2)
    ]
    groups = _groups(spec, done, members, planned, thresholds)
    return Comparison(spec.name, spec.reported, None, groups, _adjusted(pairs), spec.num_trials)


def _choice(
    spec: StudySpec, words: str, candidates: Sequence[Trial], thresholds: Sequence[float]
) -> Comparison:
    varied = read_variation(spec.space, words)
    size = len(varied.values)
    blocks = [candidates[start : start + size] for start in range(0, len(candidates), size)]
    whole = [block for block in blocks if len(block) == size and all(t.final for t in block)]
    _enough(spec, len(whole))
    names = [f"{varied.key}={format_value(value)}" for value in varied.values]
    members = {name: list(candidates[turn::size]) for turn, name in enumerate(names)}
    done = {name: [block[turn] for block in whole] for turn, name in enumerate(names)}
    base = _errors(spec, done[names[0]])
    pairs = [
        _value_pair(spec, (name, names[0]), _errors(spec, done[name]) - base, _rng(spec, turn))
        for turn, name in enumerate(names[1:], start=1)
    ]
    groups = _groups(spec, done, members, spec.num_trials // size, thresholds)
    return Comparison(
        spec.name, spec.reported, varied.key, groups, _adjusted(pairs), spec.num_trials
    )


def _enough(spec: StudySpec, complete: int) -> None:
    if complete < 2:
        raise NasError(
            f"the study {spec.name} has {complete} complete networks in a group; 2 or more are "
            "needed.",
            f"Continue it: nas resume {spec.name}",
        )


def _groups(
    spec: StudySpec,
    done: dict[str, list[Trial]],
    members: dict[str, list[Trial]],
    planned: int,
    thresholds: Sequence[float],
) -> tuple[Group, ...]:
    pooled = np.concatenate([_errors(spec, own) for own in done.values()])
    levels = tuple(thresholds) or tuple(
        dict.fromkeys(round(float(np.quantile(pooled, share)), 4) for share in _QUARTILES)
    )
    groups = []
    for turn, (name, own) in enumerate(done.items()):
        failed = sum(t.state is TrialState.FAILED for t in members[name])
        measured = sum(t.final is not None for t in members[name])
        group = _group(spec, name, own, levels, _rng(spec, 1000 + turn))
        groups.append(replace(group, failed=failed, missing=planned - measured - failed))
    return tuple(groups)


def _group(
    spec: StudySpec,
    name: str,
    trials: Sequence[Trial],
    levels: Sequence[float],
    rng: np.random.Generator,
) -> Group:
    errors, madds = _errors(spec, trials), [trial.cost.madds for trial in trials]
    first, median, third = (bootstrap(errors, quantile(share), rng) for share in _QUARTILES)
    return Group(
        name=name,
        metric=spec.reported,
        errors=tuple(sorted(errors.tolist())),
        mean=bootstrap(errors, mean, rng),
        quartiles=(first, median, third),
        reach=edf_reach(errors, rng),
        below=tuple((level, share_below(errors, level)) for level in levels),
        madds=(float(np.mean(madds)), min(madds), max(madds)),
        failed=0,
        missing=0,
    )


def _space_pair(
    spec: StudySpec, first: tuple[str, list[Trial]], second: tuple[str, list[Trial]]
) -> Pair:
    both = [*first[1], *second[1]]
    errors = _errors(spec, both)
    own: Bools = np.arange(len(both)) < len(first[1])
    strata = [stratum_of(_used(spec, trial)) for trial in both]
    rng = _rng(spec, *map(list(spec.spaces).index, (first[0], second[0])))

    def difference(statistic: Callable[[Floats], Floats]) -> Interval:
        return bootstrap_difference(errors[own], errors[~own], statistic, rng)

    shuffled = permute(errors, own, strata, rng)
    return Pair(
        metric=spec.reported,
        first=first[0],
        second=second[0],
        n=min(len(first[1]), len(second[1])),
        mean=difference(mean),
        median=difference(quantile(0.5)),
        p=shuffled.p_mean,
        least=least_p(own, strata),
        distance=shuffled.distance,
        p_distance=shuffled.p_distance,
    )


def _value_pair(
    spec: StudySpec, names: tuple[str, str], differences: Floats, rng: np.random.Generator
) -> Pair:
    return Pair(
        metric=spec.reported,
        first=names[0],
        second=names[1],
        n=len(differences),
        mean=bootstrap(differences, mean, rng),
        p=flip(differences, rng),
        least=least_p_of_pairs(len(differences)),
    )


def _adjusted(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Return the pairs with p values adjusted for the number of pairs."""
    adjusted = holm([pair.p for pair in pairs])
    return tuple(
        replace(pair, p_holm=p, least=pair.least * len(pairs))
        for pair, p in zip(pairs, adjusted, strict=True)
    )


def _errors(spec: StudySpec, trials: Sequence[Trial]) -> Floats:
    """Return the reported metric of complete trials at full fidelity, shape (n,)."""
    name = spec.reported.name
    return np.array([trial.final.metrics[name] for trial in trials if trial.final], dtype=float)


def _used(spec: StudySpec, trial: Trial) -> float:
    ceiling = spec.budget[0]
    return float(getattr(trial.cost, ceiling.cost)) / ceiling.limit


def _rng(spec: StudySpec, *words: int) -> np.random.Generator:
    return np.random.default_rng([spec.seed, *words])
