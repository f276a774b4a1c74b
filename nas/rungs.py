"""The fidelity ladder: at which epochs a trial is judged, and whether it goes on.

Asynchronous successive halving (Li et al. 2020, ASHA, stopping variant): a trial that reaches a
rung goes on if it is in the best 1/eta of the trials that have reached it so far. With several
objectives "best" means the lower non-dominated rank, as in MO-ASHA (Schmucker et al. 2021), so that
a small network is compared with small networks; equal ranks are ordered by the first objective.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from nas.errors import NasError
from nas.front import non_dominated_ranks


class Decision(StrEnum):
    """What becomes of a trial at a rung."""

    CONTINUE = "CONTINUE"
    STOP = "STOP"


@dataclass(frozen=True)
class Ladder:
    """The rungs in epochs, rising, and the share 1/eta that each lets through."""

    epochs: tuple[int, ...]
    eta: int

    def __post_init__(self) -> None:
        """Check that the rungs rise and eta is at least 2."""
        rising = all(a < b for a, b in zip(self.epochs, self.epochs[1:], strict=False))
        if not self.epochs or self.epochs[0] < 1 or not rising:
            raise NasError(
                f"the rungs {self.epochs} do not rise from 1 or more.",
                "Give epochs in rising order, such as 1,3,9.",
            )
        if self.eta < 2:
            raise NasError(f"eta = {self.eta} is too small.", "Give 2 or more.")

    @property
    def max_epochs(self) -> int:
        """The epochs of full fidelity."""
        return self.epochs[-1]

    def rung(self, epoch: int) -> int | None:
        """Return the index of the rung that `epoch` ends, or None."""
        return self.epochs.index(epoch) if epoch in self.epochs else None

    def decide(self, own: Sequence[float], others: Sequence[Sequence[float]]) -> Decision:
        """Decide for a trial with losses `own` among the `others` that reached the same rung."""
        points = np.array([own, *others], dtype=float)
        order = np.lexsort((points[:, 0], non_dominated_ranks(points)))
        position = int(np.flatnonzero(order == 0)[0])
        return Decision.CONTINUE if position < math.ceil(len(points) / self.eta) else Decision.STOP


def geometric_rungs(max_epochs: int, eta: int) -> tuple[int, ...]:
    """Return the rungs `max_epochs`, /eta, /eta², … down to 1, in rising order, at most four."""
    rungs = [max_epochs]
    while len(rungs) < 4 and rungs[0] // eta >= 1:
        rungs.insert(0, rungs[0] // eta)
    return tuple(rungs)
