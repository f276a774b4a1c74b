"""StudyRecord: the trials and reports of a study, updated by the changes in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nas.results import STATES, TrialTable
from nas.store import Bookmark, Changes, Store
from nas.study import Trial


@dataclass(frozen=True)
class StudyRecord:
    """A study as it was read up to `bookmark`; its trials have only their last measurement."""

    table: TrialTable
    reports: Mapping[int, Mapping[str, Mapping[str, Any]]]
    bookmark: Bookmark
    _curves: dict[int, tuple[Trial, Trial]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, store: Store, study: str, known: "StudyRecord | None") -> "StudyRecord":
        """Return the current study, from the `known` record and the changes since then.

        Raises:
            StoreError: the database cannot be read, or has no study of that name.
        """
        changes = store.changes(study, known.bookmark if known else None)
        if known is not None and not changes.whole:
            found = known._with(changes)
            if found._agrees(changes):
                return found
            changes = store.changes(study)
        return cls(TrialTable(changes.trials), changes.reports, changes.bookmark)

    def _with(self, changes: Changes) -> "StudyRecord":
        table = self.table.changed(changes.trials) if changes.trials else self.table
        reports = dict(self.reports)
        for number, kinds in changes.reports.items():
            reports[number] = {**reports.get(number, {}), **kinds}
        return StudyRecord(table, reports, changes.bookmark, self._curves)

    def _agrees(self, changes: Changes) -> bool:
        """Tell whether the totals of this record are those of the study after `changes`."""
        states, attempts = self.table.column("state"), self.table.column("attempt")
        scored = self.table.column("scored")
        totals = {}
        for code in np.unique(states).tolist():
            own = states == code
            sums = np.count_nonzero(own), attempts[own].sum(), np.count_nonzero(scored[own])
            totals[STATES[code]] = tuple(map(int, sums))
        kept = sum(map(len, self.reports.values()))
        return totals == changes.totals and kept == changes.bookmark.num_reports

    def curves(self, store: Store, study: str, trials: Sequence[Trial]) -> dict[int, Trial]:
        """Return trials with all their measurements, by number; each is read once."""
        known = self._curves
        missing = [t for t in trials if t.number not in known or known[t.number][0] is not t]
        read = store.with_curves(study, missing) if missing else {}
        for trial in missing:
            known[trial.number] = trial, read[trial.number]
        return {trial.number: known[trial.number][1] for trial in trials}
