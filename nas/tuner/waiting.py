"""Waiting for workers: reports to the user, demand for an autoscaler, and the end of patience."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from nas.errors import RayLostError
from nas.study import Execution, WorkersAwaited
from nas.tuner.room import Room
from nas.tuner.sharing import Resources

if TYPE_CHECKING:
    from nas.tuner.growth import Growth

PLACEMENT_SECONDS = 600.0  # longest wait for a worker although there is room for one
_FIRST_SECONDS = 10.0  # a wait is reported after this time, and each time that it has doubled,
_LONGEST_SECONDS = 600.0  # but at least this often
_PERIOD_SECONDS = 5.0


class Wait:
    """The time for which a study with jobs has had no worker."""

    def __init__(self, execution: Execution, room: Room) -> None:
        """Report waits for a worker in `room` to the watcher of `execution`."""
        self._execution, self._room = execution, room
        self._since: float | None = None
        self._checked = self._full_at = 0.0  # last check, and last time without room
        self._report_at = _FIRST_SECONDS
        self._growth: Growth | None = None

    def turn(self, waits: bool) -> None:
        """Record whether the study waits now.

        Raises:
            RayLostError: it has waited for too long, although there was room all the time.
            StudyPausedError: no node is large enough for a trial, and none will join.
        """
        now = time.monotonic()
        if not waits or self._since is None:
            self._since = now if waits else None
            self._full_at, self._report_at = now, _FIRST_SECONDS
            return
        if now - self._checked < _PERIOD_SECONDS:
            return
        self._checked = now
        if self._room.share is not None:
            self._get_growth().check()
            if not _fits_now(self._room.each):
                self._full_at = now
        if now - self._full_at > PLACEMENT_SECONDS:
            raise RayLostError(
                f"Ray has started no worker for {PLACEMENT_SECONDS:g} s: its nodes are busy or "
                "hang.",
                "All measurements are kept. Free the CPUs and GPUs of the cluster first.",
            )
        if self._room.share is not None and now - self._since >= self._report_at:
            self._report_at += min(self._report_at, _LONGEST_SECONDS)
            self._execution.emit(WorkersAwaited(now - self._since, self._cause()))

    def _get_growth(self) -> "Growth":
        if self._growth is None:
            from nas.tuner.growth import Growth  # loads Ray's autoscaler

            self._growth = Growth(self._room)
        return self._growth

    def _cause(self) -> str:
        cpus, gpus = self._room.each
        if self._room.fits() < 1:
            return f"nodes with {cpus:g} CPUs and {gpus:g} GPUs for a trial"
        if _fits_now(self._room.each):
            return "Ray to start a worker"
        rivals = self._room.share.rivals if self._room.share else 0
        others = f"{rivals} other stud{'y' if rivals == 1 else 'ies'}" if rivals else "other jobs"
        return f"{others} on the cluster to release a worker"


def _fits_now(each: Resources) -> bool:
    """Tell whether a trial fits in addition to the running ones; True if unknown."""
    try:
        have = dict(ray.available_resources())  # type: ignore[no-untyped-call]
    except (RayError, OSError, RuntimeError):
        return True
    return bool(have.get("CPU", 0.0) >= each[0] and have.get("GPU", 0.0) >= each[1])


class Demand:
    """Unused placement groups that show an autoscaler how many more trials could run.

    A group that has been placed is removed at once. Ray removes all groups when the driver ends.
    """

    def __init__(self, each: Resources) -> None:
        """Demand room for trials that need `each`."""
        self._bundle = {key: n for key, n in zip(("CPU", "GPU"), each, strict=True) if n}
        self._groups: list[PlacementGroup] = []
        self._checked = 0.0

    def turn(self, missing: int) -> None:
        """Demand room for `missing` trials more than fit."""
        now = time.monotonic()
        if now - self._checked < _PERIOD_SECONDS:
            return
        self._checked = now
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
