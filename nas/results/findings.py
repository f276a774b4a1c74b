"""Findings of a study: one estimate for each network, and from these the front and the best.

The `Estimate` of a network is the mean over its complete trainings, with their number n. The lowest
error of single seeds is too low (the winner's curse), so that means of one seed and of several are
not comparable. If some candidates are confirmed with further seeds, only these can be on the front,
be the best, or count in the hypervolume; a candidate with one seed is `UNCONFIRMED` if neither the
front nor another candidate with one seed dominates it. If none is confirmed, all have one seed, and
the front is computed from all.

Every output that shows a front, a best network or an error takes it from `StudyResults`.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from math import inf, isnan
from statistics import fmean
from typing import Any

import numpy as np

from nas.metrics import Metric, metric
from nas.results.measured_latency import measured_latencies, over_budget
from nas.results.trial_reports import Reports, recorded_scores
from nas.stats import Difference, Points, Summary, difference, hypervolume, non_dominated
from nas.study import StudySpec, Trainings, Trial, TrialState, trainings


class Standing(StrEnum):
    """The position of a complete candidate among the others."""

    FRONT = "front"
    UNCONFIRMED = "unconfirmed"
    DOMINATED = "dominated"
    OVER_BUDGET = "over budget"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A `metric` of one network: its mean over `n` trainings that differ in their seed alone.

    `low` and `high` bound the 95 % interval of the mean by Student's t, and `reach` is half its
    width; None for one training. The bounds stay within those of the metric.
    `split` says on which images it was measured, `images` on how many, where that is recorded.
    """

    metric: Metric
    mean: float
    low: float | None
    high: float | None
    n: int
    split: str
    images: int | None = None
    reach: float | None = None

    @classmethod
    def of(
        cls, metric: Metric, values: Sequence[float], split: str, images: int | None = None
    ) -> "Estimate":
        """Return the estimate of `metric` from one value or more."""
        found = Summary.of(values)
        reach = found.reach
        low = None if reach is None else max(metric.lowest, found.mean - reach)
        high = None if reach is None else min(metric.highest, found.mean + reach)
        return cls(metric, found.mean, low, high, found.n, split, images, reach)

    @property
    def spread(self) -> str:
        """The half width of the interval in words, `± 1.44`; empty for one training."""
        return "" if self.reach is None else f"± {self.metric.number(self.reach)}"

    @property
    def seeds(self) -> str:
        """The number of trainings as text."""
        return "1 seed" if self.n == 1 else f"{self.n} seeds"

    def __str__(self) -> str:
        """Return the estimate in words: `6.59 % ± 1.44 (3 seeds)`."""
        shown = self.metric.show(self.mean)
        return f"{' '.join(filter(None, (shown, self.spread)))} ({self.seeds})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the test results of the best network and of a reference say of their difference.

    `difference` is best minus reference in `metric`, with an interval that holds the scatter
    between seeds and, for a share of images, their finite number; `seeds` is False where one of
    them has a single seed, so that the first part is missing.
    """

    metric: Metric
    reference: str
    difference: Difference
    images: int
    seeds: bool

    @property
    def distinguishable(self) -> bool:
        """Whether the interval excludes zero."""
        return not self.difference.noise

    def __str__(self) -> str:
        """Return the verdict as text; the best network is the subject."""
        return self.words(self.reference)

    def words(self, reference: str) -> str:
        """Return the verdict as text, with another name for the reference, or several names."""
        low, high = self.difference.low, self.difference.high
        if not self.distinguishable:
            said = f"not distinguishable from {reference} on {self.images:,} images"
        else:
            word = "lower" if high < 0 else "higher"
            gap = self.metric.difference(*sorted((abs(low), abs(high))))
            said = f"{word} {self.metric.short} than {reference} by {gap}"
            said += f" (95 %, {self.images:,} images)"
        return (
            said if self.seeds else f"{said} (one seed only: the scatter between seeds is left out)"
        )


@dataclass(frozen=True)
class StudyResults:
    """The findings of a study, computed from its trials and their reports; see the module."""

    spec: StudySpec
    trials: Sequence[Trial]
    reports: Reports = field(default_factory=dict)

    @cached_property
    def trainings(self) -> Trainings:
        """The complete trainings of each candidate and reference by number, first seed first."""
        return trainings(self.trials)

    @cached_property
    def complete(self) -> list[Trial]:
        """The candidates that were measured to the last rung."""
        return complete_candidates(self.trials)

    @cached_property
    def references(self) -> list[Trial]:
        """The published architectures with a complete training."""
        return [trial for trial in self.trials if trial.reference and trial.final]

    @cached_property
    def over_budget(self) -> frozenset[int]:
        """The candidates whose measured latency is over the budget, while others are within it."""
        over = over_budget(self.spec, measured_latencies(self.spec, self.reports))
        return over if any(trial.number not in over for trial in self.complete) else frozenset()

    @cached_property
    def confirmed(self) -> frozenset[int]:
        """The candidates with complete trainings under two or more seeds."""
        own = self.trainings
        return frozenset(trial.number for trial in self.complete if len(own[trial.number]) > 1)

    @cached_property
    def ranked(self) -> list[Trial]:
        """The candidates that can be on the front: the confirmed ones, or all if none is."""
        within = [trial for trial in self.complete if trial.number not in self.over_budget]
        return [trial for trial in within if trial.number in self.confirmed] or within

    @cached_property
    def _ranked_losses(self) -> Points:
        return self.losses(self.ranked)

    @cached_property
    def front(self) -> list[Trial]:
        """The ranked candidates that no other ranked one dominates, cheapest first."""
        keep = non_dominated(self._ranked_losses)
        kept = [trial for trial, own in zip(self.ranked, keep, strict=True) if own]
        return sorted(kept, key=_cheapest_first)

    @cached_property
    def unconfirmed(self) -> list[Trial]:
        """The unranked candidates with one seed that are not dominated.

        Neither by the front nor by another candidate with one seed.
        """
        ranked = {trial.number for trial in self.ranked}
        rest = [
            trial
            for trial in self.complete
            if trial.number not in ranked and trial.number not in self.over_budget
        ]
        rivals, losses = self.losses(self.front), self.losses(rest)
        free = [
            trial
            for trial, own, kept in zip(rest, losses, non_dominated(losses), strict=True)
            if kept and not np.any(np.all(rivals <= own, axis=1) & np.any(rivals < own, axis=1))
        ]
        return sorted(free, key=_cheapest_first)

    @cached_property
    def best(self) -> Trial | None:
        """The ranked candidate with the lowest first objective; ties are broken by the others."""
        pairs = zip(self.ranked, self._ranked_losses.tolist(), strict=True)
        found = min(pairs, key=lambda pair: (*pair[1], pair[0].cost, pair[0].number), default=None)
        return None if found is None else found[0]

    def all_trainings(self, trial: Trial) -> list[Trial]:
        """Return every training of a trial's network in this study, one for each seed."""
        network = trial.number if trial.replicate_of is None else trial.replicate_of
        return [own for own in self.trials if network in (own.number, own.replicate_of)]

    def family(self, name: str) -> "StudyResults":
        """Return the findings among the trials of one space, without its references."""
        own = [t for t in self.trials if t.reference is None and t.architecture.space == name]
        return replace(self, trials=own)

    def notable(self, most: int) -> list[Trial]:
        """Return up to `most` trials: the best, the front, the references, then by epochs."""
        numbers = {trial.number for trial in (*self.front, *self.unconfirmed, *self.references)}
        best, reported = self.best, self.metric

        def order(trial: Trial) -> tuple[bool, bool, int, float]:
            last = trial.last
            value = None if last is None else last.value(reported.name)
            loss = inf if value is None or isnan(value) else reported.loss(value)
            epochs = last.epoch if last else 0
            return trial is not best, trial.number not in numbers, -epochs, loss

        return heapq.nsmallest(most, self.trials, key=order)

    def exported(self, best: Trial) -> Trial:
        """Return the training whose weights stand for the network of `best`.

        `best` itself, which won the search. Of a fixed network, which won nothing, the seed with
        the best value on the validation split.
        """
        own = self.trainings[best.number] if self.spec.networks else (best,)
        reported = self.spec.reported
        return min(own, key=lambda trial: reported.loss(_value(trial, reported.name)))

    @cached_property
    def hypervolume(self) -> float:
        """The hypervolume of the front against the study's fixed reference point."""
        reference = np.array(self.spec.reference_point, dtype=float)
        return hypervolume(self.losses(self.front), reference)

    @cached_property
    def _standings(self) -> dict[int, Standing]:
        found = dict.fromkeys((trial.number for trial in self.complete), Standing.DOMINATED)
        found |= dict.fromkeys(self.over_budget & found.keys(), Standing.OVER_BUDGET)
        found |= dict.fromkeys((trial.number for trial in self.front), Standing.FRONT)
        return found | dict.fromkeys((t.number for t in self.unconfirmed), Standing.UNCONFIRMED)

    def standing(self, number: int) -> Standing | None:
        """Return the standing of a complete candidate; None for any other trial."""
        return self._standings.get(number)

    @property
    def metric(self) -> Metric:
        """The metric by which networks are reported."""
        return self.spec.reported

    def estimate(self, number: int, name: str | None = None) -> Estimate | None:
        """Return a metric on the validation split; None unless the network is complete.

        `name` is that of the metric, by default of the reported one.
        """
        return self._of(self.trainings.get(number, ()), name or self.metric.name)

    def further(self, number: int) -> Estimate | None:
        """Return the estimate over the further seeds: the one that was chosen by is left out."""
        return self._of(self.trainings.get(number, ())[1:], self.metric.name)

    def _of(self, own: Sequence[Trial], name: str) -> Estimate | None:
        values = [_value(trial, name) for trial in own]
        return Estimate.of(metric(name), values, "validation") if values else None

    def words(self, number: int) -> str:
        """Return the reported metric of a complete network in words, on the validation split.

        For a confirmed candidate also the error in the search, and the mean of its further seeds.
        """
        own, further = self.estimate(number), self.further(number)
        if own is None or further is None or self.spec.networks or number not in self.confirmed:
            return str(own or "")
        first = self.metric.show(_value(self.trainings[number][0], self.metric.name))
        ones = "further one" if further.n == 1 else f"{further.n} further ones"
        others = self.metric.show(further.mean)
        return f"{own}; observed in the search {first}, the {ones} {others}"

    @cached_property
    def _tests(self) -> dict[int, dict[str, Any]]:
        return recorded_scores(self.reports)

    def test_values(self, number: int) -> list[float]:
        """Return the reported metric on the test split, of each training that was tested."""
        own = (self._tests.get(trial.number) for trial in self.trainings.get(number, ()))
        return [score[self.metric.name] for score in own if score is not None]

    def test(self, number: int) -> Estimate | None:
        """Return the reported metric on the test split over all seeds; None where none was."""
        values = self.test_values(number)
        return Estimate.of(self.metric, values, "test", self._images(number)) if values else None

    def verdict(self, number: int) -> Verdict | None:
        """Return the comparison of the best with a reference on the test split, if tested."""
        if self.best is None:
            return None
        one, other = self.test_values(self.best.number), self.test_values(number)
        images = self._images(number)
        counted = images if self.metric.share else None
        gap = difference(one, other, counted) if one and other and images else None
        if gap is None or images is None:
            return None
        name = next(str(trial.reference) for trial in self.references if trial.number == number)
        return Verdict(self.metric, name, gap, images, min(len(one), len(other)) > 1)

    @cached_property
    def verdicts(self) -> tuple[str, ...]:
        """The comparisons of the best with the references as text; equal results share a line."""
        found = [own for own in map(self.verdict, (t.number for t in self.references)) if own]
        equal: dict[tuple[int, bool], list[Verdict]] = {}
        for own in found:
            if not own.distinguishable:
                equal.setdefault((own.images, own.seeds), []).append(own)
        lines = [own[0].words(", ".join(v.reference for v in own)) for own in equal.values()]
        return (*lines, *(str(own) for own in found if own.distinguishable))

    def losses(self, trials: Sequence[Trial]) -> Points:
        """Return the estimated objectives of complete trials, all minimised, (trials, objectives).

        Costs are known; measured objectives are means over the seeds.
        """
        rows = [
            [goal.loss(self._mean(trial, goal.name)) for goal in self.spec.goals]
            for trial in trials
        ]
        return np.array(rows, dtype=float).reshape(len(trials), len(self.spec.goals))

    def _mean(self, trial: Trial, name: str) -> float:
        own = self.trainings[trial.number]
        return _value(own[0], name) if len(own) == 1 else fmean(_value(one, name) for one in own)

    def _images(self, number: int) -> int | None:
        own = (self._tests.get(trial.number, {}) for trial in self.trainings.get(number, ()))
        counts = {int(score["images"]) for score in own if score.get("images")}
        return counts.pop() if len(counts) == 1 else None


