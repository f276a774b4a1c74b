"""Fair shares: how many trials each study of a cluster may run at a time.

Slots are given one by one to the study that has the least, by its weight and by the time that it
had so far. Its share of the cluster is that of the resource of which it needs most (dominant
resource fairness, Ghodsi et al., 2011). Every slot is given while a study can use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Resources = tuple[float, float]  # CPUs, GPUs

# A slot of which none has a whole share changes hands when one is this much behind: a worker that
# is given up has its images and its GPU to prepare again.
QUANTUM_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a study wants: each trial needs `each`, `running` run, and it could run `wanted`.

    `served` are the seconds for which it had the whole cluster, or as many more of a part of it,
    divided by its `weight`.
    """

    each: Resources
    running: int
    wanted: int
    weight: float = 1.0
    served: float = 0.0
    first: bool = False  # it has not had a worker yet

    def share(self, room: Resources) -> float:
        """Return the share of the cluster that one trial takes, for a study of weight 1."""
        parts = [need / have for need, have in zip(self.each, room, strict=True) if need and have]
        return max(parts, default=1.0) / self.weight

    def claimed(self, granted: int, room: Resources) -> float:
        """Return the rank of its next slot, if it has been given so many; the lowest is served."""
        slot = QUANTUM_SECONDS * self.share(room)
        keeps = 0.5 if granted < self.running else 0.0
        return self.served + slot * (granted - keeps - self.first)


def fair_shares(claims: Mapping[str, Claim], room: Resources) -> dict[str, int]:
    """Return how many trials each study may run in a cluster with so much `room`."""
    granted = dict.fromkeys(claims, 0)
    left, unmet = list(room), set(claims)
    while unmet:
        name = min(unmet, key=lambda each: (claims[each].claimed(granted[each], room), each))
        claim = claims[name]
        rest = [have - need for have, need in zip(left, claim.each, strict=True)]
        if granted[name] < claim.wanted and min(rest) > -1e-6:
            granted[name] += 1
            left = rest
        else:
            unmet.remove(name)
    return granted
