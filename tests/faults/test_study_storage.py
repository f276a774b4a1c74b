"""Studies with their weights in a storage of their own: found, checked, moved and deleted."""

from pathlib import Path

import pytest

from nas.errors import NasError, StudyPausedError
from nas.storage import Storage, open_storage, storage_text
from nas.store import check_store, open_store
from nas.study import Outcome, TrialState, weights_name
from nas.study.study import Study
from nas.workflows.requests import RunRequest
from nas.workflows.resumption import check_folder, with_storage
from tests.cli.runner import Shell
from tests.studies import WalkSampler, small_spec

SPEC = small_spec(num_trials=2, published=False, confirm=0)


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return storage_text(str(tmp_path / "weights"))
    uri: str = request.getfixturevalue("s3").uri
    return open_storage(uri).below(tmp_path.name).text


def make_study(database: str, results: Path, place: str) -> Storage:
    """Enter a study of two complete trials; return its folder in the storage."""
    with open_store(database) as store:
        store.create_study(SPEC, {"nas": "test"})
        name, uid = store.claim_folder("study", results, place), store.uid("study")
        folder, study = open_storage(place).below(name), Study(SPEC, store, WalkSampler(SPEC))
        for number in range(2):
            trial = study.ask()
            assert trial is not None
            file = weights_name(number, trial.attempt, uid)
            saved = (f"{name}/{file}", folder.write(file, bytes([number]) * 100))
            outcome = Outcome(TrialState.COMPLETE, 1.0, None, None, *saved)
            study.finish(number, trial.attempt, outcome)
    return folder


def copy(old: Storage, new: Storage) -> None:
    for key in old.sizes():
        new.write(key, old.read(key))


def test_weights_are_found_checked_and_deleted(place: str, tmp_path: Path, nas: Shell) -> None:
    database, results = str(tmp_path / "nas.db"), tmp_path / "results"
    folder = make_study(database, results, place)
    assert [path.name for path in (results / "study").iterdir()] == ["study.json"]
    found = check_store(database)
    assert (found.weights, found.faults, found.orphans) == (2, [], [])
    first = sorted(key for key in folder.sizes() if key.startswith("trial-0"))[0]
    folder.write(first.replace("trial-0-1-", "trial-0-2-"), b"of an attempt that was lost")
    folder.write(first, b"other weights")
    found = check_store(database)
    assert [fault.trial for fault in found.faults] == [0]
    assert str(folder.file(first)) in found.faults[0].cause
    assert found.orphans == [str(folder.file(first.replace("trial-0-1-", "trial-0-2-")))]
    assert str(open_storage(place)) in nas("show", "study", "--db", database).out
    called = nas("delete", "study", "--yes", "--db", database)
    assert called.code == 0, called
    assert folder.sizes() == {}
    assert not (results / "study").exists()


def test_a_study_keeps_its_storage_until_it_is_moved(
    place: str, tmp_path: Path, nas: Shell
) -> None:
    database, results = str(tmp_path / "nas.db"), tmp_path / "results"
    folder = make_study(database, results, place)
    old, new = open_storage(place), open_storage(place).below("moved")
    with open_store(database) as store:
        assert with_storage(store, "study", RunRequest()).storage == place
        assert with_storage(store, "study", RunRequest(storage=place)).storage == place
        with pytest.raises(NasError, match="db relocate"):
            with_storage(store, "study", RunRequest(storage=new.text))
        check_folder(store, "study", results)
    assert "nothing was changed" in nas.refused("db", "relocate", place, new.text, "--db", database)
    assert "no study has" in nas.refused("db", "relocate", new.text, place, "--db", database)
    copy(folder, new.below("study"))
    old.remove("study")
    with open_store(database) as store, pytest.raises(StudyPausedError, match="db relocate"):
        check_folder(store, "study", results)
    called = nas("db", "relocate", place, new.text, "--db", database)
    assert called.code == 0, called
    assert check_store(database).faults == []
    with open_store(database) as store:
        assert store.storage("study") == new.text
        check_folder(store, "study", results)


def test_a_study_with_weights_in_its_results_keeps_them_there(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "nas.db")) as store:
        store.create_study(SPEC, {"nas": "test"})
        elsewhere = RunRequest(storage=str(tmp_path / "weights"))
        assert with_storage(store, "study", elsewhere).storage == str(tmp_path / "weights")
        store.claim_folder("study", tmp_path / "results")
        with pytest.raises(NasError, match=r"results folder.*Leave --storage out"):
            with_storage(store, "study", elsewhere)


def test_two_databases_share_a_storage(place: str, tmp_path: Path) -> None:
    first = make_study(str(tmp_path / "a.db"), tmp_path / "a", place)
    second = make_study(str(tmp_path / "b.db"), tmp_path / "b", place)
    assert len(first.sizes()) == len(second.sizes()) == 3
    assert str(first) != str(second)
    for name in ("a", "b"):
        assert check_store(str(tmp_path / f"{name}.db")).faults == []


def test_a_renamed_study_finds_its_weights(place: str, tmp_path: Path, nas: Shell) -> None:
    database = str(tmp_path / "nas.db")
    make_study(database, tmp_path / "results", place)
    called = nas("rename", "study", "better", "--db", database)
    assert called.code == 0, called
    found = check_store(database)
    assert (found.weights, found.faults, found.orphans) == (2, [], [])
