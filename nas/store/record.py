"""Record: what is written of the trials of a study, each write fenced by its lease."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from nas.cost import Cost
from nas.store import studies, trials
from nas.store.database import Database
from nas.store.lease import Lease, fence, lock_study
from nas.study import Fault, Measurement, Outcome, Trial

T = TypeVar("T")


class _Held(NamedTuple):
    """A write that waits for others, and whether a power cut must not take it."""

    work: Callable[[sa.Connection, int], None]
    lasting: bool


class TrialRecord:
    """The writes of trials.

    Any raises a StoreError where the database fails or has no such study, and a StudyBusyError
    where another live process holds it.
    """

    def __init__(self, database: Database) -> None:
        """Write to `database`."""
        self._database = database
        self._address = database.address
        self._leases: dict[str, Lease] = {}
        self._together: tuple[str, list[_Held]] | None = None

    @contextlib.contextmanager
    def together(self, study: str) -> Iterator[None]:
        """Commit what is written of `study` within the block at its end, as one transaction.

        However the block ends: it was to be written. What is read within does not show it yet, and
        what contradicts the record raises a StoreError at the end.
        """
        held: list[_Held] = []
        self._together = study, held
        try:
            yield
        finally:
            self._together = None
            if held:
                self._write(study, partial(_all_of, held), any(one.lasting for one in held))

    def insert_trial(self, study: str, trial: Trial) -> None:
        """Add a trial; StoreError if the study has another one of its number."""

        def insert(connection: sa.Connection, key: int) -> None:
            trials.insert(connection, key, trial)

        self._note(study, insert, lasting=trial.state.finished)

    def start_trial(self, study: str, number: int, attempt: int) -> None:
        """Turn a WAITING trial RUNNING under a new attempt, its earlier measurements set aside.

        Like all that follow it does nothing where that has been done already, and raises a
        StoreError, changing nothing, where the trial has moved on or is finished.
        """

        def start(connection: sa.Connection, key: int) -> None:
            trials.start(connection, key, number, attempt)

        self._note(study, start, lasting=False)

    def record_exhausted(self, study: str) -> None:
        """Record that the sampler of a study had no further candidate."""
        self._note(study, studies.set_exhausted)

    def requeue_trial(
        self, study: str, number: int, attempt: int, lost: bool, fault: Fault | None = None
    ) -> None:
        """Turn a RUNNING trial WAITING again, one loss richer where the attempt was `lost`.

        `fault` is what in the environment ended the attempt, and is kept with it.
        """

        def requeue(connection: sa.Connection, key: int) -> None:
            trials.requeue(connection, key, number, attempt, (lost, fault))

        self._note(study, requeue)

    def record_measurement(
        self, study: str, number: int, attempt: int, measurement: Measurement
    ) -> None:
        """Add one measurement to a RUNNING trial of that attempt."""

        def add(connection: sa.Connection, key: int) -> None:
            trials.add_measurement(connection, key, number, attempt, measurement)

        self._note(study, add, lasting=False)

    def record_count(
        self, study: str, number: int, attempt: int, counted: Cost, worker: str
    ) -> None:
        """Keep fvcore's count of a RUNNING trial, and where it runs."""

        def add(connection: sa.Connection, key: int) -> None:
            trials.add_count(connection, key, number, attempt, (counted, worker))

        self._note(study, add, lasting=False)

    def record_proxies(
        self, study: str, number: int, attempt: int, values: Mapping[str, float]
    ) -> None:
        """Keep the training-free scores of a trial by name; a finished trial may get them too."""

        def add(connection: sa.Connection, key: int) -> None:
            trials.add_proxies(connection, key, number, attempt, values)

        self._note(study, add, lasting=False)

    def finish_trial(self, study: str, number: int, attempt: int, outcome: Outcome) -> None:
        """Give a RUNNING trial of that attempt its final state."""

        def finish(connection: sa.Connection, key: int) -> None:
            trials.finish(connection, key, number, attempt, outcome)

        self._note(study, finish)

    def record_report(self, name: str, number: int, kind: str, values: Mapping[str, Any]) -> None:
        """Keep a final result of a trial (`kind` "test": on the test split); once for each kind.

        Raises:
            StoreError: the trial has another result of that kind already.
        """

        def add(connection: sa.Connection, key: int) -> None:
            trials.add_report(connection, key, number, kind, values)

        self._note(name, add)

    def _note(
        self, name: str, work: Callable[[sa.Connection, int], None], lasting: bool = True
    ) -> None:
        """Run `work` now, or with everything else that is written `together`."""
        if self._together is not None and self._together[0] == name:
            self._together[1].append(_Held(work, lasting))
        else:
            self._write(name, work, lasting)

    def _write(self, name: str, work: Callable[[sa.Connection, int], T], lasting: bool = True) -> T:
        """Run `work(connection, study id)` with the study locked and our lease checked.

        What a power cut may take is not `lasting`: what is known of a trial that is not finished
        and would start again anyway.
        """

        def fenced(connection: sa.Connection) -> T:
            study_id = lock_study(connection, name) if studies.is_name(name) else None
            if study_id is None:
                raise studies.unknown(connection, name, self._address)
            lease = self._leases.get(name)
            epoch = lease.epoch if lease is not None and not lease.released else None
            fence(connection, study_id, name, epoch)
            return work(connection, study_id)

        return self._database.write(fenced, lasting=lasting)


def _all_of(held: Sequence[_Held], connection: sa.Connection, study_id: int) -> None:
    for one in held:
        one.work(connection, study_id)
