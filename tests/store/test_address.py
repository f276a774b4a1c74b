"""Addresses that cannot be used: one line of cause, one of remedy, and nothing left behind."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.errors import StoreError
from nas.store import open_store
from tests.conftest import PostgresServer


def refuse(url: str, **options: Any) -> StoreError:
    with pytest.raises(StoreError) as refused:
        open_store(url, **options)
    error = refused.value
    assert error.exit_code == 4
    for line in (error.cause, error.remedy):
        assert line
        assert "\n" not in line
    return error


@pytest.mark.parametrize(
    ("url", "cause", "remedy"),
    [
        ("", "is not a database file name", "nas.db"),
        (":memory:", "is not a database file name", "nas.db"),
        ("sqlite://", "is not a database file name", "nas.db"),
        ("sqlite:///:memory:", "is not a database file name", "nas.db"),
        ("sqlite:///x.db?mode=ro", "is not a database file name", "nas.db"),
        ("postgresql://me@host/nas", "begins with postgresql://", "postgresql+psycopg://"),
        ("postgres://me@host/nas", "begins with postgres://", "postgresql+psycopg://"),
        ("postgresql+psycopg2://me@host/nas", "psycopg2://", "postgresql+psycopg://"),
        ("mysql://me@host/nas", "mysql:// databases", "nas.db"),
        ("postgresql:nas", "neither a file name", "postgresql+psycopg://"),
        ("://", "not a database URL", "nas.db"),
        ("postgresql+psycopg://me@host:port/nas", "not a database URL", "nas.db"),
        ("x" * 300 + ".db", "File name too long", "nas.db"),
        ("~no-such-user/nas.db", "not determine home", "nas.db"),
    ],
)
def test_what_is_no_address_is_refused(
    url: str, cause: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refuse(url)
    assert cause in error.cause
    assert remedy in error.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_named_in_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    urls = {None: "nas.db", "ä b?c%20#.db": "ä b?c%20#.db", "sqlite:///c%20d.db": "c d.db"}
    for url, path in urls.items():
        open_store(url).close()
        open_store(url, read_only=True).close()
        assert Path(path).is_file()
    open_store(f"sqlite:///{tmp_path}/absolute.db").close()
    assert {path.name for path in tmp_path.glob("*.db")} == {*urls.values(), "absolute.db"}


def test_a_directory_and_a_missing_one_are_named(tmp_path: Path) -> None:
    assert "is a directory" in refuse(str(tmp_path)).cause
    missing = tmp_path / "not" / "there"
    assert f"mkdir -p {missing}" in refuse(str(missing / "x.db")).remedy
    assert not missing.exists()


@pytest.mark.parametrize("options", [{"read_only": True}, {"create": False}])
def test_nothing_is_created_where_it_may_not_be(tmp_path: Path, options: dict[str, bool]) -> None:
    path = tmp_path / "nas.db"
    error = refuse(str(path), **options)
    assert "there is no file" in error.cause
    assert list(tmp_path.iterdir()) == []
    path.touch()
    assert "has no studies" in refuse(str(path), **options).cause
    assert path.stat().st_size == 0 or not options.get("read_only")


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes " * 500)
    for read_only in (False, True):
        assert "not an SQLite database" in refuse(str(path), read_only=read_only).cause
    assert path.read_text() == "my notes " * 500
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_database_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "nas.db"
    open_store(str(path)).close()
    content = bytearray(path.read_bytes())
    content[100:8000] = os.urandom(7900)
    path.write_bytes(content)
    assert "is damaged" in refuse(str(path)).cause
    assert path.read_bytes() == content


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_a_directory_where_nobody_may_write(tmp_path: Path) -> None:
    assert "cannot be opened" in refuse("/proc/nas.db").cause


OPEN = """
import sys
from nas.errors import StoreError
from nas.store import open_store
from tests.conftest import PostgresServer
try:
    with open_store(sys.argv[1], read_only=sys.argv[2] == "ro") as store:
        print(len(store.studies()), "studies")
except StoreError as error:
    print(error)
"""


def test_a_database_in_a_directory_that_one_may_only_read() -> None:
    """A database of another user can be read in full, and refuses to be written."""
    with tempfile.TemporaryDirectory() as name:
        directory, path = Path(name), Path(name) / "nas.db"
        if "Error" in unprivileged("-c", "import nas.store"):
            pytest.skip("this Python cannot be run as another user than root")
        open_store(str(path)).close()
        path.chmod(0o444)
        directory.chmod(0o555)
        assert unprivileged("-c", OPEN, str(path), "ro") == "0 studies"
        assert "is not writable" in unprivileged("-c", OPEN, str(path), "rw")
        assert "cannot be opened" in unprivileged("-c", OPEN, str(directory / "new.db"), "rw")
        with open_store(str(path), read_only=os.geteuid() != 0):  # while its owner has it open
            assert unprivileged("-c", OPEN, str(path), "ro") == "0 studies"
        directory.chmod(0o755)


def unprivileged(*words: str) -> str:
    """Return what Python says, run as a user who may not write everywhere."""
    command = [sys.executable, *words]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            return "Error: no setpriv"
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    return (done.stdout + done.stderr).strip()


@pytest.mark.postgres
def test_a_server_that_is_not_there_or_says_no(postgres_url: str) -> None:
    faults: list[tuple[Callable[[str], str], str, str]] = [
        (lambda url: re.sub(r":\d+/", ":1/", url), "Connection refused", "server is running"),
        (lambda url: re.sub(r"127.0.0.1", "nowhere.invalid", url), "nowhere.invalid", "host"),
        (lambda url: re.sub(r"nas:\w+@", "nas:wrong@", url), "password", "password"),
        (lambda url: re.sub(r"nas:", "nobody:", url), "password", "user"),
        (lambda url: url.replace("/postgres?", "/other?"), "does not exist", "database"),
    ]
    for change, cause, remedy in faults:
        error = refuse(change(postgres_url))
        assert cause in error.cause
        assert remedy in error.remedy
        password = re.search(r"nas:(\w+)@", postgres_url)
        assert password is not None
        assert password[1] not in str(error)
        assert "wrong" not in str(error)


@pytest.mark.postgres
def test_a_database_whose_encoding_is_sql_ascii(postgres: PostgresServer) -> None:
    name = postgres.new_database("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    place = f"nas:{postgres.password}@127.0.0.1:{postgres.port}/{name}"
    with open_store(f"postgresql+psycopg://{place}") as store:
        assert store.studies() == []
