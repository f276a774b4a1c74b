"""Waiting for workers: what a study tells its user, an autoscaler, and when it gives up."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from nas.errors import RayLostError
from nas.study import Execution, WorkersAwaited
from nas.tuner.fair_shares import Resources
from nas.tuner.room import Room

if TYPE_CHECKING:
    from nas.tuner.growth import Growth

PLACEMENT_SECONDS = 600.0  # without a worker, although there is room for one
_FIRST_SECONDS = 10.0  # after which a wait is told, then each time that it has doubled
_ALL_TOLD_SECONDS = 600.0  # or after this time
_PERIOD_SECONDS = 5.0


class Wait:
    """The time for which a study with jobs has had no worker."""

    def __init__(self, execution: Execution, room: Room) -> None:
        """Tell the watcher of `execution` of waits for a worker in `room`."""
        self._execution, self._room = execution, room
        self._since: float | None = None
        self._looked = self._roomy = 0.0
        self._tell_at = _FIRST_SECONDS
        self._growth: Growth | None = None

    def turn(self, waits: bool) -> None:
        """Note whether the study waits now.

        Raises:
            RayLostError: it has waited for too long, although there was room all the time.
            StudyPausedError: no node is large enough for a trial, and none can come.
        """
        now = time.monotonic()
        if not waits or self._since is None:
            self._since = now if waits else None
            self._roomy, self._tell_at = now, _FIRST_SECONDS
            return
        if now - self._looked < _PERIOD_SECONDS:
            return
        self._looked = now
        if self._room.share is not None:
            self._grown().check()
            if not _free(self._room.each):
                self._roomy = now
        if now - self._roomy > PLACEMENT_SECONDS:
            raise RayLostError(
                f"Ray has started no worker for {PLACEMENT_SECONDS:g} s: its nodes are busy or "
                "hang.",
                "All measurements are kept. Free the CPUs and GPUs of the cluster first.",
            )
        if self._room.share is not None and now - self._since >= self._tell_at:
            self._tell_at += min(self._tell_at, _ALL_TOLD_SECONDS)
            self._execution.emit(WorkersAwaited(now - self._since, self._cause()))

    def _grown(self) -> "Growth":
        if self._growth is None:
            from nas.tuner.growth import Growth  # loads Ray's autoscaler

            self._growth = Growth(self._room)
        return self._growth

    def _cause(self) -> str:
        cpus, gpus = self._room.each
        if self._room.fits() < 1:
            return f"nodes with {cpus:g} CPUs and {gpus:g} GPUs for a trial"
        if _free(self._room.each):
            return "Ray to start a worker"
        rivals = self._room.share.rivals if self._room.share else 0
        others = f"{rivals} other stud{'y' if rivals == 1 else 'ies'}" if rivals else "other jobs"
        return f"{others} on the cluster to give a worker up"


def _free(each: Resources) -> bool:
    """Tell whether a trial would fit in addition to what runs now; True if that is unknown."""
    try:
        have = dict(ray.available_resources())  # type: ignore[no-untyped-call]
    except (RayError, OSError, RuntimeError):
        return True
    return bool(have.get("CPU", 0.0) >= each[0] and have.get("GPU", 0.0) >= each[1])


class Demand:
    """Shows an autoscaler how many more trials could run: by placement groups that nothing uses.

    A group that has been placed is removed at once. Ray removes all of them with the driver.
    """

    def __init__(self, each: Resources) -> None:
        """Demand room for trials that need `each`."""
        self._bundle = {key: n for key, n in zip(("CPU", "GPU"), each, strict=True) if n}
        self._groups: list[PlacementGroup] = []
        self._looked = 0.0

    def turn(self, missing: int) -> None:
        """Demand room for so many trials more than fit."""
        now = time.monotonic()
        if now - self._looked < _PERIOD_SECONDS:
            return
        self._looked = now
        with suppress(RayError):
            for group in [group for group in self._groups if group.wait(0)]:
                self._remove(group)
            while len(self._groups) > missing:
                self._remove(self._groups[-1])
            while len(self._groups) < missing:
                self._groups.append(placement_group([self._bundle]))

    def _remove(self, group: PlacementGroup) -> None:
        self._groups.remove(group)
        remove_placement_group(group)
