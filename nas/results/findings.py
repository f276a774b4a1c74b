"""What a study has found: one estimate for each network, and from these the front and the best.

Each network has one `Estimate`: the mean over its complete trainings, with their number n. A lowest
error of one seed is too low (the winner's curse), so that means of one seed and of several are not
on one scale. Where some candidates have been confirmed with further seeds, only these can be on the
front, be the best, or count in the hypervolume; a candidate of one seed that neither the front nor
another one of one seed dominates is `UNCONFIRMED`. Where none is confirmed, all have one seed, and
the front is among them.

Everything that shows a front, a best network or an error takes it from `StudyResults`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from math import inf, prod
from statistics import fmean
from typing import Any

import numpy as np

from nas.results.measured_latency import measured_latencies, over_budget
from nas.results.trial_reports import Reports, recorded_scores
from nas.stats import Difference, Points, Summary, difference, hypervolume, non_dominated
from nas.study import StudySpec, Trainings, Trial, TrialState, trainings
from nas.units import percent, points


class Standing(StrEnum):
    """How a complete candidate compares with the others."""

    FRONT = "front"
    UNCONFIRMED = "unconfirmed"
    DOMINATED = "dominated"
    OVER_BUDGET = "over budget"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric of one network: its mean over `n` trainings that differ in their seed alone.

    `low` and `high` bound the 95 % interval of the mean by Student's t, and `reach` is half its
    width; None for one training. The bounds of an error stay within [0, 1], no loss is below 0.
    `split` says on which images it was measured, `images` on how many, where that is recorded.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    split: str
    images: int | None = None
    reach: float | None = None

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        split: str,
        images: int | None = None,
        most: float = 1.0,
    ) -> "Estimate":
        """Return the estimate from one value or more, none of which can exceed `most`."""
        found = Summary.of(values)
        reach = found.reach
        low = None if reach is None else max(0.0, found.mean - reach)
        high = None if reach is None else min(most, found.mean + reach)
        return cls(found.mean, low, high, found.n, split, images, reach)

    @property
    def spread(self) -> str:
        """The half width of the interval of an error in words, `± 1.44`; empty for one training."""
        return "" if self.reach is None else f"± {points(self.reach)}"

    @property
    def seeds(self) -> str:
        """The number of trainings in words."""
        return "1 seed" if self.n == 1 else f"{self.n} seeds"

    def __str__(self) -> str:
        """Return an error in words: `6.59 % ± 1.44 (3 seeds)`."""
        return f"{' '.join(filter(None, (percent(self.mean), self.spread)))} ({self.seeds})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the test errors of the best network and of a reference say of their difference.

    `difference` is best minus reference, a share, with an interval that holds the scatter between
    seeds and the finite number of `images`; `seeds` is False where one of them has a single seed,
    so that the first part is missing.
    """

    reference: str
    difference: Difference
    images: int
    seeds: bool

    @property
    def distinguishable(self) -> bool:
        """Whether the interval leaves out zero."""
        return not self.difference.noise

    def __str__(self) -> str:
        """Return the verdict in words, the best network being the subject."""
        return self.words(self.reference)

    def words(self, reference: str) -> str:
        """Return the verdict in words, with another name for the reference or several names."""
        low, high = self.difference.low, self.difference.high
        if not self.distinguishable:
            said = f"not distinguishable from {reference} on {self.images:,} images"
        else:
            word = "lower" if high < 0 else "higher"
            near, far = sorted((abs(low), abs(high)))
            said = f"{word} error than {reference} by {points(near)} to {points(far)} points"
            said += f" (95 %, {self.images:,} images)"
        return (
            said if self.seeds else f"{said} (one seed only: the scatter between seeds is left out)"
        )


