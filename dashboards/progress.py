"""The hypervolume of each study for the list of studies, updated by the trials that ended."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import nan

import numpy as np

from nas.errors import NasError
from nas.results import GrowingFront
from nas.store import Store, StudySummary
from nas.study import StudySpec

_STEPS = 40  # points of a sparkline


@dataclass
class Progress:
    """The share of the reference box that the front of a study dominates, after each candidate.

    `shares` are at most 40 values, after equal numbers of complete candidates. Candidates that
    ended up to `until` are included; `latest` is the last end in the study at that time.
    """

    spec: StudySpec
    until: datetime | None = None
    latest: datetime | None = None
    seen: int = 0
    _steps: list[tuple[int, float]] = field(default_factory=lambda: [(0, 0.0)])

    def __post_init__(self) -> None:
        """Begin without a candidate."""
        self._front = GrowingFront(self.spec)

    def add(self, ended: Sequence[tuple[datetime, dict[str, float]]]) -> None:
        """Add complete candidates in the order of their ends."""
        if not ended:
            return
        goals = self.spec.goals
        losses = np.array([[g.loss(values.get(g.name, nan)) for g in goals] for _, values in ended])
        for row, share in self._front.add(losses, ~np.any(np.isnan(losses), axis=1)):
            self._steps.append((self.seen + row + 1, share))
        self.seen += len(ended)
        self.until = ended[-1][0]

    @property
    def shares(self) -> list[float]:
        """The shares at equal distances, from the first candidate to the last one."""
        ends, shares = zip(*self._steps, strict=True)
        at = np.linspace(0, self.seen, min(self.seen, _STEPS) + 1)
        return [shares[i] for i in (np.searchsorted(ends, at, side="right") - 1).tolist()]


class ProgressOfStudies:
    """The progress of the studies of a store; each candidate is read once."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._known: dict[str, Progress] = {}

    def read(self, summaries: Sequence[StudySummary]) -> dict[str, list[float]]:
        """Return the shares of each search by name; raises a StoreError as `Store.finished`."""
        searches = [each for each in summaries if not each.fixed and _known(each)]
        current = {each.name: self._of(each) for each in searches}
        stale = {
            each.name: current[each.name].until
            for each in searches
            if each.latest and each.latest != current[each.name].latest
        }
        found = self._store.finished(stale) if stale else {}
        for each in searches:
            if each.name in found:
                current[each.name].add(found[each.name])
                current[each.name].latest = each.latest
        self._known = current
        return {name: progress.shares for name, progress in current.items()}

    def _of(self, summary: StudySummary) -> Progress:
        known = self._known.get(summary.name)
        return known if known and known.spec == summary.spec else Progress(summary.spec)


def _known(summary: StudySummary) -> bool:
    """Tell whether the packages of the objectives are installed."""
    try:
        return bool(summary.spec.goals)
    except NasError:
        return False
