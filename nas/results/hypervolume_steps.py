"""The hypervolume of the front over the finished candidates of a study."""

from collections.abc import Sequence
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
    reference, box = np.array(spec.reference_point, dtype=float), spec.box
    steps, kept = [HypervolumeStep(0, 0.0)], np.empty((0, len(reference)))
    for first in range(0, len(ended), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        for row in np.flatnonzero(known[part] & ~_worse(losses[part], kept)).tolist():
            own = losses[first + row]
            if np.any(np.all(kept <= own, axis=1)):
                continue
            kept = np.vstack([kept[~np.all(kept >= own, axis=1)], own])
            share = hypervolume(kept, reference) / box if box else 0.0
            steps.append(HypervolumeStep(first + row + 1, share))
    return (*steps, HypervolumeStep(len(ended), steps[-1].share))


def _worse(losses: Points, kept: Points) -> NDArray[np.bool_]:
    """Return which rows of `losses` are nowhere better than one of `kept`."""
    found: NDArray[np.bool_] = np.any(np.all(kept[None] <= losses[:, None], axis=2), axis=1)
    return found