@dataclass(frozen=True)
class StudyResults:
    """What a study has found, computed from its trials and the reports on them; see the module."""

    spec: StudySpec
    trials: Sequence[Trial]
    reports: Reports = field(default_factory=dict)

    @cached_property
    def trainings(self) -> Trainings:
        """The complete trainings of each candidate and reference by its number, the first first."""
        return trainings(self.trials)

    @cached_property
    def complete(self) -> list[Trial]:
        """The candidates that have been measured to the last rung."""
        return complete_candidates(self.trials)

    @cached_property
    def references(self) -> list[Trial]:
        """The published architectures that have been trained to the end."""
        return [trial for trial in self.trials if trial.reference and trial.final]

    @cached_property
    def over_budget(self) -> frozenset[int]:
        """The candidates that are over a budget in latency as measured, while others are not."""
        over = over_budget(self.spec, measured_latencies(self.spec, self.reports))
        return over if any(trial.number not in over for trial in self.complete) else frozenset()

    @cached_property
    def confirmed(self) -> frozenset[int]:
        """The candidates that have been trained to the end under two seeds or more."""
        own = self.trainings
        return frozenset(trial.number for trial in self.complete if len(own[trial.number]) > 1)

    @cached_property
    def ranked(self) -> list[Trial]:
        """The candidates on the scale of the front: those confirmed, or all where none is."""
        within = [trial for trial in self.complete if trial.number not in self.over_budget]
        return [trial for trial in within if trial.number in self.confirmed] or within

    @cached_property
    def front(self) -> list[Trial]:
        """The ranked candidates that no other ranked one dominates, cheapest first."""
        keep = non_dominated(self.losses(self.ranked))
        kept = [trial for trial, own in zip(self.ranked, keep, strict=True) if own]
        return sorted(kept, key=_cheapest_first)

    @cached_property
    def unconfirmed(self) -> list[Trial]:
        """The candidates of one seed that are off the scale, and dominated by none.

        Neither by the front nor by another one of one seed.
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
        """The ranked candidate with the lowest first objective; of equals the lowest others."""
        losses = dict(zip((t.number for t in self.ranked), self.losses(self.ranked), strict=True))
        return min(
            self.ranked,
            key=lambda trial: (*losses[trial.number].tolist(), trial.cost, trial.number),
            default=None,
        )

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
        """Return how a complete candidate compares; None for any other trial."""
        return self._standings.get(number)

    def estimate(self, number: int, metric: str = "top1_error") -> Estimate | None:
        """Return a metric on the validation split; None unless the network is complete."""
        own = self.trainings.get(number)
        most = 1.0 if metric == "top1_error" else inf
        values = [_value(trial, metric) for trial in own or ()]
        return Estimate.of(values, "validation", most=most) if values else None

    def further(self, number: int) -> Estimate | None:
        """Return the validation error over the further seeds: what was chosen is not among them."""
        own = [_value(trial, "top1_error") for trial in self.trainings.get(number, ())[1:]]
        return Estimate.of(own, "validation") if own else None

    def words(self, number: int) -> str:
        """Return the validation error of a complete network in words.

        Of a confirmed candidate with what the search observed, and without what it was chosen for.
        """
        own, further = self.estimate(number), self.further(number)
        if own is None or further is None or number not in self.confirmed:
            return str(own or "")
        first = _value(self.trainings[number][0], "top1_error")
        ones = "further one" if further.n == 1 else f"{further.n} further ones"
        return f"{own}; observed in the search {percent(first)}, the {ones} {percent(further.mean)}"

    @cached_property
    def _tests(self) -> dict[int, dict[str, Any]]:
        return recorded_scores(self.reports)

    def test_errors(self, number: int) -> list[float]:
        """Return the errors on the test split of those trainings of a network that were tested."""
        own = (self._tests.get(trial.number) for trial in self.trainings.get(number, ()))
        return [score["top1_error"] for score in own if score is not None]

    def test(self, number: int) -> Estimate | None:
        """Return the error on the test split over all seeds tested; None where none was."""
        errors = self.test_errors(number)
        return Estimate.of(errors, "test", self._images(number)) if errors else None

    def verdict(self, number: int) -> Verdict | None:
        """Return how the best compares with a reference on the test split; None without tests."""
        if self.best is None:
            return None
        one, other = self.test_errors(self.best.number), self.test_errors(number)
        images = self._images(number)
        gap = difference(one, other, images) if one and other and images else None
        if gap is None or images is None:
            return None
        name = next(str(trial.reference) for trial in self.references if trial.number == number)
        return Verdict(name, gap, images, min(len(one), len(other)) > 1)

    @cached_property
    def verdicts(self) -> tuple[str, ...]:
        """How the best compares with the references in words; those it equals share a line."""
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
        return fmean(_value(own, name) for own in self.trainings[trial.number])

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
    """Return the trials that can win: measured to the last rung, and no references."""
    return [trial for trial in trials if trial.candidate and trial.final is not None]


def hypervolume_steps(spec: StudySpec, trials: Sequence[Trial]) -> tuple[HypervolumeStep, ...]:
    """Return the hypervolume's share of the reference box each time that a candidate raised it.

    By what was observed with one seed, as the search saw it; further seeds come after it.
    """
    ended = [trial for trial in trials if trial.candidate and trial.state.finished]
    # Equal or missing times: the number decides, so that a view of the same rows is the same.
    ended.sort(key=lambda t: (t.finished_at.timestamp() if t.finished_at else 0.0, t.number))
    reference = np.array(spec.reference_point, dtype=float)
    box = prod(spec.reference_point)
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
