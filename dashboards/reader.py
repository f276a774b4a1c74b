"""Reader: the data of the page, read again only when the database has changed."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from nas.results import StudyView, study_view
from nas.store import Store, StudyState, StudySummary

_LIST_SECONDS = 1.0  # the list of studies is cached for all open tabs
_KEPT = 4


@dataclass(frozen=True)
class Snapshot:
    """A study at the sequence number `seq`, with a short text on whether it is running."""

    seq: int
    view: StudyView
    activity: str


class Reader:
    """Reads a store for any number of open pages; safe to call from several threads."""

    def __init__(self, store: Store) -> None:
        """Read `store`, which is never written to."""
        self._store = store
        self._lock = threading.Lock()
        self._snapshots: dict[str, Snapshot] = {}
        self._listed: tuple[float, list[StudySummary]] = (float("-inf"), [])

    @property
    def database(self) -> str:
        """The name of the database, without its password."""
        return self._store.shown

    def studies(self) -> Sequence[StudySummary]:
        """Return the studies, oldest first, at most one second old.

        Raises:
            StoreError: the database cannot be read.
        """
        read_at, summaries = self._listed
        if time.monotonic() - read_at > _LIST_SECONDS:
            summaries = self._store.studies()
            self._listed = (time.monotonic(), summaries)
        return summaries

    def ping(self) -> None:
        """Read the database now.

        Raises:
            StoreError: it cannot be read.
        """
        self._store.studies()

    def snapshot(self, study: str) -> Snapshot:
        """Return the current study; if nothing has changed, only its sequence number is read.

        Raises:
            StoreError: the database cannot be read, or has no study of that name.
        """
        with self._lock:  # a second page waits for the first one's result
            seq = self._store.change_seq(study)
            known = self._snapshots.get(study)
            view = known.view if known and known.seq == seq else self._view(study)
            snapshot = Snapshot(seq, view, self._activity(study))
            self._snapshots.pop(study, None)
            self._snapshots[study] = snapshot
            while len(self._snapshots) > _KEPT:
                self._snapshots.pop(next(iter(self._snapshots)))
            return snapshot

    def last(self, study: str) -> Snapshot:
        """Return the last read state of the study, or the current one if there is none.

        Raises:
            StoreError: it must be read, but the database cannot be read.
        """
        return self._snapshots.get(study) or self.snapshot(study)

    def _view(self, study: str) -> StudyView:
        store = self._store
        spec, trials, reports = store.spec(study), store.trials(study), store.reports(study)
        return study_view(spec, trials, reports, store.versions(study))

    def _activity(self, study: str) -> str:
        summary = next(entry for entry in self.studies() if entry.name == study)
        if summary.holder:
            return f"running on {summary.holder}"
        if summary.state is StudyState.RUNNING:
            return f"not running; continue with: nas resume {study}"
        return summary.state.lower()
