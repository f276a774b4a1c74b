"""Store: one opened database with its studies; every write is committed when it returns."""

import contextlib
import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Self, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from nas.errors import NameTakenError, StaleWriteError, StorageError, StoreError
from nas.space import Architecture
from nas.storage import FolderStorage
from nas.store import attempts, files, housekeeping, nodes, spool, studies, trials
from nas.store import borrowed as borrowing
from nas.store.changes import Bookmark, Changes, select_changes
from nas.store.database import Database, damaged
from nas.store.file_record import FileRecord
from nas.store.lease import LEASE_SECONDS, Lease
from nas.store.orders import OrderRecord
from nas.store.rebuilding import Remembered, rebuild
from nas.store.studies import StudyState
from nas.store.summaries import Finished, Listed, StudySummary, select_finished, summaries
from nas.study import (
    NOTE_REPORT,
    NodeChecked,
    Study,
    StudySpec,
    Trial,
    TrialAttempt,
    trial_notes,
)

T = TypeVar("T")
Reader: TypeAlias = Callable[[str, str], Architecture]  # from text and id


class Store(OrderRecord, FileRecord):
    """The durable record of studies; `with open_store() as store:` closes it at the end.

    All methods raise a StoreError if the database fails or has no study of that name; writing
    methods also raise a StudyBusyError if another process holds the study.
    """

    def __init__(self, database: Database) -> None:
        """Read and write `database`, whose tables have the current version."""
        super().__init__(database)
        self._remembered: dict[str, Remembered] = {}
        self._specs: dict[str, StudySpec] = {}
        self._listed: Listed = {}
        self._parsed: dict[str, dict[str, Architecture]] = {}

    @property
    def shown(self) -> str:
        """The value of --db that names this database, without its password."""
        return self._address.shown

    def command(self, words: str) -> str:
        """Return `nas words` as a command to type, with --db unless the database is the default."""
        return self._database.address.command(words)

    def remember(self, study: Study) -> None:
        """Save this study to a new file if the file of the database is overwritten."""
        name = study.spec.name
        self._remembered[name] = Remembered(study, self.versions(name), self.uid(name))
        self._database.rebuild = partial(rebuild, remembered=self._remembered)

    def close(self) -> None:
        """Release every lease and close every connection."""
        for lease in self._leases.values():
            with contextlib.suppress(StoreError):  # the lease expires; do not hide the first error
                lease.release()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_study(
        self, spec: StudySpec, versions: Mapping[str, str], borrowed: Sequence[Trial] = ()
    ) -> None:
        """Add a new study, with the versions of its libraries and its `borrowed` trainings.

        Raises:
            NasError: the name is invalid.
            NameTakenError: the name is taken; the message lists the settings that differ.
        """
        studies.check_name(spec.name)
        uid = secrets.token_hex(8)

        def create(connection: sa.Connection) -> None:
            key = studies.create(connection, spec, versions, uid)
            borrowing.insert(connection, key, borrowed)

        try:
            self._database.write(create)
        except StoreError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
            row = self._study(spec.name)
            if row.uid != uid:  # otherwise this write was committed and repeated
                raise studies.conflict(spec, StudySpec.from_json(row.spec)) from None

    def create_numbered(
        self, spec: StudySpec, versions: Mapping[str, str], borrowed: Sequence[Trial] = ()
    ) -> StudySpec:
        """Add a study as `create_study` does, under its name or with -2, -3, … appended.

        Returns the specification with this name. Another process may take a name at any time, so
        that a free name is found by trying to insert the study.
        """
        named = spec
        for number in itertools.count(2):
            with contextlib.suppress(NameTakenError):
                self.create_study(named, versions, borrowed)
                return named
            named = replace(spec, name=f"{spec.name}-{number}")
        raise AssertionError("numbers do not end")

    def spec(self, name: str) -> StudySpec:
        """Return the specification of a study."""
        if name not in self._specs:
            self._specs[name] = StudySpec.from_json(self._study(name).spec)
        return self._specs[name]

    def versions(self, name: str) -> dict[str, str]:
        """Return the library versions at the beginning of a study."""
        return studies.read_versions(self._study(name))

    def studies(self) -> list[StudySummary]:
        """Return a summary of each study, oldest first."""
        listed, self._listed = self._database.read(partial(summaries, known=self._listed))
        return listed

    def finished(self, known: Mapping[str, datetime | None]) -> dict[str, list[Finished]]:
        """Return the complete candidates of the studies in `known` that ended after its times.

        The result has for each study, in the order of their ends, the time of the end and the
        values of the first seed by metric. A time of None selects all candidates.
        """
        return self._database.read(partial(select_finished, known=known))

    def activity(self, name: str) -> tuple[StudyState, str | None]:
        """Return the state of a study, and the process that runs it now, as host:pid."""

        def select(connection: sa.Connection) -> tuple[StudyState, str | None]:
            row = studies.find(connection, name, self._address)
            return studies.select_activity(connection, row)

        return self._database.read(select)

    def names(self) -> list[str]:
        """Return the names of all studies."""
        return self._database.read(studies.names)

    def set_state(self, name: str, state: StudyState | str) -> None:
        """Set the state of a study: RUNNING, INTERRUPTED, COMPLETE or FAILED."""
        self._write(name, partial(studies.change, state=StudyState(state)))

    def change_seq(self, name: str) -> int:
        """Return a number that grows with every write to the study, for polling."""
        return int(self._study(name).seq)

    def record_kept(self, study: str) -> int:
        """Record the results that an earlier run left in the spool; return their number.

        A result that contradicts the record is dropped, because the study has continued since.
        """
        number = 0
        for folder in self.folders(study):
            for entry in spool.kept(folder):
                number += 1
                with contextlib.suppress(StaleWriteError):
                    getattr(self, entry.method)(study, *entry.arguments)
            spool.clear(folder)
        return number

    def check_tables(self) -> None:
        """Check that an SQLite database is intact; a PostgreSQL server checks its own pages.

        Raises:
            StoreError: the database is damaged.
        """
        found = self._database.read(housekeeping.faults_of_tables)
        if found:
            raise damaged(self._address, "; ".join(found))

    def delete_study(self, name: str) -> housekeeping.Deleted:
        """Delete a study that this process holds, and its files that no other study reuses."""
        row = self._study(name)
        own = files.StudyFiles(row, self._first, self._base)
        try:
            folders = self._weights_folders(name)
        except StorageError:  # the storage may no longer exist
            folders = [FolderStorage(path) for path in own.folders()]
        kept = self._database.read(lambda c: housekeeping.shared_weights(c, row.id))
        self._write(name, housekeeping.delete_rows)
        self._forget(name)
        return housekeeping.remove_folders(folders, kept)

    def rename_study(self, name: str, new: str) -> None:
        """Rename a study that this process holds, with its folders.

        All folders keep their name if one cannot be reached, or if the new name is taken there.

        Raises:
            NasError: the name is invalid.
            NameTakenError: another study has the name.
        """
        studies.check_name(new)
        row = self._study(name)
        own = files.StudyFiles(row, self._first, self._base)
        moves = own.moves(new)
        renamed = {old.name: fresh.name for old, fresh in moves}

        def rename(connection: sa.Connection, _: int) -> None:
            housekeeping.rename_rows(connection, row, new, renamed)
            files.move(moves)  # undone below if the commit fails

        try:
            self._write(name, rename)
        except BaseException as error:
            files.move([(fresh, old) for old, fresh in moves if fresh.exists()])
            if isinstance(error.__cause__, IntegrityError):
                raise studies.taken(new) from None
            raise
        self._forget(name)
        if name in self._leases:
            self._leases[new] = self._leases.pop(name)

    def _forget(self, name: str) -> None:
        self._specs.pop(name, None)
        self._parsed.pop(name, None)

    def acquire(self, name: str, seconds: float = LEASE_SECONDS) -> Lease:
        """Acquire the right to run a study; it expires `seconds` after the last renewal.

        Raises:
            StudyBusyError: another process holds it; the error names host, process and age.
        """
        lease = Lease.acquire(self._database, self._study(name).id, name, seconds)
        self._leases[name] = lease
        return lease

    def trials(self, study: str, *, curves: bool = True) -> list[Trial]:
        """Return the trials of `study` by number, with the measurements of their last attempt.

        Without `curves` each trial has only the last measurement, which is faster to read.
        """
        return self._parse(
            study, lambda c, row, make: trials.select_trials(c, row.id, make, curves)
        )

    def changes(self, study: str, known: Bookmark | None = None) -> Changes:
        """Return the changes of a study since the bookmark `known`; the whole study for None."""
        return self._parse(study, lambda c, row, make: select_changes(c, row, known, make))

    def with_curves(self, study: str, chosen: Sequence[Trial]) -> dict[int, Trial]:
        """Return some trials of a study by number, with all measurements of their last attempt."""
        numbers = [trial.number for trial in chosen]
        study_id = self._study(study).id
        measured = self._database.read(lambda c: trials.select_curves(c, study_id, numbers))
        return {t.number: replace(t, measurements=measured.get(t.number, ())) for t in chosen}

    def attempts(self, study: str, number: int) -> list[TrialAttempt]:
        """Return the attempts of a trial, oldest first; a reused trial has none."""
        study_id = self._study(study).id
        return self._database.read(lambda c: trials.select_attempts(c, study_id, number))

    def timeline(self, study: str, most: int) -> list[tuple[int, TrialAttempt]]:
        """Return the latest attempts of a study with their trials' numbers, oldest first."""
        study_id = self._study(study).id
        return self._database.read(lambda c: attempts.select_latest(c, study_id, most))

    def device_seconds(self, study: str) -> list[tuple[datetime, float]]:
        """Return (end, device-seconds) of each attempt that recorded them, oldest first."""
        study_id = self._study(study).id
        return self._database.read(lambda c: attempts.select_device_seconds(c, study_id))

    def record_node(self, study: str, found: NodeChecked) -> None:
        """Record the result of the check of a node of a cluster."""
        self._write(study, lambda c, key: nodes.record(c, key, found))

    def nodes(self, study: str) -> list[nodes.StudyNode]:
        """Return the nodes of clusters that were checked for a study, by the time of the check."""
        study_id = self._study(study).id
        return self._database.read(lambda c: nodes.select(c, study_id))

    def find_architectures(self, prefix: str) -> list[tuple[str, int]]:
        """Return the trials of the architectures whose id begins with `prefix`: (study, number).

        There is one for each architecture and study; the newest study comes first.
        """
        return self._database.read(lambda connection: trials.select_prefix(connection, prefix))

    def find_weights(self, sha256: str) -> tuple[str, int] | None:
        """Return the first trial whose weights have this hash, as (study, number), if any."""
        return self._database.read(lambda connection: trials.select_weights(connection, sha256))

    def complete_trials(self, study: str, arch_id: str) -> list[tuple[StudySpec, Trial]]:
        """Return the COMPLETE trials of an architecture, each with the spec of its study.

        They come from `study` and from all studies that the same versions of nas, and of the
        packages of their block kinds, measure in the same way; the oldest study comes first, then
        the lowest number.
        """
        mine, own = self.versions(study), self.spec(study)
        found = self._database.read(lambda connection: trials.select_complete(connection, arch_id))
        complete = []
        for row, make in found:
            if not studies.package_differences(own, mine, studies.read_versions(row)):
                spec = self.spec(row.name)
                complete.append((spec, make(self._reader(row.name)(row.architecture, row.arch_id))))
        return complete

    def earlier_studies(self, spec: StudySpec, versions: Mapping[str, str]) -> dict[str, list[str]]:
        """Return the differences in package versions to each study, by name, oldest first.

        `versions` are those with which `spec` is trained. A list is empty if a study was trained
        with the same versions of the packages that affect the training.
        """
        found = self._database.read(studies.all_versions)
        return {
            name: studies.package_differences(spec, versions, theirs)
            for name, theirs in found.items()
        }

    def borrowed(self, study: str) -> list[Trial]:
        """Return the trainings that a study borrowed from earlier studies when it was created."""
        return self._parse(study, lambda c, row, make: borrowing.select(c, row.id, make))

    def reports(self, name: str) -> dict[int, dict[str, dict[str, Any]]]:
        """Return the final reports of a study as {trial number: {kind: values}}."""
        study_id = self._study(name).id
        return self._database.read(lambda connection: trials.select_reports(connection, study_id))

    def exhausted(self, study: str) -> bool:
        """Tell whether the sampler of a study had no further candidate."""
        return bool(self._study(study).exhausted)

    def notes(self, study: str) -> dict[int, str]:
        """Return the texts of the reports of kind `NOTE_REPORT`, by trial number."""
        return trial_notes(self.reports(study), (NOTE_REPORT,))

    def _parse(self, name: str, select: Callable[[sa.Connection, sa.Row[Any], Reader], T]) -> T:
        """Return the result of `select` for the row of a study and its reader of architectures."""
        self.spec(name)  # cached now, because the reader cannot open a second transaction

        def selected(connection: sa.Connection) -> T:
            row = studies.find(connection, name, self._address)
            return select(connection, row, self._reader(name))

        return self._database.read(selected)

    def _reader(self, name: str) -> Reader:
        """Return a cached function that makes an architecture of a study from its text and id."""
        spaces, parsed = self._specs[name].spaces, self._parsed.setdefault(name, {})

        def read(text: str, arch_id: str) -> Architecture:
            found = parsed.get(text)
            if found is None:
                of, _, choices = text.partition(":")
                space = spaces[of]
                made = partial(space.recorded, choices)
                found = parsed[text] = Architecture.unread(of, space.keys, arch_id, made)
            return found

        return read
