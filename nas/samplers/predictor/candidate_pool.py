"""The pool: the candidates for an acquisition function, all within the budget.

Uniform draws from the whole feasible space and from the band under the ceiling are renewed after
every 25 proposals. Children of the best trials, by mutation and crossover, are made for each
proposal. Networks that earlier studies have trained are candidates too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nas.feasible import BAND, Feasible
from nas.samplers.predictor.model import ModelPoints
from nas.samplers.random import crossed
from nas.space import Architecture

_DRAWN = 800  # plus a quarter as many in the band
_MANY = 300  # after this number of proposals, a proposal takes long compared with a training, ...
_FEWER = 3  # ... so that the pool is smaller by this factor
_RENEW_AFTER = 25
_CHILDREN = 80
_CROSS = 0.25
_SEED = 20181


@dataclass(frozen=True)
class Candidates:
    """Distinct architectures with their points."""

    architectures: list[Architecture]
    points: ModelPoints

    def without(self, taken: set[str]) -> "Candidates":
        """Return the candidates whose `arch_id` is not in `taken`."""
        fresh = [a.arch_id not in taken for a in self.architectures]
        if all(fresh):
            return self
        kept = [a for a, is_fresh in zip(self.architectures, fresh, strict=True) if is_fresh]
        return Candidates(kept, self.points.take(np.array(fresh)))

    def extended(self, others: "Candidates") -> "Candidates":
        """Return these candidates followed by `others`, which must be different."""
        both = self.architectures + others.architectures
        return Candidates(both, self.points.extended(others.points))


class CandidatePool:
    """Candidates of one feasible space."""

    def __init__(
        self, feasible: Feasible, points: Callable[[Sequence[Architecture]], ModelPoints]
    ) -> None:
        """Start without draws."""
        self._feasible, self._points = feasible, points
        self._drawn = _Drawn(-1, {}, None)

    def fresh(
        self,
        parents: Sequence[Architecture],
        taken: set[str],
        asked: int,
        rng: np.random.Generator,
        known: Sequence[Architecture] = (),
    ) -> Candidates | None:
        """Return uniform draws, children of `parents`, and `known`, without those in `taken`.

        None if there are none. `asked` is the number of earlier proposals.
        """
        drawn = self._draws(asked)
        further = dict.fromkeys((*self.children(parents, asked, rng), *known))
        fresh = [each for each in further if each not in drawn.members]
        fresh = [each for each in fresh if each.arch_id not in taken]
        found = None if drawn.candidates is None else drawn.candidates.without(taken)
        if not fresh:
            return found if found and found.architectures else None
        own = Candidates(fresh, self._points(fresh))
        return own if found is None else found.extended(own)

    def _draws(self, asked: int) -> "_Drawn":
        """Return the uniform draws for the proposal after `asked` earlier ones.

        They depend only on the space and on the epoch of `asked`, so that a replay gets the same.
        """
        epoch = asked // _RENEW_AFTER
        if self._drawn.epoch != epoch:
            self._drawn = self._draw(epoch)
        return self._drawn

    def _draw(self, epoch: int) -> "_Drawn":
        rng = np.random.default_rng([_SEED, epoch])
        count = _DRAWN // (_FEWER if epoch * _RENEW_AFTER > _MANY else 1)
        several = self._feasible.sample_many(rng, count)
        several += self._feasible.sample_many(rng, count // 4, low=BAND)
        members = {architecture: architecture.arch_id for architecture in several}
        distinct = list(members)
        found = Candidates(distinct, self._points(distinct)) if distinct else None
        return _Drawn(epoch, members, found)

    def children(
        self, parents: Sequence[Architecture], asked: int, rng: np.random.Generator
    ) -> list[Architecture]:
        """Return feasible children of `parents`; better parents come first and have more."""
        found: dict[Architecture, None] = {}
        for _ in range(_CHILDREN // (_FEWER if asked > _MANY else 1)):
            child = parents[_skewed(len(parents), rng)]
            if rng.random() < _CROSS:
                other = parents[_skewed(len(parents), rng)]
                child = crossed(child, other, rng) if other.space == child.space else child
            else:
                for _ in range(1 + int(rng.geometric(0.6) > 1)):
                    child = self._feasible.mutate(child, rng)
            if self._feasible.admits(child):
                found[child] = None
        return list(found)


@dataclass(frozen=True)
class _Drawn:
    """The uniform draws of one epoch with their `arch_id`, and as candidates; None if empty."""

    epoch: int
    members: dict[Architecture, str]
    candidates: Candidates | None


def _skewed(count: int, rng: np.random.Generator) -> int:
    """Return a random index below `count`; low ones are more likely."""
    return int(count * rng.random() ** 1.5)
