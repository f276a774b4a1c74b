"""Reader: the data of the page, read again only when the database has changed."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np

from nas.dashboards.page_state import MOST_OVERLAID, PageState
from nas.dashboards.progress import ProgressOfStudies
from nas.errors import NasError
from nas.results import (
    STATES,
    Curves,
    Explanation,
    Pictures,
    Selection,
    StudyResults,
    StudyView,
    TrialTable,
    axis_names,
    explain,
    narrowed,
    overlay_problem,
    seeds_of_one_search,
    view_of,
)
from nas.store import Bookmark, Changes, Store, StudyState, StudySummary, read_examples
from nas.study import StudySpec, Trial, TrialAttempt, search_time_left
from nas.units import duration


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


_Read = TypeVar("_Read")
_RECENT_SECONDS = 1.0  # the data of a poll are read once in this time for all open pages
_LIST_SECONDS = 1.0  # the list of studies is cached this long for all open tabs
_LIST_SHARE = 20.0  # or this many times longer than it took to read
_KEPT = 2 + MOST_OVERLAID  # snapshots of studies
_VIEWS = 8  # views of a snapshot


@dataclass(frozen=True)
class Snapshot:
    """A study as it was at the sequence number `seq`, with its default `view` and its `found`.

    `compute` is the command that computes missing scores. The `serial` is unique to the snapshot.
    """

    seq: int
    record: StudyRecord
    view: StudyView
    found: StudyResults
    curves: Curves
    compute: str
    serial: int = field(default_factory=itertools.count().__next__)
    _views: dict[tuple[tuple[str, str], Selection], StudyView] = field(
        default_factory=dict, repr=False
    )

    @property
    def spec(self) -> StudySpec:
        """The specification of the study."""
        return self.found.spec

    def along(self, x: str | None, y: str | None) -> StudyView:
        """Return the view of all trials with other axes; unknown names give the default axes."""
        return self.shown(x, y, Selection())

    def shown(self, x: str | None, y: str | None, selection: Selection) -> StudyView:
        """Return the view with other axes of the trials that a selection keeps.

        Raises:
            StoreError: learning curves must be read, but the database cannot be.
        """
        known = axis_names(self.spec)
        axes = (x if x in known else self.view.x.name, y if y in known else self.view.y.name)
        view = self._views.get((axes, selection))
        if view is None:
            usual = axes == (self.view.x.name, self.view.y.name)
            whole = self.view if usual else view_of(self.found, axes=axes)
            view = narrowed(whole, selection, self.curves)
            while len(self._views) >= _VIEWS:
                self._views.pop(next(iter(self._views)), None)
            self._views[axes, selection] = view
        return view

    @cached_property
    def why(self) -> Explanation:
        """The explanation of the study, which takes seconds for a large one."""
        return explain(self.spec, self.found.trials, self.compute)

    @property
    def time_left(self) -> float | None:
        """The estimated remaining seconds of a running search, as in `search_time_left`."""
        table = self.found.table
        ended = int(np.count_nonzero(table.column("candidate") & table.ended))
        return search_time_left(self.spec, ended, self.view.seconds)

    def has(self, number: int) -> bool:
        """Tell whether the view has a trial of this number."""
        return bool(np.any(self.view.columns.number == number))


class Reader:
    """Reads a store for any number of open pages; safe to call from several threads."""

    def __init__(self, store: Store) -> None:
        """Read `store`, which is never written to."""
        self._store = store
        self._lock, self._listing = threading.Lock(), threading.Lock()
        self._snapshots: dict[str, Snapshot] = {}
        self._listed: tuple[float, list[StudySummary]] = (float("-inf"), [])
        self._progress, self._shares = ProgressOfStudies(store), dict[str, list[float]]()
        self._shown: Sequence[StudySummary] | None = None
        self._recent: dict[str, tuple[float, Any]] = {}

    @property
    def database(self) -> str:
        """The name of the database, without its password."""
        return self._store.shown

    def studies(self) -> Sequence[StudySummary]:
        """Return the studies, oldest first; they are some seconds old if reading them takes long.

        Raises:
            StoreError: the database cannot be read.
        """
        until, summaries = self._listed
        if time.monotonic() > until:
            began = time.monotonic()
            summaries = self._store.studies()
            ended = time.monotonic()
            self._listed = (ended + max(_LIST_SECONDS, _LIST_SHARE * (ended - began)), summaries)
        return summaries

    def progress(self) -> Mapping[str, Sequence[float]]:
        """Return the hypervolume of each study by name, as in `Progress.shares`.

        Raises:
            StoreError: the database cannot be read.
        """
        summaries = self.studies()
        with self._listing:
            if summaries is not self._shown:
                self._shares, self._shown = self._progress.read(summaries), summaries
            return self._shares

    def forget(self) -> None:
        """Read the names and the list of studies again when they are next requested."""
        self._listed = (float("-inf"), [])
        self._recent.clear()

    def ping(self) -> None:
        """Read the database now.

        Raises:
            StoreError: it cannot be read.
        """
        self._store.names()

    def _recently(self, key: str, read: Callable[[], _Read]) -> _Read:
        """Return data that this or another page has read at most a second ago."""
        until, found = self._recent.get(key, (float("-inf"), None))
        if time.monotonic() > until:
            found = read()
            self._recent[key] = time.monotonic() + _RECENT_SECONDS, found
        value: _Read = found
        return value

    def snapshot(self, study: str) -> Snapshot:
        """Return the study as it was at most a second ago.

        If nothing has changed, only its sequence number is read.

        Raises:
            StoreError: the database cannot be read, or has no study of that name.
        """
        with self._lock:  # a second page waits for the first one's result
            seq = self._recently(f"seq {study}", partial(self._store.change_seq, study))
            known = self._snapshots.get(study)
            snapshot = known if known and known.seq == seq else self._read(study, seq)
            self._snapshots.pop(study, None)
            self._snapshots[study] = snapshot
            while len(self._snapshots) > _KEPT:
                self._snapshots.pop(next(iter(self._snapshots)))
            return snapshot

    def timeline(self, study: str, most: int) -> list[tuple[int, TrialAttempt]]:
        """Return the latest attempts of a study, oldest first.

        Raises:
            StoreError: the database cannot be read, or has no study of that name.
        """
        return self._store.timeline(study, most)

    def device_seconds(self, study: str) -> list[tuple[datetime, float]]:
        """Return the recorded device time of the attempts of a study, by their ends.

        Raises:
            StoreError: the database cannot be read, or has no study of that name.
        """
        return self._store.device_seconds(study)

    def examples(self, snapshot: Snapshot, number: int) -> Pictures | None:
        """Return the recorded pictures of a network; None if there are none, or on an error."""
        try:
            return read_examples(self._store, snapshot.found, number)
        except NasError:
            return None

    def absent(self, state: PageState) -> str | None:
        """Return why an address does not exist; None if it exists.

        Raises:
            StoreError: the database cannot be read.
        """
        if state.wrong is not None:
            return f"There is no page {state.wrong!r}."
        if state.study is None:
            return None
        known = self._recently("names", self._store.names)
        if state.study not in known and state.study not in self._store.names():
            return f"There is no study {state.study!r} in {self.database}."
        if state.trial is None or self._shows(state.study, state.trial):
            return None
        return f"The study {state.study} has no trial {state.trial}."

    def _shows(self, study: str, trial: int) -> bool:
        """Tell whether a study has a trial; true if it cannot be read: the status shows why."""
        try:
            return self.last(study).has(trial) or self.snapshot(study).has(trial)
        except NasError:
            return True

    def last(self, study: str) -> Snapshot:
        """Return the last read state of the study, or the current one if there is none.

        Raises:
            StoreError: there is none, and the database cannot be read.
        """
        return self._snapshots.get(study) or self.snapshot(study)

    def _read(self, study: str, seq: int) -> Snapshot:
        store, known = self._store, self._snapshots.get(study)
        record = StudyRecord.read(store, study, known.record if known else None)
        found = StudyResults(store.spec(study), record.table, record.reports)
        curves = partial(record.curves, store, study)
        view = view_of(found, store.versions(study), curves=curves)
        compute = store.command(f"proxies {study} --compute")
        return Snapshot(seq, record, view, found, curves, compute)

    def overlaid(self, state: PageState) -> tuple[list[Snapshot], list[str]]:
        """Return the studies that are drawn with that of `state`, and why others are not.

        Raises:
            StoreError: the database cannot be read.
        """
        found, problems = list[Snapshot](), list[str]()
        names = self._recently("names", self._store.names) if state.others else []
        for name in state.others:
            if name == state.study:
                continue
            if name not in names:
                problems.append(f"There is no study {name!r}.")
                continue
            other = self.snapshot(name)
            problem = overlay_problem(self.last(str(state.study)).spec, other.spec)
            if problem:
                problems.append(f"{name} is not drawn: {problem}.")
            else:
                found.append(other)
        return found, problems

    def comparable(self, spec: StudySpec) -> list[StudySummary]:
        """Return the studies that can be drawn with one, seeds of the same search first.

        Raises:
            StoreError: the database cannot be read.
        """
        found = [
            each
            for each in reversed(self.studies())
            if each.name != spec.name and overlay_problem(spec, each.spec) is None
        ]
        return sorted(found, key=lambda each: not seeds_of_one_search(spec, each.spec))

    def activity(self, study: str) -> str:
        """Return the activity of a study, with the time left or the command that continues it."""
        read = partial(self._store.activity, study)
        state, holder = self._recently(f"activity {study}", read)
        text = activity_text(state, holder)
        if state is StudyState.RUNNING and not holder:
            return f"{text}; continue with: {self._store.command(f'resume {study}')}"
        left = self.last(study).time_left if holder else None
        return text if left is None else f"{text}, {left_text(left)} left"


def left_text(seconds: float) -> str:
    """Return the time left of a search, as text."""
    return f"about {duration(seconds)}"


def activity_text(state: StudyState, holder: str | None) -> str:
    """Return whether and where a study is running, as text."""
    if holder:
        return f"running on {holder}"
    return "not running" if state is StudyState.RUNNING else state.lower()
