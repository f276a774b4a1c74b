"""The hypervolume of the front over the finished candidates of a study."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.results.trial_table import TrialTable
from nas.stats import Points, hypervolume
from nas.study import StudySpec, Trial, TrialState

_AT_ONCE = 1000  # candidates that are compared with the front together


@dataclass(frozen=True, slots=True)
class HypervolumeStep:
    """The share of the reference box that the front dominates after `finished` candidates."""

    finished: int
    share: float


def hypervolume_steps(spec: StudySpec, trials: Sequence[Trial]) -> tuple[HypervolumeStep, ...]:
    """Return the hypervolume as a share of the reference box, whenever a candidate raised it.

    Uses the errors of the first seed, as the search saw them.
    """
    table = TrialTable.of(trials)
    ended = np.flatnonzero(table.column("candidate") & table.ended)
    if not len(ended):
        return ()
    # Ties and missing times are ordered by number, so that equal rows give equal views.
    times = np.nan_to_num(table.column("finished")[ended])
    ended = ended[np.lexsort((table.column("number")[ended], times))]
    losses = np.stack([goal.loss(1.0) * table.value(goal.name)[ended] for goal in spec.goals], 1)
    known = table.states(TrialState.COMPLETE)[ended] & ~np.any(np.isnan(losses), axis=1)
    growing = GrowingFront(spec)
    steps = [HypervolumeStep(0, 0.0)]
    for first in range(0, len(ended), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        for row, share in growing.add(losses[part], known[part]):
            steps.append(HypervolumeStep(first + row + 1, share))
    return (*steps, HypervolumeStep(len(ended), steps[-1].share))


class GrowingFront:
    """The front of the losses that were added so far, and its share of the reference box."""

    def __init__(self, spec: StudySpec) -> None:
        """Begin without a candidate."""
        self._reference, self._box = np.array(spec.reference_point, dtype=float), spec.box
        self._kept: Points = np.empty((0, len(self._reference)))
        self.share = 0.0

    def add(self, losses: Points, known: NDArray[np.bool_]) -> Iterator[tuple[int, float]]:
        """Add the `known` rows of losses (n, objectives); yield each that raised the share.

        As its position and the share after it.
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
    """Return which rows of `losses` are nowhere better than one of `kept`."""
    found: NDArray[np.bool_] = np.any(np.all(kept[None] <= losses[:, None], axis=2), axis=1)
    return found
