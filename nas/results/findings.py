"""Findings of a study: one estimate for each network, and from these the front and the best.

The `Estimate` of a network is the mean over its complete trainings, with their number n. The lowest
error of single seeds is biased (the winner's curse), so means of one seed and of several are not
comparable. If some candidates are confirmed with further seeds, only these can be on the front,
be the best, or count in the hypervolume; a candidate with one seed is `UNCONFIRMED` if neither the
front nor another candidate with one seed dominates it. If none is confirmed, all have one seed, and
the front is computed from all.

Every output that shows a front, a best network or an error takes it from `StudyResults`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from math import inf
from statistics import fmean
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nas.metrics import Metric, metric
from nas.results.estimate import Estimate, Verdict
from nas.results.measured_latency import measured_latencies, over_budget
from nas.results.trial_table import TrialTable
from nas.stats import Points, difference, hypervolume, non_dominated
from nas.study import Reports, StudySpec, Trainings, Trial, trainings

Rows: TypeAlias = NDArray[np.intp]


class Standing(StrEnum):
    """The position of a complete candidate among the others."""

    FRONT = "front"
    UNCONFIRMED = "unconfirmed"
    DOMINATED = "dominated"
    OVER_BUDGET = "over budget"


STANDINGS = tuple(Standing)
MOST_CLASSES = 120  # of a recorded confusion matrix; a larger one cannot be read on a screen


@dataclass(frozen=True)
class StudyResults:
    """The findings of a study, computed from its trials and their reports; see the module text."""

    spec: StudySpec
    trials: Sequence[Trial]
    reports: Reports = field(default_factory=dict)

    @cached_property
    def table(self) -> TrialTable:
        """The trials with their values as arrays."""
        return TrialTable.of(self.trials)

    @cached_property
    def trainings(self) -> Trainings:
        """The complete trainings of each candidate and reference by number, first seed first."""
        return trainings(self.trials)

    @cached_property
    def _further(self) -> dict[int, list[Trial]]:
        """The complete further trainings of each network that has some."""
        found: dict[int, list[Trial]] = {}
        for trial in self._seeds:
            if trial.final and trial.replicate_of in self.table.rows:
                found.setdefault(trial.replicate_of, []).append(trial)
        return found

    def own(self, number: int) -> tuple[Trial, ...]:
        """Return the complete trainings of a network, the first seed first; empty for others."""
        trial = self.table.get(number)
        if trial is None or trial.replicate_of is not None or trial.final is None:
            return ()
        return trial, *self._further.get(number, ())

    @cached_property
    def seeds(self) -> NDArray[np.int64]:
        """The number of complete trainings of each network, 0 for other trials, (trials,)."""
        complete = self.table.column("first") & self.table.column("final")
        found: NDArray[np.int64] = complete.astype(np.int64)
        for number in self._further:
            found[self.table.rows[number]] = len(self.own(number))
        return found

    @cached_property
    def complete(self) -> list[Trial]:
        """The candidates that were measured to the last rung."""
        return self.table.take(self._complete)

    @cached_property
    def _complete(self) -> Rows:
        return np.flatnonzero(self.table.column("candidate") & self.table.column("final"))

    @cached_property
    def references(self) -> list[Trial]:
        """The published architectures with a complete training."""
        table = self.table
        return table.take(np.flatnonzero(table.column("reference") & table.column("final")))

    @cached_property
    def measured_over(self) -> frozenset[int]:
        """The trials whose measured latency is over the budget."""
        return over_budget(self.spec, measured_latencies(self.spec, self.reports))

    @cached_property
    def over_budget(self) -> frozenset[int]:
        """The candidates whose measured latency is over the budget, while others are within it."""
        over = self.measured_over
        return over if any(trial.number not in over for trial in self.complete) else frozenset()

    @cached_property
    def confirmed(self) -> frozenset[int]:
        """The candidates with complete trainings under two or more seeds."""
        known = ((number, self.table.get(number)) for number in self._further)
        return frozenset(n for n, trial in known if trial and trial.candidate and trial.final)

    @cached_property
    def ranked(self) -> list[Trial]:
        """The candidates that can be on the front: the confirmed ones, or all if none is."""
        return self.table.take(self._ranked)

    @cached_property
    def _ranked(self) -> Rows:
        within = self._complete[~self._are(self._complete, self.over_budget)]
        several = within[self._are(within, self.confirmed)]
        return several if len(several) else within

    @cached_property
    def _ranked_losses(self) -> Points:
        return self._losses(self._ranked)

    @cached_property
    def front(self) -> list[Trial]:
        """The ranked candidates that no other ranked one dominates, cheapest first."""
        kept = self._ranked[non_dominated(self._ranked_losses)]
        return sorted(self.table.take(kept), key=_cheapest_first)

    @cached_property
    def unconfirmed(self) -> list[Trial]:
        """The unranked candidates with one seed that are not dominated.

        No member of the front and no other candidate with one seed dominates them.
        """
        ranked = np.zeros(len(self.table), dtype=bool)
        ranked[self._ranked] = True
        rows = self._complete[~ranked[self._complete]]
        rows = rows[~self._are(rows, self.over_budget)]
        rivals, losses = self.losses(self.front), self._losses(rows)
        free = [
            trial
            for trial, own, kept in zip(
                self.table.take(rows), losses, non_dominated(losses), strict=True
            )
            if kept and not np.any(np.all(rivals <= own, axis=1) & np.any(rivals < own, axis=1))
        ]
        return sorted(free, key=_cheapest_first)

    @cached_property
    def best(self) -> Trial | None:
        """The ranked candidate with the lowest first objective; ties are broken by the others."""
        losses = self._ranked_losses
        if not len(losses):
            return None
        first = np.flatnonzero(losses[:, 0] <= np.fmin.reduce(losses[:, 0]))
        first = first if len(first) else np.arange(len(losses))  # all are NaN
        pairs = zip(self.table.take(self._ranked[first]), losses[first].tolist(), strict=True)
        return min(pairs, key=lambda pair: (*pair[1], pair[0].cost, pair[0].number))[0]

    def _are(self, rows: Rows, numbers: frozenset[int]) -> NDArray[np.bool_]:
        """Return which of the trials at `rows` have one of `numbers`."""
        return np.isin(self.table.column("number")[rows], list(numbers))

    def all_trainings(self, trial: Trial) -> list[Trial]:
        """Return every training of a trial's network in this study, one for each seed."""
        return self.trainings_of(trial.number if trial.replicate_of is None else trial.replicate_of)

    def trainings_of(self, number: int) -> list[Trial]:
        """Return every training of a network in this study, one for each seed."""
        return [
            own
            for own in (self.table.get(number), *self._seeds)
            if own and number in (own.number, own.replicate_of)
        ]

    @cached_property
    def _seeds(self) -> list[Trial]:
        return self.table.take(np.flatnonzero(~self.table.column("first")))

    def family(self, name: str) -> "StudyResults":
        """Return the findings among the trials of one space, without its references."""
        own = [t for t in self.trials if t.reference is None and t.architecture.space == name]
        return replace(self, trials=own)

    def notable(self, most: int) -> list[Trial]:
        """Return up to `most` trials: the best, the front, the references, then by epochs."""
        table, reported = self.table, self.metric
        ordinary = np.ones(len(table), dtype=bool)
        known = (*self.front, *self.unconfirmed, *self.references)
        ordinary[[table.rows[trial.number] for trial in known]] = False
        other = np.ones(len(table), dtype=bool)
        if self.best is not None:
            other[table.rows[self.best.number]] = False
        values = table.value(reported.name)
        losses = np.where(np.isnan(values), inf, reported.loss(1.0) * values)
        order = np.lexsort((losses, -table.column("epoch"), ordinary, other))
        return table.take(order[:most])

    def exported(self, best: Trial) -> Trial:
        """Return the training whose weights are exported for the network of `best`.

        In a search it is `best` itself. In a study of fixed networks it is the seed with the best
        value on the validation split.
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
    def standings(self) -> NDArray[np.int8]:
        """The standing of each trial as the index in `STANDINGS`, -1 for none, (trials,)."""
        found = np.full(len(self.table), -1, np.int8)
        found[self._complete] = STANDINGS.index(Standing.DOMINATED)
        over = self._complete[self._are(self._complete, self.over_budget)]
        found[over] = STANDINGS.index(Standing.OVER_BUDGET)
        for standing, own in (
            (Standing.FRONT, self.front),
            (Standing.UNCONFIRMED, self.unconfirmed),
        ):
            found[[self.table.rows[trial.number] for trial in own]] = STANDINGS.index(standing)
        return found

    def standing(self, number: int) -> Standing | None:
        """Return the standing of a complete candidate; None for any other trial."""
        row = self.table.rows.get(number)
        code = -1 if row is None else int(self.standings[row])
        return None if code < 0 else STANDINGS[code]

    @property
    def metric(self) -> Metric:
        """The metric by which networks are reported."""
        return self.spec.reported

    def estimate(self, number: int, name: str | None = None) -> Estimate | None:
        """Return a metric on the validation split; None unless the network is complete.

        `name` is the name of the metric; the default is the reported one.
        """
        return self._of(self.own(number), name or self.metric.name)

    def further(self, number: int) -> Estimate | None:
        """Return the estimate over the further seeds, without that which led to the selection."""
        return self._of(self.own(number)[1:], self.metric.name)

    def _of(self, own: Sequence[Trial], name: str) -> Estimate | None:
        values = [_value(trial, name) for trial in own]
        return Estimate.of(metric(name), values, "validation") if values else None

    def words(self, number: int) -> str:
        """Return the reported metric of a complete network as text, on the validation split.

        For a confirmed candidate it includes the error in the search, and the mean of the further
        seeds.
        """
        own, further = self.estimate(number), self.further(number)
        if own is None or further is None or self.spec.networks or number not in self.confirmed:
            return str(own or "")
        first = self.metric.show(_value(self.own(number)[0], self.metric.name))
        ones = "further one" if further.n == 1 else f"{further.n} further ones"
        others = self.metric.show(further.mean)
        return f"{own}; observed in the search {first}, the {ones} {others}"

    @cached_property
    def _tests(self) -> dict[int, dict[str, Any]]:
        return recorded_scores(self.reports)

    def test_values(self, number: int) -> list[float]:
        """Return the reported metric on the test split, of each training that was tested."""
        own = (self._tests.get(trial.number) for trial in self.own(number))
        return [score[self.metric.name] for score in own if score is not None]

    def test(self, number: int) -> Estimate | None:
        """Return the reported metric on the test split over all seeds; None if none was tested."""
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
        rows = [self.table.rows[trial.number] for trial in trials]
        return self._losses(np.array(rows, dtype=np.intp))

    def _losses(self, rows: Rows) -> Points:
        found = np.empty((len(rows), len(self.spec.goals)))
        for column, goal in enumerate(self.spec.goals):
            means = self.means(goal.name)[rows]
            for row in np.flatnonzero(np.isnan(means)).tolist():  # without a measurement: zero
                means[row] = fmean(
                    _value(one, goal.name) for one in self.own(self.table[int(rows[row])].number)
                )
            found[:, column] = goal.loss(1.0) * means
        return found

    @cached_property
    def _means(self) -> dict[str, NDArray[np.float64]]:
        return {}

    def means(self, name: str) -> NDArray[np.float64]:
        """Return a cost or a metric of each trial, NaN if it was not measured, (trials,).

        A metric of a complete network is the mean over its seeds.
        """
        if name not in self._means:
            values = self.table.value(name)
            if name in self.spec.metrics and self._further:
                values = values.copy()
                for number in self._further:
                    if own := self.own(number):
                        values[self.table.rows[number]] = fmean(_value(one, name) for one in own)
            self._means[name] = values
        return self._means[name]

    def _images(self, number: int) -> int | None:
        own = (self._tests.get(trial.number, {}) for trial in self.own(number))
        counts = {int(score["images"]) for score in own if score.get("images")}
        return counts.pop() if len(counts) == 1 else None


def recorded_scores(reports: Reports) -> dict[int, dict[str, Any]]:
    """Return the results on the test split, by trial number."""
    return {number: dict(kinds["test"]) for number, kinds in reports.items() if "test" in kinds}


def complete_candidates(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that can win: measured to the last rung, without references."""
    return [trial for trial in trials if trial.candidate and trial.final is not None]


def _value(trial: Trial, name: str) -> float:
    return trial.value(name) or 0.0


def _cheapest_first(trial: Trial) -> tuple[Any, int]:
    return trial.cost, trial.number
