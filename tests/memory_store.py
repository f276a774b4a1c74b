"""A StudyStore in memory: the whole loop in milliseconds, and a kill at any write."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from nas.cost.model import Cost
from nas.steady_clock import CLOCK
from nas.storage import File
from nas.study import results_folder as storage
from nas.study.attempts import AttemptEnd
from nas.study.spec import StudySpec
from nas.study.trial import (
    NOTE_REPORT,
    Measurement,
    Outcome,
    Trial,
    TrialState,
    ended,
    reopened,
    trial_notes,
)


class MemoryStore:
    """Keeps the trials of its studies in dictionaries, with the compare-and-swap of the real store.

    `before_write` is called with the name of each write before it happens: raise in it to play a
    driver that dies there. `writes` counts those that happened.
    """

    def __init__(self, before_write: Callable[[str], None] = lambda name: None) -> None:
        """Start empty."""
        self.before_write = before_write
        self.writes = 0
        self.reports: dict[str, dict[int, dict[str, dict[str, Any]]]] = {}
        self.ends: list[tuple[int, int, AttemptEnd]] = []
        self.held = False
        self._exhausted: set[str] = set()
        self._borrowed: dict[str, list[Trial]] = {}
        self._specs: dict[str, StudySpec] = {}
        self._studies: dict[str, dict[int, Trial]] = {}

    @property
    def reasons(self) -> list[tuple[int, int, str]]:
        """The ends of attempts whose trials waited again: (trial, attempt, reason)."""
        return [(number, attempt, end.fault.reason) for number, attempt, end in self.ends]

    def create_study(self, spec: StudySpec, borrowed: Sequence[Trial] = ()) -> None:
        """Enter a study; only reuse across studies and borrowed trainings need it."""
        self._specs[spec.name] = spec
        self._borrowed[spec.name] = list(borrowed)

    def borrowed(self, study: str) -> list[Trial]:
        """Return the trainings that the study borrowed."""
        return self._borrowed.get(study, [])

    def complete_trials(self, study: str, arch_id: str) -> list[tuple[StudySpec, Trial]]:
        """Return the COMPLETE trials of an architecture in the studies that were entered."""
        return [
            (spec, trial)
            for name, spec in self._specs.items()
            for trial in self.trials(name)
            if trial.arch_id == arch_id and trial.state is TrialState.COMPLETE
        ]

    def trials(self, study: str) -> list[Trial]:
        """Return the trials of `study` by number."""
        rows = self._studies.get(study, {})
        return [rows[number] for number in sorted(rows)]

    @contextmanager
    def together(self, study: str) -> Iterator[None]:
        """Write what is written within; all of it or nothing, as one write of that name."""
        before, self.held = dict(self._studies.get(study, {})), True
        try:
            yield
        finally:
            self.held = False
            try:
                self.before_write("together")
            except BaseException:
                self._studies[study] = before
                raise
            self.writes += 1

    def exhausted(self, study: str) -> bool:
        """Tell whether that was recorded."""
        return study in self._exhausted

    def record_exhausted(self, study: str) -> None:
        """Record that the sampler had no further candidate."""
        self._exhausted.add(study)

    def notes(self, study: str) -> Mapping[int, str]:
        """Return the texts of the reports of kind `NOTE_REPORT`, by trial number."""
        return trial_notes(self.reports.get(study, {}), (NOTE_REPORT,))

    def insert_trial(self, study: str, trial: Trial) -> None:
        """Add a trial; its number must be new."""
        if trial.number in self._studies.get(study, {}):
            raise KeyError(f"trial {trial.number} of {study} is there already")
        self._write("insert_trial", study, trial)

    def start_trial(self, study: str, number: int, attempt: int) -> None:
        """Turn a WAITING trial RUNNING under a new attempt."""
        trial = self._studies[study][number]
        if trial.state is TrialState.WAITING:
            started = replace(trial, state=TrialState.RUNNING, attempt=attempt, measurements=())
            self._write("start_trial", study, started)

    def weights_file(self, study: str, trial: Trial) -> File | None:
        """Return the recorded path, if there is a file."""
        return storage.find_file(trial.weights_path, []) if trial.weights_path else None

    def requeue_trial(self, study: str, number: int, attempt: int, end: AttemptEnd) -> None:
        """Turn a RUNNING trial WAITING again; how its attempt ended goes to `ends`."""
        trial = self._running(study, number, attempt)
        if trial is not None:
            waiting = replace(trial, state=TrialState.WAITING, lost=end.lost)
            self._write("requeue_trial", study, waiting)
            self.ends.append((number, attempt, end))

    def reopen_trial(self, study: str, number: int, attempt: int) -> None:
        """Turn a FAILED trial WAITING again."""
        trial = self._studies[study][number]
        if trial.state is TrialState.FAILED and trial.attempt == attempt:
            self._write("reopen_trial", study, reopened(trial))

    def record_measurement(
        self, study: str, number: int, attempt: int, measurement: Measurement
    ) -> None:
        """Add one measurement to a RUNNING trial of that attempt."""
        trial = self._running(study, number, attempt)
        if trial is not None:
            measured = (*trial.measurements, measurement)
            self._write("record_measurement", study, replace(trial, measurements=measured))

    def record_count(
        self,
        study: str,
        number: int,
        attempt: int,
        counted: Cost,
        worker: str,
        device: str | None = None,
    ) -> None:
        """Keep the referee's count of a RUNNING trial."""
        trial = self._running(study, number, attempt)
        if trial is not None:
            self._write("record_count", study, replace(trial, counted=counted, worker=worker))

    def record_proxies(
        self, study: str, number: int, attempt: int, values: Mapping[str, float]
    ) -> None:
        """Keep the training-free scores of a trial of that attempt."""
        trial = self._studies[study][number]
        if trial.attempt == attempt:
            self._write("record_proxies", study, replace(trial, proxies=dict(values)))

    def finish_trial(self, study: str, number: int, attempt: int, outcome: Outcome) -> None:
        """Give a RUNNING trial of that attempt its final state."""
        trial = self._running(study, number, attempt)
        if trial is not None:
            done = ended(trial, outcome, CLOCK.now())
            self._write("finish_trial", study, done)

    def record_report(self, name: str, number: int, kind: str, values: Mapping[str, Any]) -> None:
        """Keep a final result of a trial, once for each kind."""
        known = self.reports.setdefault(name, {}).setdefault(number, {})
        if known.setdefault(kind, dict(values)) != dict(values):
            raise KeyError(f"trial {number} of {name} has its {kind} already")

    def _running(self, study: str, number: int, attempt: int) -> Trial | None:
        trial = self._studies[study][number]
        live = trial.state is TrialState.RUNNING and trial.attempt == attempt
        return trial if live else None

    def _write(self, name: str, study: str, trial: Trial) -> None:
        if not self.held:
            self.before_write(name)
        self._studies.setdefault(study, {})[trial.number] = trial
        self.writes += not self.held
