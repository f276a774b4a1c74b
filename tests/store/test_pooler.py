"""PostgreSQL behind PgBouncer, which gives each transaction any of its sessions."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from nas.errors import StudyBusyError
from nas.store import Store, open_store
from nas.store.database_url import make_engine, read_address
from nas.study.spec import StudySpec
from tests.conftest import PostgresServer, free_port, run_unprivileged
from tests.store.rows import COMPLETE, EPOCHS, VERSIONS, trial

pytestmark = pytest.mark.postgres


@pytest.fixture
def pooled(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database behind a pooler with two sessions; skips without PgBouncer."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer")
    directory = postgres.directory / f"pooler-{free_port()}"
    directory.mkdir()
    port, name = free_port(), postgres.new_database()
    (directory / "users").write_text(f'"nas" "{postgres.password}"\n')
    (directory / "ini").write_text(
        f"[databases]\n{name} = host=127.0.0.1 port={postgres.port} user=nas\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {directory / 'users'}\npool_mode = transaction\n"
        f"default_pool_size = 2\nlogfile = {directory / 'log'}\npidfile = {directory / 'pid'}\n"
    )
    if os.geteuid() == 0:
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, "postgres", "postgres")
    run_unprivileged(Path(program), "-q", "-d", str(directory / "ini"))
    url = f"postgresql+psycopg://nas@127.0.0.1:{port}/{name}"
    _await(url)
    yield url
    os.kill(int((directory / "pid").read_text()), signal.SIGTERM)


def _await(url: str) -> None:
    for _ in range(100):
        try:
            psycopg.connect(url.replace("+psycopg", "")).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise AssertionError("the pooler does not answer")


def test_drivers_of_several_studies_share_the_sessions(pooled: str, spec: StudySpec) -> None:
    """Statements that are repeated would be prepared in one session and missed in the other."""
    open_store(pooled).close()

    def drive(number: int) -> int:
        name = f"study-{number}"
        with open_store(pooled) as store:
            store.create_study(replace(spec, name=name), VERSIONS)
            with store.acquire(name, seconds=0.6):  # renewed several times
                for key in range(12):
                    _measure(store, name, spec, key)
        return number

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(drive, range(4))) == [0, 1, 2, 3]
    with open_store(pooled, read_only=True) as store:
        for number in range(4):
            assert [t.measurements for t in store.trials(f"study-{number}")] == [tuple(EPOCHS)] * 12


def _measure(store: Store, name: str, spec: StudySpec, number: int) -> None:
    store.insert_trial(name, trial(spec, number))
    for measurement in EPOCHS:
        store.record_measurement(name, number, 1, measurement)
    store.finish_trial(name, number, 1, COMPLETE)


def test_a_second_driver_is_turned_away_behind_a_pooler(pooled: str, spec: StudySpec) -> None:
    with open_store(pooled) as first, open_store(pooled) as second:
        first.create_study(spec, VERSIONS)
        with first.acquire(spec.name):
            with pytest.raises(StudyBusyError):
                second.acquire(spec.name)
            with pytest.raises(StudyBusyError):
                second.insert_trial(spec.name, trial(spec))


def test_no_statement_is_ever_prepared(postgres_url: str) -> None:
    engine = make_engine(read_address(postgres_url), read_only=False)
    with engine.connect() as connection:
        for _ in range(20):
            connection.execute(sa.text("SELECT 1"))
        count = sa.text("SELECT count(*) FROM pg_prepared_statements")
        assert connection.execute(count).scalar_one() == 0
    engine.dispose()
