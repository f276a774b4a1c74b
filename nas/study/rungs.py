"""The fidelity ladder: the epochs at which a trial is judged, and the decision.

Asynchronous successive halving (Li et al. 2020, ASHA, stopping variant): a trial that reaches a
rung continues if it is in the best 1/eta of the trials that have reached it so far. With several
objectives, "best" is the lower non-dominated rank, as in MO-ASHA (Schmucker et al. 2021), so that
small networks are not stopped by large ones. If a rank passes only in part, its best trial by the
first objective passes first, then repeatedly the trial farthest from those that passed (the paper's
epsilon-net). Otherwise large networks, which are more accurate, would displace the small ones.
Equal trials share a rank.

A trial is compared only with trials in its cost stratum: networks that use between half and all of
the ceiling, between a quarter and half, and so on; also with one objective. At an early rung the
error depends on the size of a network as much as on its quality, because small and large networks
learn at different speeds. A search near the ceiling has only one stratum. With more strata, the
first trial of each continues, which costs training time. The strata are fixed, so that a new trial
never changes the stratum of another.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from nas.errors import NasError
from nas.stats import Points, non_dominated_ranks

_MIN_ETA = 2
_STRATA = 4  # few networks are below an eighth of the ceiling, and they are cheap


class Decision(StrEnum):
    """The decision on a trial at a rung."""

    CONTINUE = "CONTINUE"
    STOP = "STOP"


@dataclass(frozen=True)
class Ladder:
    """The rungs as rising epochs, and the share 1/eta of trials that passes each.

    `sides` are the sides in pixels of the square training and validation images in the epochs up to
    each rung except the last. Later epochs, or all if it is empty, use the task's own size.
    """

    epochs: tuple[int, ...]
    eta: int
    sides: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check that rungs rise, that sides do not fall, and that eta is at least 2."""
        rising = all(a < b for a, b in zip(self.epochs, self.epochs[1:], strict=False))
        if not self.epochs or self.epochs[0] < 1 or not rising:
            raise NasError(
                f"the rungs {self.epochs} do not rise from 1 or more.",
                "Give epochs in rising order, such as 1,3,9.",
            )
        if self.eta < _MIN_ETA:
            raise NasError(f"eta = {self.eta} is too small.", "Give 2 or more.")
        if self.sides:
            self._check_sides()

    def _check_sides(self) -> None:
        early = len(self.epochs) - 1
        if len(self.sides) != early:
            raise NasError(
                f"{len(self.sides)} resolutions below that of the task do not match "
                f"{len(self.epochs)} rungs.",
                f"Give {early}, one for each rung except the last, or add a rung.",
            )
        if any(a > b for a, b in zip(self.sides, self.sides[1:], strict=False)):
            raise NasError(
                f"the resolutions {', '.join(map(str, self.sides))} fall.",
                "Give them in rising order: a trial continues at the same size or a larger one.",
            )

    @property
    def max_epochs(self) -> int:
        """The epochs of full fidelity."""
        return self.epochs[-1]

    def rung(self, epoch: int) -> int | None:
        """Return the index of the rung at the end of `epoch`, or None."""
        return self.epochs.index(epoch) if epoch in self.epochs else None

    def side(self, epoch: int) -> int | None:
        """Return the image side of `epoch`; None for the task's own."""
        reached = bisect_left(self.epochs, epoch)
        return self.sides[reached] if reached < len(self.sides) else None

    @property
    def resolutions(self) -> str:
        """The resolutions by epoch as text; empty if all epochs have the task's own."""
        steps = zip(self.epochs, self.sides, strict=False)
        parts = [f"{side}x{side} up to epoch {epoch}" for epoch, side in steps]
        return f"images of {', '.join(parts)}, then full size" if parts else ""

    def decide(self, own: Sequence[float], others: Sequence[Sequence[float]]) -> Decision:
        """Decide on a trial with losses `own`, given the losses `others` of trials at its rung."""
        points = np.array([own, *others], dtype=float)
        ranks = non_dominated_ranks(points)
        passing = math.ceil(len(points) / self.eta) - int(np.sum(ranks < ranks[0]))
        if passing <= 0:
            return Decision.STOP
        peers = points[ranks == ranks[0]]  # the trial itself is still the first row
        return Decision.CONTINUE if 0 in _spread(peers)[:passing] else Decision.STOP


def stratum(used: float) -> int:
    """Return the cost stratum of a network that uses the share `used` of the first ceiling.

    Stratum 0 has the most expensive networks, above half of the ceiling; each further one has
    networks of half the cost, and the last has all cheaper networks.
    """
    octave = 0
    while octave < _STRATA - 1 and used <= 0.5 ** (octave + 1):
        octave += 1
    return octave


def _spread(points: Points) -> list[int]:
    """Order rows: first the lowest first objective, then the row farthest from all previous ones.

    Distances are Euclidean, with each objective scaled to its range. Of rows at the same distance,
    the one with the lower first objective comes first; of equal rows, the earlier. The order of
    distinct rows does not depend on the order of the input.
    """
    rank = np.lexsort(points.T[::-1])
    points = points[rank]
    extent = np.ptp(points, axis=0)
    scaled = (points - points.min(axis=0)) / np.where(extent > 0, extent, 1.0)
    order = [0]
    distance = np.full(len(points), np.inf)
    while len(order) < len(points):
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[order[-1]], axis=1))
        distance[order] = -1.0
        order.append(int(np.argmax(distance.round(9))))
    return [int(rank[index]) for index in order]


def default_rungs(max_epochs: int) -> tuple[int, ...]:
    """Return a ninth, a third and the whole of `max_epochs`, rounded up, each once."""
    return tuple(sorted({-(-max_epochs // 9), -(-max_epochs // 3), max_epochs}))
