"""Databases that go away, are locked or lose an answer while a study runs."""

import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from nas.errors import StoreError, StudyBusyError
from nas.interruption import interruptible
from nas.store import DatabaseAway, DatabaseBack, Store, open_store, outage
from nas.store import database_url as address
from nas.store.tables import LEASE, STUDY
from nas.study.spec import StudySpec
from tests.conftest import PostgresServer
from tests.faulted import lost
from tests.store.rows import COMPLETE, EPOCHS, VERSIONS, trial


@pytest.fixture
def running(postgres: PostgresServer, spec: StudySpec) -> Iterator[Store]:
    """A store in PostgreSQL with one RUNNING trial."""
    with open_store(postgres.new_url()) as store:
        store.create_study(spec, VERSIONS)
        store.insert_trial("small", trial(spec))
        yield store


@pytest.mark.postgres
def test_a_write_waits_while_the_server_restarts(postgres: PostgresServer, running: Store) -> None:
    with running.acquire("small", seconds=1.0) as lease:
        postgres.stop()
        back = threading.Timer(1.0, postgres.start)
        back.start()
        try:
            running.record_measurement("small", 0, 1, EPOCHS[0])
        finally:
            back.join()
        assert running.trials("small")[0].measurements == (EPOCHS[0],)
        assert not lease.lost


@pytest.mark.postgres
def test_a_read_waits_and_the_outage_is_told(
    postgres: PostgresServer, spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "REPORTED_SECONDS", 0.5)
    url, told = postgres.new_url(), list[object]()
    with open_store(url, watch=told.append) as store:
        store.create_study(spec, VERSIONS)
        postgres.stop()
        back = threading.Timer(1.0, postgres.start)
        back.start()
        try:
            assert [study.name for study in store.studies()] == ["small"]
        finally:
            back.join()
        assert [type(event) for event in told] == [DatabaseAway, DatabaseBack]
        with open_store(url, read_only=True, watch=told.append) as page:
            postgres.stop()
            try:
                with pytest.raises(StoreError, match="failed"):
                    page.studies()  # a page does not wait
                assert len(told) == 2
            finally:
                postgres.start()


@pytest.mark.postgres
def test_a_signal_ends_the_waiting(postgres: PostgresServer, spec: StudySpec) -> None:
    with open_store(postgres.new_url()) as store, interruptible(owns_process=False) as signalled:
        store.create_study(spec, VERSIONS)
        postgres.stop()
        soon = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGTERM])
        soon.start()
        try:
            with signalled.deferred(), pytest.raises(StoreError, match="failed"):
                store.studies()
        finally:
            soon.join()
            postgres.start()
        assert signalled()


@pytest.mark.postgres
def test_patience_ends(postgres: PostgresServer) -> None:
    url = postgres.new_url()
    with open_store(url, patience=0.5) as store:
        postgres.stop()
        try:
            began = time.monotonic()
            with pytest.raises(StoreError, match="failed"):
                store.set_state("small", "COMPLETE")
            assert time.monotonic() - began < 5
            with pytest.raises(StoreError, match="failed"):
                store.studies()
        finally:
            postgres.start()


@pytest.mark.postgres
def test_connections_that_were_cut_are_made_again_at_once(
    postgres: PostgresServer, spec: StudySpec
) -> None:
    url, told = postgres.new_url(), list[object]()
    cut = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
    )
    with (
        open_store(url, patience=0.0, watch=told.append) as store,
        open_store(url, read_only=True) as page,
    ):
        store.create_study(spec, VERSIONS)
        assert page.names() == ["small"]
        with sa.create_engine(url).connect() as server:
            server.execute(cut)
        store.insert_trial("small", trial(spec))
        assert len(page.trials("small")) == 1
    assert not told


@pytest.mark.postgres
def test_a_write_that_waits_while_its_driver_is_replaced_is_refused(
    postgres: PostgresServer, spec: StudySpec
) -> None:
    """It waits for the row of the study, and knows the lease of before."""
    url, refused = postgres.new_url(), list[StudyBusyError]()
    with open_store(url) as store, sa.create_engine(url).connect() as other:
        store.create_study(spec, VERSIONS)
        store.insert_trial("small", trial(spec))
        store.acquire("small")
        other.execute(sa.update(STUDY).values(seq=STUDY.c.seq + 1))

        def write() -> None:
            with pytest.raises(StudyBusyError) as error:
                store.record_measurement("small", 0, 1, EPOCHS[0])
            refused.append(error.value)

        writer = threading.Thread(target=write)
        writer.start()
        time.sleep(0.3)
        assert writer.is_alive()
        other.execute(sa.update(LEASE).values(epoch=LEASE.c.epoch + 1, token="theirs"))
        other.commit()
        writer.join()
        assert refused
        assert store.trials("small")[0].measurements == ()


