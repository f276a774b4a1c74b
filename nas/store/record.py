"""Record: the writes to the trials of a study, each checked against the lease of the study."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from nas.cost import Cost
from nas.errors import StoreError
from nas.store import spool, studies, trials
from nas.store.database import Database
from nas.store.lease import Lease, lock_study
from nas.store.spool import SpooledCall
from nas.study import AttemptEnd, Measurement, Outcome, Trial

T = TypeVar("T")


class _Deferred(NamedTuple):
    """A deferred write, whether it must survive a power failure, and its entry in the spool."""

    work: Callable[[sa.Connection, int], None]
    lasting: bool
    entry: SpooledCall | None = None


class TrialRecord:
    """The writes of trials.

    Each method raises a StoreError if the database fails or has no such study, and a StudyBusyError
    if another process holds the study.
    """

    def __init__(self, database: Database) -> None:
        """Write to `database`."""
        self._database = database
        self._address = database.address
        self._leases: dict[str, Lease] = {}
        self._together: tuple[str, list[_Deferred]] | None = None
        self._spools: dict[str, Path] = {}  # the folders of studies that this process runs

    @contextlib.contextmanager
    def together(self, study: str) -> Iterator[None]:
        """Commit all writes to `study` within the block together, as one transaction.

        They are committed even if the block raises. Reads within the block do not see them, and a
        write that contradicts the record raises a StoreError at the end.
        """
        deferred: list[_Deferred] = []
        self._together = study, deferred
        try:
            yield
        finally:
            self._together = None
            if deferred:
                entries = [one.entry for one in deferred if one.entry is not None]
                lasting = any(one.lasting for one in deferred)
                self._write(study, partial(_run_all, deferred), lasting, entries)

    def insert_trial(self, study: str, trial: Trial) -> None:
        """Add a trial; StoreError if the study has another trial with this number."""
        work = partial(trials.insert, trial=trial)
        self._run(study, work, lasting=trial.state.finished)

    def start_trial(self, study: str, number: int, attempt: int) -> None:
        """Set a WAITING trial to RUNNING in a new attempt; earlier measurements no longer count.

        This and the following methods do nothing if the change was already made. They raise a
        StoreError, and change nothing, if the trial is in a later attempt or finished.
        """
        work = partial(trials.start, number=number, attempt=attempt)
        self._run(study, work, lasting=False)

    def record_exhausted(self, study: str) -> None:
        """Record that the sampler of a study had no further candidate."""
        self._run(study, partial(studies.change, exhausted=1))

    def requeue_trial(self, study: str, number: int, attempt: int, end: AttemptEnd) -> None:
        """Set a RUNNING trial to WAITING again, and record the `end` of its attempt."""
        work = partial(trials.requeue, number=number, attempt=attempt, end=end)
        self._run(study, work)

    def reopen_trial(self, study: str, number: int, attempt: int) -> None:
        """Set a FAILED trial to WAITING again, without lost workers; its attempts are kept."""
        work = partial(trials.reopen, number=number, attempt=attempt)
        self._run(study, work)

    def record_measurement(
        self, study: str, number: int, attempt: int, measurement: Measurement
    ) -> None:
        """Add one measurement to a RUNNING trial in this attempt."""
        entry = SpooledCall("record_measurement", (number, attempt, measurement))
        work = partial(
            trials.add_measurement, number=number, attempt=attempt, measurement=measurement
        )
        self._run(study, work, lasting=False, entry=entry)

    def record_count(
        self,
        study: str,
        number: int,
        attempt: int,
        counted: Cost,
        worker: str,
        device: str | None = None,
    ) -> None:
        """Record fvcore's count of a RUNNING trial, its worker, and the device of the attempt."""
        count = trials.VerifiedCost(counted, worker, device)
        work = partial(trials.add_count, number=number, attempt=attempt, count=count)
        entry = SpooledCall("record_count", (number, attempt, counted, worker, device))
        self._run(study, work, lasting=False, entry=entry)

    def record_proxies(
        self, study: str, number: int, attempt: int, values: Mapping[str, float]
    ) -> None:
        """Record the training-free scores of a trial by name; also for a finished trial."""
        entry = SpooledCall("record_proxies", (number, attempt, values))
        work = partial(trials.add_proxies, number=number, attempt=attempt, values=values)
        self._run(study, work, lasting=False, entry=entry)

    def finish_trial(self, study: str, number: int, attempt: int, outcome: Outcome) -> None:
        """Set a RUNNING trial in this attempt to its final state."""
        work = partial(trials.finish, number=number, attempt=attempt, outcome=outcome)
        self._run(study, work, entry=SpooledCall("finish_trial", (number, attempt, outcome)))

    def record_report(self, name: str, number: int, kind: str, values: Mapping[str, Any]) -> None:
        """Record a final report of a trial, at most one of each `kind`, such as "test".

        Raises:
            StoreError: the trial already has another report of this kind.
        """
        work = partial(trials.add_report, number=number, kind=kind, values=values)
        self._run(name, work, entry=SpooledCall("record_report", (number, kind, values)))

    def _run(
        self,
        name: str,
        work: Callable[[sa.Connection, int], None],
        lasting: bool = True,
        entry: SpooledCall | None = None,
    ) -> None:
        """Run `work` now, or at the end of the current `together` block.

        `entry` is the same write for the spool, if it has a result.
        """
        if self._together is not None and self._together[0] == name:
            self._together[1].append(_Deferred(work, lasting, entry))
        else:
            self._write(name, work, lasting, [entry] if entry else [])

    def _write(
        self,
        name: str,
        work: Callable[[sa.Connection, int], T],
        lasting: bool = True,
        entries: Sequence[SpooledCall] = (),
    ) -> T:
        """Run `work(connection, study id)` with the study locked and the lease checked.

        A write is not `lasting` if a power failure may lose it: it belongs to an unfinished trial,
        which would start again anyway. While the database fails, `entries` are kept in the spool.
        """

        def fenced(connection: sa.Connection) -> T:
            lease = self._leases.get(name)
            epoch = lease.epoch if lease is not None and not lease.released else None
            study_id = lock_study(connection, name, epoch) if studies.is_name(name) else None
            if study_id is None:
                raise studies.unknown(connection, name, self._address)
            return work(connection, study_id)

        folder, kept = self._spools.get(name), list[Path | None]()

        def keep() -> None:
            if folder is not None and entries:
                kept.append(spool.keep(folder, entries))

        try:
            result = self._database.write(fenced, lasting=lasting, on_failure=keep)
        except StoreError as error:
            if any(kept):
                error.add_note(f"The last results are in {kept[0]} until the study continues.")
            raise
        if folder is not None and kept:
            spool.clear(folder)
        return result


def _run_all(deferred: Sequence[_Deferred], connection: sa.Connection, study_id: int) -> None:
    for one in deferred:
        one.work(connection, study_id)
