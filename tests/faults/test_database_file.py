"""The file of the database is deleted, renamed or replaced while a study runs."""

import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from nas.errors import DatabaseLostError, NasError
from nas.store import open_store
from nas.study.study import Study
from tests.cli.runner import NAS, run_nas
from tests.faults import serial_driver
from tests.forked import Forked
from tests.studies import WalkSampler, complete_trial, run_all, small_spec

Deed = Callable[[Path, Path], None]
TRIALS = 12
SPEC = small_spec(num_trials=TRIALS, published=False, confirm=0)  # that of the driver


class Driver(Forked):
    """A study that runs in another process on the database `path`."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(partial(serial_driver.main, str(path), str(TRIALS), str(seconds)))

    def wait_for(self, line: str) -> None:
        for found in self.stdout:
            if found.strip() == line:
                return
        raise AssertionError(self.stderr.read())

    def end(self) -> tuple[int, str]:
        """Let it close the store; return the exit code and what it printed as an error."""
        with suppress(BrokenPipeError):  # it has ended already
            self.stdin.write("\n")
            self.stdin.flush()
        error = self.stderr.read()
        return self.wait(), error


@pytest.fixture
def drivers() -> Iterator[list[Driver]]:
    """The drivers that a test started; those that still run are killed."""
    started: list[Driver] = []
    yield started
    for driver in started:
        driver.kill()


def delete(path: Path, _other: Path) -> None:
    path.unlink()


def delete_with_logs(path: Path, _other: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def rename(path: Path, _other: Path) -> None:
    path.rename(path.with_name("away.db"))


def put_in_place(path: Path, other: Path) -> None:
    shutil.copy(other, path.with_name("new.db"))
    path.with_name("new.db").replace(path)


def link_elsewhere(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to(other)


def overwrite(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


def delete_folder(path: Path, _other: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The database of another study, which is not in use."""
    path = tmp_path / "other" / "nas.db"
    path.parent.mkdir()
    with open_store(str(path)) as store:
        store.create_study(small_spec(name="another"), {"nas": "other"})
    return path


def copy_named_in(error: str) -> Path:
    """Return the rescued database, which both lines of an error name."""
    cause, remedy = error.splitlines()
    found = re.search(r"saved to (\S+)\.$", cause)
    assert found, error
    assert remedy.endswith(f"--db {found[1]}")
    return Path(found[1])


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def begin(drivers: list[Driver], path: Path) -> None:
    """Start the first driver on the database `path`, and wait until it is at work."""
    drivers.append(Driver(path, 0.05))
    drivers[0].wait_for("trial 3")


@pytest.mark.parametrize(
    "deed",
    [delete, delete_with_logs, rename, put_in_place, link_elsewhere, overwrite, delete_folder],
)
def test_every_record_of_a_lost_file_is_rescued(
    tmp_path: Path, other: Path, drivers: list[Driver], deed: Deed
) -> None:
    path = tmp_path / "place" / "nas.db"
    path.parent.mkdir()
    before = content(other)
    begin(drivers, path)

    deed(path, other)
    code, error = drivers[0].end()

    assert code == 4
    copy = copy_named_in(error)
    try:
        assert content(other) == before
        if path.exists():
            assert content(path) == before, "the log of the lost file was applied to the new one"
        with open_store(str(copy)) as store:
            kept = [t for t in store.trials("study") if t.state.finished]
            assert len(kept) >= 4
            with store.acquire("study"):
                run_all(Study(SPEC, store, WalkSampler(SPEC)))
        with open_store(str(copy), read_only=True) as store:
            trials = {trial.number: trial for trial in store.trials("study")}
        assert len(trials) == TRIALS
        assert [trials[trial.number] for trial in kept] == kept
    finally:
        if tmp_path not in copy.parents:
            copy.unlink()


def test_a_file_that_is_deleted_after_the_last_write_is_rescued(
    tmp_path: Path, drivers: list[Driver]
) -> None:
    path = tmp_path / "nas.db"
    drivers.append(Driver(path, 0.0))
    drivers[0].wait_for("done")

    path.unlink()
    code, error = drivers[0].end()

    assert code == 4
    found = re.search(r"saved to (\S+)\.\n", error)
    assert found
    with open_store(found[1], read_only=True) as store:
        assert len(store.trials("study")) == TRIALS
        assert store.studies()[0].state == "COMPLETE"


def test_a_file_that_is_overwritten_in_place_is_not_written_again(
    tmp_path: Path, other: Path, drivers: list[Driver]
) -> None:
    path = tmp_path / "nas.db"
    begin(drivers, path)

    path.write_bytes(b"")
    code, error = drivers[0].end()

    assert code == 4
    assert "was replaced while it was in use" in error
    assert path.read_bytes() == b""
    assert [file.name for file in tmp_path.glob("nas.db-*")] == []


