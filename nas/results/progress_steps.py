"""The progress of a search: its hypervolume and its best value over the finished candidates."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from nas.metrics import Metric
from nas.results.trial_table import TrialTable
from nas.stats import Points, hypervolume
from nas.study import StudySpec, Trial, TrialState

_AT_ONCE = 1000  # candidates that are compared with the front together


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """The state of a search after `finished` candidates, at `time` in seconds since 1970.

    `share` is the part of the reference box that the front dominates; `best` is the best value of
    a complete candidate within the budget, None before the first one. `time` is NaN if unknown.
    """

    finished: int
    share: float
    best: float | None
    time: float


def progress_steps(
    spec: StudySpec, trials: Sequence[Trial], goal: Metric, over: Collection[int] = ()
) -> tuple[ProgressStep, ...]:
    """Return a step for each candidate that raised the share or improved the best `goal`.

    The values are those of the first seed, as in the search. Candidates with a number in `over`
    exceed the budget and are never the best.
    """
    table = TrialTable.of(trials)
    ended = np.flatnonzero(table.column("candidate") & table.ended)
    if not len(ended):
        return ()
    # Ties and missing times are ordered by number, so that equal rows give equal views.
    times = table.column("finished")[ended]
    ended = ended[np.lexsort((table.column("number")[ended], np.nan_to_num(times)))]
    times, complete = table.column("finished")[ended], table.states(TrialState.COMPLETE)[ended]
    losses = np.stack([each.loss(1.0) * table.value(each.name)[ended] for each in spec.goals], 1)
    shares = _shares(spec, losses, complete & ~np.any(np.isnan(losses), axis=1))
    values = table.value(goal.name)[ended]
    within = complete & ~np.isnan(values) & ~np.isin(table.column("number")[ended], list(over))
    own = np.where(within, goal.loss(1.0) * values, inf)
    lowest = np.concatenate([[inf], np.minimum.accumulate(own)])
    better = np.flatnonzero(lowest[1:] < lowest[:-1]).tolist()
    began = float(np.fmin.reduce(table.column("created"), initial=nan))
    steps = [ProgressStep(0, 0.0, None, began)]
    for row in sorted({*shares, *better, len(ended) - 1}):
        share, best = shares.get(row, steps[-1].share), steps[-1].best
        best = float(values[row]) if own[row] < lowest[row] else best
        steps.append(ProgressStep(row + 1, share, best, float(times[row])))
    return tuple(steps)


def _shares(spec: StudySpec, losses: Points, known: NDArray[np.bool_]) -> dict[int, float]:
    """Return the share of the reference box after each row of `losses` that raised it."""
    growing = GrowingFront(spec)
    parts = (slice(first, first + _AT_ONCE) for first in range(0, len(losses), _AT_ONCE))
    return {
        part.start + row: share
        for part in parts
        for row, share in growing.add(losses[part], known[part])
    }


class GrowingFront:
    """The front of the losses that were added so far, and its share of the reference box."""

    def __init__(self, spec: StudySpec) -> None:
        """Begin without a candidate."""
        self._reference, self._box = np.array(spec.reference_point, dtype=float), spec.box
        self._kept: Points = np.empty((0, len(self._reference)))
        self.share = 0.0

    def add(self, losses: Points, known: NDArray[np.bool_]) -> Iterator[tuple[int, float]]:
        """Add the `known` rows of losses (n, objectives); yield each that raised the share.

        It is yielded as its position and the share after it.
        """
        for row in np.flatnonzero(known & ~_worse(losses, self._kept)).tolist():
            own, kept = losses[row], self._kept
            if np.any(np.all(kept <= own, axis=1)):
                continue
            self._kept = np.vstack([kept[~np.all(kept >= own, axis=1)], own])
            share = hypervolume(self._kept, self._reference) / self._box if self._box else 0.0
            self.share = share
            yield row, share


def _worse(losses: Points, kept: Points) -> NDArray[np.bool_]:
    """Return which rows of `losses` are not better than some row of `kept` in any objective."""
    found: NDArray[np.bool_] = np.any(np.all(kept[None] <= losses[:, None], axis=2), axis=1)
    return found
