"""Fair shares: how many trials each study of a cluster may run at a time.

Slots are granted one by one to the study with the least weighted time on the cluster so far. The
share of a study is its share of the resource of which it needs most (dominant resource fairness,
Ghodsi et al., 2011). All slots are granted as long as a study can use them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Resources = tuple[float, float]  # CPUs, GPUs

# If studies take turns at a slot, it changes to another study when that one is this much behind. A
# shorter time would waste more on new workers, which must load their images and prepare the GPU.
QUANTUM_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Claim:
    """The demand of a study: each trial needs `each`, `running` trials run, `wanted` could run.

    `served` is the time that the study has had, in seconds of the whole cluster divided by its
    `weight`: a share of 1/2 for 10 s counts as 5 s.
    """

    each: Resources
    running: int
    wanted: int
    weight: float = 1.0
    served: float = 0.0
    first: bool = False  # whether it has not had a worker yet

    def share(self, room: Resources) -> float:
        """Return the share of the cluster that one trial uses, divided by the weight."""
        parts = [need / have for need, have in zip(self.each, room, strict=True) if need and have]
        return max(parts, default=1.0) / self.weight

    def claimed(self, granted: int, room: Resources) -> float:
        """Return the rank of the next slot after `granted` ones; the lowest rank gets a slot."""
        slot = QUANTUM_SECONDS * self.share(room)
        kept = 0.5 if granted < self.running else 0.0  # prefer studies that already use the slot
        return self.served + slot * (granted - kept - self.first)


def fair_shares(claims: Mapping[str, Claim], room: Resources) -> dict[str, int]:
    """Return how many trials each study may run in a cluster with the resources `room`."""
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