@pytest.mark.parametrize("rows", [0, 300])
def test_other_content_of_any_size_is_noticed_and_the_running_study_rescued(
    tmp_path: Path, other: Path, drivers: list[Driver], rows: int
) -> None:
    path = tmp_path / "nas.db"
    with open_store(str(path)) as store:  # in the file, not only in the log
        trained = complete_trial(0, 0.5, architecture=SPEC.space.published[0].architecture)
        lent = [replace(trained, number=-1, borrowed="earlier/0")]
        store.create_study(SPEC, {"nas": "a"}, lent)
        borrowed = store.borrowed("study")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE further (text)")
        connection.executemany("INSERT INTO further VALUES (?)", [("x" * 3000,)] * rows)
        connection.commit()
    before = content(other)
    begin(drivers, path)

    overwrite(path, other)
    code, error = drivers[0].end()

    assert code == 4
    assert "was replaced while it was in use" in error
    assert content(path) == before
    with open_store(str(copy_named_in(error))) as store:
        assert sum(trial.state.finished for trial in store.trials("study")) >= 4
        assert [study.name for study in store.studies()] == ["study"]
        assert store.borrowed("study") == borrowed != []


def test_other_programs_may_write_the_same_file(tmp_path: Path, drivers: list[Driver]) -> None:
    path = tmp_path / "nas.db"
    begin(drivers, path)
    with open_store(str(path)) as store:
        store.create_study(small_spec(name="another"), {"nas": "other"})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        connection.execute("VACUUM")
    drivers[0].wait_for("trial 6")
    path.touch()
    drivers[0].wait_for("done")
    assert drivers[0].end() == (0, "")
    with open_store(str(path), read_only=True) as store:
        assert {study.name for study in store.studies()} == {"study", "another"}
        assert len(store.trials("study")) == TRIALS


def test_writes_after_the_loss_reach_the_copy(tmp_path: Path) -> None:
    path, spec = tmp_path / "nas.db", small_spec()
    with pytest.raises(DatabaseLostError), open_store(str(path)) as store:  # noqa: PT012
        store.create_study(spec, {"nas": "test"})
        path.unlink()
        with pytest.raises(DatabaseLostError) as first:
            store.set_state(spec.name, "INTERRUPTED")
        with pytest.raises(DatabaseLostError) as second:
            store.set_state(spec.name, "FAILED")
        assert first.value.copy == second.value.copy
        assert store.studies()[0].state == "FAILED"  # read from the copy
    (copy,) = tmp_path.glob("nas.db.rescued-*")
    with open_store(str(copy), read_only=True) as store:
        assert store.studies()[0].state == "FAILED"
    assert not path.exists()


def test_a_copy_that_cannot_be_written_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, spec = tmp_path / "nas.db", small_spec()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no-such-folder"))
    store = open_store(str(path))
    store.create_study(spec, {"nas": "test"})
    shutil.rmtree(tmp_path)
    with pytest.raises(DatabaseLostError, match="could not be copied"):
        store.close()


def test_a_file_that_is_only_read_may_be_deleted(tmp_path: Path) -> None:
    path, spec = tmp_path / "nas.db", small_spec()
    with open_store(str(path)) as store:
        store.create_study(spec, {"nas": "test"})
    with open_store(str(path), read_only=True) as store:
        assert store.trials(spec.name) == []
        path.unlink()
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_search_whose_database_is_deleted_is_resumed_from_the_rescued_one(tmp_path: Path) -> None:
    words = (
        "search --task digits --budget 20M-flops --input 3x32x32 --classes 10 --no-published "
        "--confirm 0 --max-concurrent 1 --trials 6 --rungs 1 --study small"
    )
    path, said = tmp_path / "nas.db", tmp_path / "stderr"
    with (
        said.open("w") as stderr,
        subprocess.Popen(
            [NAS, *words.split()], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=stderr
        ) as search,
    ):
        while search.poll() is None and finished(path) < 2:
            time.sleep(0.2)
        path.unlink()
        search.wait()
    error = said.read_text()
    assert search.returncode == 4, error
    (copy,) = tmp_path.glob("nas.db.rescued-*")
    assert f"nas resume small --db {copy}" in error
    assert not path.exists()
    kept = finished(copy)
    assert 2 <= kept < 6
    again = run_nas(tmp_path, "resume", "small", "--db", str(copy))
    assert again.returncode == 0, again.stderr
    assert finished(copy) == 6


def finished(path: Path) -> int:
    """Return the number of finished trials of the only study."""
    if not path.exists():
        return 0
    with suppress(NasError), open_store(str(path), read_only=True) as store:
        return sum(t.state.finished for name in store.names() for t in store.trials(name))
    return 0
