"""Store: one opened database with its studies; every write has been committed when it returns."""

import contextlib
import itertools
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from nas.architecture import Architecture
from nas.cost import Cost
from nas.errors import NameTakenError, StoreError
from nas.spec import StudySpec
from nas.store import files, studies, trainings, trials
from nas.store.database import Database
from nas.store.lease import LEASE_SECONDS, Lease, fence, lock_study
from nas.store.studies import StudyState, StudySummary
from nas.store.trainings import Training
from nas.trial import Fault, Measurement, Outcome, Trial

T = TypeVar("T")


class _Held(NamedTuple):
    """A write that waits for others, and whether a power cut must not take it."""

    work: Callable[[sa.Connection, int], None]
    lasting: bool


class Store:
    """The durable record of studies; `with open_store() as store:` closes it at the end.

    Any method raises a StoreError where the database fails or has no study of that name, and those
    that write a StudyBusyError where another live process holds the study.
    """

    def __init__(self, database: Database) -> None:
        """Read and write `database`, whose tables are those of this version."""
        self._database = database
        self._address = database.address
        self._first: list[Path] = []
        self._specs: dict[str, StudySpec] = {}
        self._parsed: dict[str, dict[str, Architecture]] = {}
        self._leases: dict[str, Lease] = {}
        self._together: tuple[str, list[_Held]] | None = None

    @property
    def shown(self) -> str:
        """What a person types after --db to name this database; without its password."""
        return self._address.shown

    def command(self, words: str) -> str:
        """Return `nas words` as a person types it, with --db where this is not the default."""
        return self._address.command(words)

    def close(self) -> None:
        """Release every lease and close every connection."""
        for lease in self._leases.values():
            with contextlib.suppress(StoreError):  # it expires; a first error must not be hidden
                lease.release()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_study(self, spec: StudySpec, versions: Mapping[str, str]) -> None:
        """Enter a new study, with the versions of the libraries that measure it.

        Raises:
            NasError: its name is not allowed.
            NameTakenError: the name is taken; other settings than the stored ones are listed.
        """
        studies.check_name(spec.name)
        uid = secrets.token_hex(8)
        try:
            self._database.write(lambda c: studies.create(c, spec, versions, uid))
        except StoreError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
            row = self._study(spec.name)
            if row.uid != uid:  # else it is ours: a repeated write that was committed
                raise studies.conflict(spec, StudySpec.from_json(row.spec)) from None

    def create_numbered(self, spec: StudySpec, versions: Mapping[str, str]) -> StudySpec:
        """Enter a new study under the first free name: its own, or with -2, -3, … at the end.

        Returns the specification under that name. Another process may take a name at any moment:
        only the entry itself finds a free one.
        """
        named = spec
        for number in itertools.count(2):
            with contextlib.suppress(NameTakenError):
                self.create_study(named, versions)
                return named
            named = replace(spec, name=f"{spec.name}-{number}")
        raise AssertionError("numbers do not end")

    def spec(self, name: str) -> StudySpec:
        """Return what defines a study."""
        if name not in self._specs:
            self._specs[name] = StudySpec.from_json(self._study(name).spec)
        return self._specs[name]

    def versions(self, name: str) -> dict[str, str]:
        """Return the versions of the libraries that a study was begun with."""
        return studies.read_versions(self._study(name))

    def studies(self) -> list[StudySummary]:
        """Return one line about each study, oldest first."""
        return self._database.read(studies.summaries)

    def set_state(self, name: str, state: StudyState | str) -> None:
        """Enter the state of a study: RUNNING, INTERRUPTED, COMPLETE or FAILED."""
        state = StudyState(state)
        self._write(name, lambda connection, key: studies.set_state(connection, key, state))

    def change_seq(self, name: str) -> int:
        """Return a number that grows with every write of the study, for whoever polls it."""
        return int(self._study(name).seq)

    def look_in(self, results: Path) -> None:
        """Look for weights in this results folder first, wherever a study was run."""
        self._first = [results.resolve()]

    def uid(self, name: str) -> str:
        """Return the identity of a study, which no study of another database has."""
        return str(self._study(name).uid)

    def claim_folder(self, name: str, results: Path) -> str:
        """Make the folder of a study in `results`, and record it; return its name.

        It is that of the study, unless another study has a folder of that name there.

        Raises:
            OSError: it cannot be made.
        """
        row = self._study(name)
        recorded = self._database.read(lambda c: files.recorded_weights(c, row.id))
        own = files.StudyFiles(row, [results.resolve()])
        folder = own.claim(results.resolve(), recorded)
        places = list(map(str, own.places))
        self._write(name, lambda c, key: studies.set_folder(c, key, folder, places))
        return folder

    def folder(self, name: str) -> str:
        """Return the name of the folder that a study has in a results folder."""
        return files.StudyFiles(self._study(name), []).name

    def folders(self, name: str) -> list[Path]:
        """Return the folders that belong to a study, newest first; none before its first run."""
        return files.StudyFiles(self._study(name), self._first).folders()

    def weights_file(self, study: str, trial: Trial) -> Path | None:
        """Return where the weights of a trial lie; None where it has none, or they are gone.

        Those of a reused trial lie where the other study was run.
        """
        own = files.StudyFiles(self._study(study), self._first).places
        found = files.find_weights(trial, own)
        return found or files.find_weights(trial, self._database.read(files.all_places))

    def acquire(self, name: str, seconds: float = LEASE_SECONDS) -> Lease:
        """Take the right to run a study; it lapses `seconds` after this process falls silent.

        Raises:
            StudyBusyError: a live process has it; the error names host, process and age.
        """
        lease = Lease.acquire(self._database, self._study(name).id, name, seconds)
        self._leases[name] = lease
        return lease

    def trials(self, study: str, *, curves: bool = True) -> list[Trial]:
        """Return the trials of `study` by number, with the measurements of their last attempt.

        Without `curves` each trial has the last of these measurements alone, which is read faster.
        """

        def select(connection: sa.Connection) -> list[Trial]:
            study_id = studies.find(connection, study, self._address).id
            return trials.select_trials(connection, study_id, self._reader(study), curves)

        self.spec(study)  # cached now, for `select` may not open a second transaction
        return self._database.read(select)

    def complete_trials(self, study: str, arch_id: str) -> list[tuple[StudySpec, Trial]]:
        """Return the COMPLETE trials of an architecture, each with the spec of its study.

        In all studies that the same version of nas measures as `study`, itself included; oldest
        study first, then by number.
        """
        version = self.versions(study).get("nas")
        found = self._database.read(lambda connection: trials.select_complete(connection, arch_id))
        complete = []
        for row, make in found:
            if json.loads(row.versions).get("nas") == version:
                spec = self.spec(row.name)
                complete.append((spec, make(self._reader(row.name)(row.architecture))))
        return complete

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

    def reports(self, name: str) -> dict[int, dict[str, dict[str, Any]]]:
        """Return the final results of a study as {trial number: {kind: values}}."""
        study_id = self._study(name).id
        return self._database.read(lambda connection: trials.select_reports(connection, study_id))

    def record_training(self, training: Training) -> None:
        """Keep a training to the end; one of its name and seed is replaced."""
        self._database.write(lambda connection: trainings.put(connection, training))

    def trainings(self, name: str | None = None) -> list[Training]:
        """Return the trainings of that name, or all of them; replicates follow one another."""
        return self._database.read(lambda connection: trainings.select(connection, name))

    def _study(self, name: str) -> sa.Row[Any]:
        return self._database.read(lambda connection: studies.find(connection, name, self._address))

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

    def _reader(self, name: str) -> Callable[[str], Architecture]:
        """Return what reads the architectures of a study; the same text is read once."""
        spaces, parsed = self._specs[name].spaces, self._parsed.setdefault(name, {})

        def read(text: str) -> Architecture:
            if text not in parsed:
                of, _, choices = text.partition(":")
                parsed[text] = spaces[of].recorded(choices)
            return parsed[text]

        return read


def _all_of(held: Sequence[_Held], connection: sa.Connection, study_id: int) -> None:
    for one in held:
        one.work(connection, study_id)
