"""A folder with its database and results is renamed or copied: every file is found where it is."""

import json
import shutil
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import StudyPausedError
from nas.store import open_store
from nas.store.files import read_places
from nas.study import Fault, Reason, Study
from nas.workflows.resumption import check_folder
from tests.cli.runner import Shell
from tests.faults.test_check_and_backup import make_study
from tests.studies import WalkSampler, measurement, small_spec


def weights(database: Path) -> set[Path]:
    with open_store(str(database), read_only=True) as store:
        found = {store.weights_file("study", trial) for trial in store.trials("study")}
    assert None not in found
    return {path.parents[1] for path in found if path is not None}


def test_files_are_found_in_a_moved_or_copied_project(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    make_study(str(first / "nas.db"), first / "nas-results")
    shutil.copytree(first, tmp_path / "copy")
    first.rename(tmp_path / "moved")
    for place in ("copy", "moved"):
        assert weights(tmp_path / place / "nas.db") == {tmp_path / place / "nas-results"}


def test_a_copy_never_owns_the_files_of_its_original(tmp_path: Path) -> None:
    first, copy = tmp_path / "first", tmp_path / "copy"
    first.mkdir()
    make_study(str(first / "nas.db"), first / "nas-results")
    shutil.copytree(first, copy)
    with open_store(str(copy / "nas.db")) as store, store.acquire("study"):
        assert store.folders("study") == [copy / "nas-results" / "study"]
        store.delete_study("study")
    assert not (copy / "nas-results" / "study").exists()
    assert weights(first / "nas.db") == {first / "nas-results"}


def test_a_database_that_is_moved_alone_finds_its_files(tmp_path: Path) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    for folder in (first, other):
        folder.mkdir()
    make_study(str(first / "nas.db"), first / "nas-results")
    (first / "nas.db").rename(other / "nas.db")
    assert weights(other / "nas.db") == {first / "nas-results"}


def test_results_elsewhere_are_found_by_their_absolute_path(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    make_study(str(first / "nas.db"), tmp_path / "results")
    first.rename(tmp_path / "moved")
    assert weights(tmp_path / "moved" / "nas.db") == {tmp_path / "results"}


def test_a_study_whose_results_are_away_is_not_continued_without_them(
    nas: Shell, tmp_path: Path
) -> None:
    database, results = str(tmp_path / "nas.db"), tmp_path / "my results"
    folder = make_study(database, results)
    results.rename(tmp_path / "elsewhere")
    words = ("resume", "study", "--db", database)
    told = nas.refused(*words, "--results", str(results), code=7)
    assert str(folder) in told
    assert f"mkdir -p '{folder}'" in told
    nas.refused(*words, "--results", str(tmp_path / "new"), code=7)
    assert not results.exists()
    assert not (tmp_path / "new").exists()
    with open_store(database) as store:
        check_folder(store, "study", tmp_path / "elsewhere")  # where they are now
        folder.mkdir(parents=True)
        check_folder(store, "study", results)  # a new folder that the user made


def test_a_study_without_results_is_continued_in_any_folder(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "nas.db")) as store:
        store.create_study(small_spec(), {"nas": "test"})
        check_folder(store, "study", tmp_path / "never")
        store.claim_folder("study", tmp_path / "results")
        (tmp_path / "results").rename(tmp_path / "elsewhere")
        check_folder(store, "study", tmp_path / "results")


def test_a_trial_whose_files_no_disk_took_is_repeated_in_any_folder(tmp_path: Path) -> None:
    spec = small_spec(name="study")
    for reason, kept in ((Reason.STORAGE, False), (Reason.DRIVER, True)):
        place = tmp_path / reason
        with open_store(str(tmp_path / f"{reason}.db")) as store:
            store.create_study(spec, {"nas": "test"})
            store.claim_folder("study", place)
            with store.acquire("study"):
                study = Study(spec, store, WalkSampler(spec))
                trial = study.ask()
                assert trial is not None
                study.record(trial.number, trial.attempt, measurement(trial, 1, spec))
                with suppress(StudyPausedError):
                    study.requeue(trial.number, Fault(reason, "it ended"))
            place.rename(tmp_path / f"{reason}-elsewhere")
            with pytest.raises(StudyPausedError) if kept else nullcontext():
                check_folder(store, "study", place)


def test_what_is_away_is_not_deleted_and_the_command_says_so(nas: Shell, tmp_path: Path) -> None:
    database, results = str(tmp_path / "nas.db"), tmp_path / "results"
    folder = make_study(database, results)
    results.rename(tmp_path / "elsewhere")
    called = nas("delete", "study", "--yes", "--db", database, "--results", str(results))
    assert called.code == 0, called
    assert f"{folder} is not there" in called.err
    assert any((tmp_path / "elsewhere" / "study").iterdir())


@given(names=st.lists(st.sampled_from(["a", "b/c", "d"]), unique=True))
def test_each_folder_is_read_once(names: list[str]) -> None:
    absolute = [str(Path("/no/such/project", name)) for name in names]
    text = json.dumps(
        [part for name, path in zip(names, absolute, strict=True) for part in (name, path)]
    )
    assert read_places(text, Path("/no/such/folder")) == [Path(path) for path in absolute]
    assert read_places(json.dumps(absolute), None) == [Path(path) for path in absolute]