@pytest.mark.postgres
@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_answer_to_a_commit_does_no_harm(
    spec: StudySpec, postgres_url: str, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """Each commit fails once, before or after it took effect; every write must still be single."""
    failed: list[bool] = []

    def lose_answer(_dialect: object, connection: psycopg.Connection) -> None:
        fails = failed.count(True) <= failed.count(False)
        failed.append(fails)
        if committed or not fails:
            connection.commit()
        if fails:
            raise psycopg.OperationalError("the connection is lost")

    with open_store(postgres_url) as store:
        monkeypatch.setattr(PGDialect_psycopg, "do_commit", lose_answer)
        store.create_study(spec, VERSIONS)
        with store.acquire("small") as lease:
            store.insert_trial("small", trial(spec))
            store.record_measurement("small", 0, 1, EPOCHS[0])
            store.requeue_trial("small", 0, 1, lost())
            store.start_trial("small", 0, 2)
            store.record_measurement("small", 0, 2, EPOCHS[0])
            store.finish_trial("small", 0, 2, COMPLETE)
            store.record_report("small", 0, "test", {"top1_error": 0.5})
            assert lease.epoch == 1
        assert sum(failed) >= 9
        (done,) = store.trials("small")
        assert (done.state, done.attempt, done.measurements) == (COMPLETE.state, 2, (EPOCHS[0],))


def test_a_writer_waits_for_a_locked_file(tmp_path: Path, spec: StudySpec) -> None:
    path = tmp_path / "nas.db"
    with open_store(str(path)) as store:
        store.create_study(spec, VERSIONS)
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN EXCLUSIVE")
        assert store.trials("small") == []  # readers never wait
        release = threading.Timer(0.7, other.execute, ["COMMIT"])
        release.start()
        began = time.monotonic()
        store.insert_trial("small", trial(spec))
        assert time.monotonic() - began > 0.5
        release.join()
        other.close()
        assert len(store.trials("small")) == 1


def test_a_file_that_stays_locked_is_reported(
    tmp_path: Path, spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "BUSY_SECONDS", 0)
    path = tmp_path / "nas.db"
    with open_store(str(path), patience=0.3) as store:
        store.create_study(spec, VERSIONS)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            store.insert_trial("small", trial(spec))
        other.close()


def test_a_full_disk_loses_nothing_that_was_written(tmp_path: Path, spec: StudySpec) -> None:
    path = tmp_path / "nas.db"
    with open_store(str(path)) as store:
        store.create_study(spec, VERSIONS)
    written = 0

    def fill(store: Store) -> None:
        nonlocal written
        for written in range(1000):
            store.insert_trial("small", trial(spec, written, fail_detail="x" * 500))

    def shrink_disk(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 60")

    sa.event.listen(sa.Engine, "connect", shrink_disk)
    try:
        with open_store(str(path)) as store:
            with pytest.raises(StoreError, match="no space left"):
                fill(store)
            assert written > 0
            assert len(store.trials("small")) == written
    finally:
        sa.event.remove(sa.Engine, "connect", shrink_disk)
    with open_store(str(path)) as store:
        assert len(store.trials("small")) == written
        store.insert_trial("small", trial(spec, written))


def test_a_limit_on_the_size_of_files_loses_nothing_that_was_written(
    tmp_path: Path, spec: StudySpec
) -> None:
    path = tmp_path / "nas.db"
    with open_store(str(path)) as store:
        store.create_study(spec, VERSIONS)
        store.insert_trial("small", trial(spec))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = path.with_name("nas.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            with pytest.raises(StoreError, match="the disk of the database") as refused:
                store.record_report("small", 0, "test", {"text": "long " * 2000})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert "ulimit -f" in refused.value.remedy
        store.record_report("small", 0, "test", {"text": "short"})
    with open_store(str(path), read_only=True) as store:
        assert store.reports("small") == {0: {"test": {"text": "short"}}}


def test_a_store_for_reading_never_writes(tmp_path: Path, spec: StudySpec) -> None:
    path = tmp_path / "nas.db"
    with open_store(str(path)) as store:
        store.create_study(spec, VERSIONS)
    before = path.read_bytes()
    with open_store(str(path), read_only=True) as store:
        assert store.spec("small") == spec
        writes: list[Callable[[], object]] = [
            lambda: store.insert_trial("small", trial(spec)),
            lambda: store.acquire("small"),
            lambda: store.create_study(spec, {}),
        ]
        for write in writes:
            with pytest.raises(StoreError, match="read-only"):
                write()
    assert path.read_bytes() == before
