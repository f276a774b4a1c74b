"""`nas db check` and `nas db backup`: what they find, and that they change nothing."""

import json
import shutil
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from nas.errors import NasError, StoreError
from nas.storage import file_sha256
from nas.store import back_up, check_store, open_store
from nas.study import Outcome, TrialState, weights_name
from nas.study.study import Study
from tests.cli.runner import Shell
from tests.conftest import PostgresServer
from tests.studies import WalkSampler, run_one, small_spec


def make_study(database: str, results: Path, trials: int = 4) -> Path:
    """Enter a study of complete trials with weights; return the folder of its files."""
    spec = small_spec(num_trials=trials, published=False, confirm=0)
    with open_store(database) as store:
        store.create_study(spec, {"nas": "test"})
        name, uid = store.claim_folder(spec.name, results), store.uid(spec.name)
        study = Study(spec, store, WalkSampler(spec))
        for number in range(trials):
            trial = study.ask()
            assert trial is not None
            file = results / name / weights_name(number, trial.attempt, uid)
            file.write_bytes(bytes([number]) * 100)
            saved = (f"{name}/{file.name}", file_sha256(file))
            outcome = Outcome(TrialState.COMPLETE, 1.0, None, None, *saved)
            study.finish(number, trial.attempt, outcome)
    return results / name


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_a_check_finds_what_is_missing_changed_or_not_recorded(
    store_url: str, tmp_path: Path
) -> None:
    folder = make_study(store_url, tmp_path / "results")
    found = check_store(store_url)
    assert (found.studies, found.trials, found.weights) == (1, 4, 4)
    assert (found.faults, found.orphans) == ([], [])

    files = sorted(folder.glob("trial-*"))
    files[0].unlink()
    files[1].write_bytes(b"other weights")
    orphan = files[2].with_name(files[2].name.replace("trial-2-1-", "trial-2-2-"))
    shutil.copy(files[2], orphan)
    (folder / "report.html").touch()
    found = check_store(store_url)
    assert [(fault.study, fault.trial) for fault in found.faults] == [("study", 0), ("study", 1)]
    assert "missing" in found.faults[0].cause
    assert str(files[1]) in found.faults[1].cause
    assert found.orphans == [str(orphan)]


def test_a_check_finds_damaged_pages(tmp_path: Path) -> None:
    path = tmp_path / "nas.db"
    make_study(str(path), tmp_path / "results")
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\x05" * 4096
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        check_store(str(path))
    assert path.read_bytes() == content
    with pytest.raises(StoreError, match="is damaged"):
        back_up(str(path), tmp_path / "copy.db")
    assert not list(tmp_path.glob("*copy*"))


def test_a_check_finds_rows_without_a_study(tmp_path: Path) -> None:
    path = tmp_path / "nas.db"
    make_study(str(path), tmp_path / "results")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM nas_study")
        connection.commit()
    with pytest.raises(StoreError, match="belongs to no row of nas_study"):
        check_store(str(path))


def test_a_backup_while_a_study_writes_is_one_moment_of_it(tmp_path: Path) -> None:
    path, copy = tmp_path / "nas.db", tmp_path / "copy.db"
    spec = small_spec(num_trials=200, published=False, confirm=0)
    stop = threading.Event()
    with open_store(str(path)) as store:
        store.create_study(spec, {"nas": "test"})
        study = Study(spec, store, WalkSampler(spec))

        def write() -> None:
            while not stop.is_set() and run_one(study) is not None:
                pass

        writer = threading.Thread(target=write)
        writer.start()
        while len(study.trials) < 10:
            time.sleep(0.01)
        before = sum(trial.state.finished for trial in study.trials)
        assert back_up(str(path), copy) == copy.stat().st_size
        stop.set()
        writer.join()
        after = {trial.number: trial for trial in store.trials(spec.name)}
    with open_store(str(copy)) as store:
        kept = [trial for trial in store.trials(spec.name) if trial.state.finished]
        assert before <= len(kept) <= len(after)
        assert all(after[trial.number] == trial for trial in kept)
        store.set_state(spec.name, "INTERRUPTED")  # it is a database like any other


def test_the_verbs_print_what_was_found(nas: Shell, tmp_path: Path) -> None:
    folder = make_study("nas.db", tmp_path / "nas-results")
    done = nas("db", "check")
    assert (done.code, done.out, done.err) == (
        0, "checked 1 study, 4 trials, 4 files of weights\n", ""
    )  # fmt: skip
    before = dump(Path("nas.db"))
    assert nas("db", "backup", "copy.db").out.startswith("wrote copy.db: ")
    assert dump(Path("copy.db")) == before
    assert "--force" in nas.refused("db", "backup", "copy.db")
    assert nas("db", "backup", "copy.db", "--force").code == 0
    assert "already exists" in nas.refused("db", "backup", "nas.db", "--force")
    assert "cannot be written" in nas.refused("db", "backup", "no/copy.db")
    assert "no.db" in nas.refused("db", "backup", "new.db", "--db", "no.db", code=4)
    assert "no.db" in nas.refused("db", "check", "--db", "no.db", code=4)
    next(folder.glob("trial-2-*")).unlink()
    found = nas("db", "check")
    assert found.code == 2
    assert found.err.startswith("study#2: ")
    listed = json.loads(nas("db", "check", "--json").out)
    assert [fault["trial"] for fault in listed["faults"]] == [2]
    assert dump(Path("nas.db")) == before


@pytest.mark.postgres
def test_the_command_for_postgresql_makes_a_backup(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    if not shutil.which("pg_dump"):
        pytest.skip("no pg_dump")
    make_study(postgres_url, tmp_path / "results")
    target = tmp_path / "nas dump"
    with pytest.raises(NasError) as refused:
        back_up(postgres_url, target)
    assert postgres.password not in str(refused.value)
    command = refused.value.remedy.removeprefix("Type: ")
    environment = {"PGPASSWORD": postgres.password, "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-c", command], env=environment, check=True)
    listed = subprocess.run(
        ["pg_restore", "--list", target], capture_output=True, text=True, check=True
    )
    for table in ("nas_study", "nas_trial", "nas_measurement", "nas_alembic_version"):
        assert f"TABLE DATA {table}".split()[-1] in listed.stdout