@dataclass(frozen=True, slots=True)
class HypervolumeStep:
    """The share of the reference box that the front dominates after `finished` candidates."""

    finished: int
    share: float


def complete_candidates(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that can win: measured to the last rung, without references."""
    return [trial for trial in trials if trial.candidate and trial.final is not None]


def hypervolume_steps(spec: StudySpec, trials: Sequence[Trial]) -> tuple[HypervolumeStep, ...]:
    """Return the hypervolume as a share of the reference box, whenever a candidate raised it.

    Uses the errors of the first seed, as the search saw them.
    """
    ended = [trial for trial in trials if trial.candidate and trial.state.finished]
    # Ties and missing times are ordered by number, so that equal rows give equal views.
    ended.sort(key=lambda t: (t.finished_at.timestamp() if t.finished_at else 0.0, t.number))
    reference = np.array(spec.reference_point, dtype=float)
    box = spec.box
    kept = np.empty((0, len(reference)))
    steps = [HypervolumeStep(0, 0.0)] if ended else []
    for finished, trial in enumerate(ended, start=1):
        if trial.state is not TrialState.COMPLETE:
            continue
        row = np.array([goal.loss(_value(trial, goal.name)) for goal in spec.goals])
        if np.any(np.all(kept <= row, axis=1)):
            continue
        kept = np.vstack([kept[~np.all(kept >= row, axis=1)], row])
        share = hypervolume(kept, reference) / box if box else 0.0
        steps.append(HypervolumeStep(finished, share))
    if ended:
        steps.append(HypervolumeStep(len(ended), steps[-1].share))
    return tuple(steps)


def _value(trial: Trial, name: str) -> float:
    return trial.value(name) or 0.0


def _cheapest_first(trial: Trial) -> tuple[Any, int]:
    return trial.cost, trial.number
