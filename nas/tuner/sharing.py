"""Sharing: studies on one Ray cluster agree on how many trials each may run.

An actor without CPUs, which all drivers find by its name, computes the shares. Each driver sends it
the number of trials that it could run, several times a second. The actor drops drivers that stop
sending. It keeps no durable state: if it is lost, the next driver that notices starts another one.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayError

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


NAME, NAMESPACE = "nas-shares-1", "nas"  # the number is the version of the calls
_PERIOD_SECONDS = 0.25  # between two calls of a driver
_ANSWER_SECONDS = 10.0  # timeout of a call
_SILENCE_SECONDS = 15.0  # a driver without a call for this time is dropped


@dataclass
class _Member:
    """A driver: its last claim, and the time of it."""

    claim: Claim
    claimed_at: float

    def at(self, now: float, room: Resources) -> Claim:
        """Return the claim with the time that its trials have had until now."""
        claim = self.claim
        more = claim.running * claim.share(room) * (now - self.claimed_at)
        return replace(claim, served=claim.served + more)


class Shares:
    """The actor, which keeps the claims of all drivers and the time that each has had."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a driver."""
        self._clock = clock
        self._members: dict[str, _Member] = {}

    def claim(self, driver: str, claim: Claim, room: Resources) -> tuple[int, int]:
        """Record the claim of a driver on a cluster with `room`; return its slots, and its rivals.

        A driver that wanted nothing before starts with the least time of the others, so that its
        idle time gives it no advantage.
        """
        now = self._clock()
        self._drop_silent(now)
        claims = {name: member.at(now, room) for name, member in self._members.items()}
        others = [other for name, other in claims.items() if name != driver and other.wanted]
        known = self._members.get(driver)
        served, first = 0.0, True
        if known is not None:
            served = claims[driver].served
            first = known.claim.first and not known.claim.running
        if (known is None or not known.claim.wanted) and others:
            served = max(served, min(other.served for other in others))
        claim = replace(claim, served=served, first=first)
        self._members[driver] = _Member(claim, now)
        # All claims are updated to the same time; otherwise the calling driver would always have
        # had the most time.
        return fair_shares({**claims, driver: claim}, room)[driver], len(others)

    def leave(self, driver: str) -> int:
        """Remove a driver; return the number of the others."""
        self._members.pop(driver, None)
        self._drop_silent(self._clock())
        return len(self._members)

    def _drop_silent(self, now: float) -> None:
        for name, member in list(self._members.items()):
            if now - member.claimed_at > _SILENCE_SECONDS:
                del self._members[name]


class Share:
    """The share of one driver in the cluster that it is connected to; `slots` does not wait."""

    def __init__(self, driver: str, each: Resources, weight: float = 1.0) -> None:
        """Share under the identity `driver`, for trials that need `each`."""
        self.rivals = 0
        self._driver, self._each, self._weight = driver, each, weight
        self._slots: int | None = 0  # until the first answer
        self._actor: Any = None
        self._call: Any = None
        self._asked = 0.0

    def slots(self, running: int, wanted: int, room: Resources) -> int | None:
        """Return how many trials may run by the last answer; None if there is no limit.

        `running` trials have a worker, and at most `wanted` could run.
        """
        now = time.monotonic()
        if self._call is not None:
            self._poll(now)
        if self._call is None and now - self._asked >= _PERIOD_SECONDS:
            self._asked = now
            claim = Claim(self._each, running, wanted, self._weight)
            with suppress(RayError, ValueError):  # the actor of this name is about to end
                self._actor = self._actor or _shares()
                self._call = self._actor.claim.remote(self._driver, claim, room)
        return self._slots

    def close(self) -> None:
        """Leave; the last driver ends the actor, so that an autoscaler can remove its node."""
        if self._actor is None:
            return
        with suppress(RayError, ValueError):
            if ray.get(self._actor.leave.remote(self._driver), timeout=_ANSWER_SECONDS) == 0:
                ray.kill(self._actor)

    def _poll(self, now: float) -> None:
        """Read the answer if there is one; after the timeout, drop the actor."""
        done, _ = ray.wait([self._call], timeout=0)
        if not done and now - self._asked < _ANSWER_SECONDS:
            return
        try:
            self._slots, self.rivals = ray.get(self._call, timeout=0)
        except RayError:  # the actor was lost, or its node hangs: no limit until there is another
            self._slots, self.rivals, self._actor = None, 0, None
        self._call = None


def _shares() -> Any:
    """Return the actor; start it if there is none."""
    return (
        ray.remote(num_cpus=0, max_restarts=0)(Shares)
        .options(name=NAME, namespace=NAMESPACE, lifetime="detached", get_if_exists=True)
        .remote()
    )
