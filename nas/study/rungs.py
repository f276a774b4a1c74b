"""The fidelity ladder: at which epochs a trial is judged, and whether it goes on.

Asynchronous successive halving (Li et al. 2020, ASHA, stopping variant): a trial that reaches a
rung goes on if it is in the best 1/eta of the trials that have reached it so far. With several
objectives "best" means the lower non-dominated rank, as in MO-ASHA (Schmucker et al. 2021), so that
a small network is compared with small networks. Where a rank does not pass as a whole, its best
trial by the first objective passes first and then, one by one, the trial farthest from those before
it (the paper's epsilon-net): without that the large networks, which lead in accuracy, would crowd
the small ones out. A trial exactly as good as another is not ordered behind it.

Whoever decides compares a trial with those of its own cost stratum alone: networks that use between
half and all of the ceiling, between a quarter and half, and so on. This holds with one objective
too. At an early rung the error tells size as much as quality, for small networks and large ones
learn at different speeds, and neither shall be stopped for that. In a search that stays near the
ceiling there is one stratum, and nothing is given away; elsewhere the price is that the first of
each stratum goes on. The strata are fixed, so that no arrival moves a trial to another one.
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
_STRATA = 4  # below an eighth of the ceiling are few networks, and cheap ones


class Decision(StrEnum):
    """What becomes of a trial at a rung."""

    CONTINUE = "CONTINUE"
    STOP = "STOP"


@dataclass(frozen=True)
class Ladder:
    """The rungs in epochs, rising, and the share 1/eta that each lets through.

    `sides` are the heights and widths in pixels at which the epochs up to each rung but the last
    are trained and judged; those after it, or all where there are none, are at the task's own size.
    """

    epochs: tuple[int, ...]
    eta: int
    sides: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check that the rungs and their sides rise, and eta is at least 2."""
        rising = all(a < b for a, b in zip(self.epochs, self.epochs[1:], strict=False))
        if not self.epochs or self.epochs[0] < 1 or not rising:
            raise NasError(
                f"the rungs {self.epochs} do not rise from 1 or more.",
                "Give epochs in rising order, such as 1,3,9.",
            )
        if self.eta < _MIN_ETA:
            raise _too_small(self.eta)
        if self.sides:
            self._check_sides()

    def _check_sides(self) -> None:
        early = len(self.epochs) - 1
        if len(self.sides) != early:
            raise NasError(
                f"{len(self.sides)} resolutions below that of the task do not fit "
                f"{len(self.epochs)} rungs.",
                f"Give {early}, one for each rung but the last, or one rung more.",
            )
        if any(a > b for a, b in zip(self.sides, self.sides[1:], strict=False)):
            raise NasError(
                f"the resolutions {', '.join(map(str, self.sides))} fall.",
                "Give them in rising order: a trial goes on at the same size or a larger one.",
            )

    @property
    def max_epochs(self) -> int:
        """The epochs of full fidelity."""
        return self.epochs[-1]

    def rung(self, epoch: int) -> int | None:
        """Return the index of the rung that `epoch` ends, or None."""
        return self.epochs.index(epoch) if epoch in self.epochs else None

    def side(self, epoch: int) -> int | None:
        """Return the side at which `epoch` is trained and judged, None for the task's own."""
        reached = bisect_left(self.epochs, epoch)
        return self.sides[reached] if reached < len(self.sides) else None

    @property
    def resolutions(self) -> str:
        """Say in words which epochs are at which resolution; empty where all are at the task's."""
        steps = zip(self.epochs, self.sides, strict=False)
        parts = [f"{side}x{side} up to epoch {epoch}" for epoch, side in steps]
        return f"images of {', '.join(parts)}, then in full" if parts else ""

    def decide(self, own: Sequence[float], others: Sequence[Sequence[float]]) -> Decision:
        """Decide for a trial with losses `own` among the `others` that reached the same rung."""
        points = np.array([own, *others], dtype=float)
        ranks = non_dominated_ranks(points)
        passing = math.ceil(len(points) / self.eta) - int(np.sum(ranks < ranks[0]))
        if passing <= 0:
            return Decision.STOP
        peers = points[ranks == ranks[0]]  # the trial itself is still the first
        return Decision.CONTINUE if 0 in _spread(peers)[:passing] else Decision.STOP


def stratum(used: float) -> int:
    """Return the cost stratum of a network that uses the share `used` of the first ceiling.

    0 is the dearest, more than half of it; each further one holds half the cost of that before it,
    the last all that is smaller.
    """
    octave = 0
    while octave < _STRATA - 1 and used <= 0.5 ** (octave + 1):
        octave += 1
    return octave


def _spread(points: Points) -> list[int]:
    """Order rows: the lowest first objective, then always the one farthest from those before it.

    Distances are Euclidean, with each objective scaled to its range. Of rows equally far the one
    with the lower first objective comes first, of equal rows the earlier: the order of different
    rows is the same from whichever of them it is looked at.
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
    """Return a quarter, half and the whole of `max_epochs`, rounded up, each once.

    Earlier epochs rank badly while the learning rate is still near its peak.
    """
    return tuple(sorted({-(-max_epochs // 4), -(-max_epochs // 2), max_epochs}))


def _too_small(eta: int) -> NasError:
    return NasError(f"eta = {eta} is too small.", "Give 2 or more.")
