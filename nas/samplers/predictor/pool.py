"""The pool: the candidates among which an acquisition chooses, all within the budget.

Exact draws from the feasible space, from all of it and from the band under the ceiling, are renewed
now and then; children of the best so far, by mutation and by crossing two of them, every time.
"""

from collections.abc import Sequence

import numpy as np

from nas.architecture import Architecture
from nas.samplers.crossing import crossed
from nas.samplers.port import Feasible
from nas.samplers.random import BAND

_DRAWN = 800  # and a quarter as many in the band
_MANY = 300  # proposals; who trains so many waits for an ask rather than for a training, ...
_FEWER = 3  # ... and gets along with a share of the candidates
_RENEW_AFTER = 25
_CHILDREN = 80
_CROSS = 0.25
_SEED = 20181


class Pool:
    """Candidates of one feasible space."""

    def __init__(self, feasible: Feasible) -> None:
        """Draw nothing yet."""
        self._feasible = feasible
        self._drawn: tuple[int, list[Architecture]] = (-1, [])

    def drawn(self, asked: int) -> list[Architecture]:
        """Return the exact draws for the proposal after `asked` earlier ones; all distinct.

        They depend on the space and on `asked` alone, so that a replayed study sees the same.
        """
        epoch = asked // _RENEW_AFTER
        if self._drawn[0] != epoch:
            rng = np.random.default_rng([_SEED, epoch])
            count = _DRAWN // (_FEWER if asked > _MANY else 1)
            several = self._feasible.sample_many(rng, count)
            several += self._feasible.sample_many(rng, count // 4, low=BAND)
            self._drawn = epoch, list(dict.fromkeys(several))
        return self._drawn[1]

    def children(
        self, parents: Sequence[Architecture], asked: int, rng: np.random.Generator
    ) -> list[Architecture]:
        """Return feasible relatives of `parents`, better ones first, which have more children."""
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


def _skewed(count: int, rng: np.random.Generator) -> int:
    """Return an index below `count`, the first ones more often."""
    return int(count * rng.random() ** 1.5)
