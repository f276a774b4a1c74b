"""A folder with its database and results is renamed or copied: every file is found where it is."""

import json
import shutil
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nas.store import open_store
from nas.store.files import read_places
from tests.faults.test_check_and_backup import make_study


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


@given(names=st.lists(st.sampled_from(["a", "b/c", "d"]), unique=True))
def test_each_folder_is_read_once(names: list[str]) -> None:
    absolute = [str(Path("/no/such/project", name)) for name in names]
    text = json.dumps(
        [part for name, path in zip(names, absolute, strict=True) for part in (name, path)]
    )
    assert read_places(text, Path("/no/such/folder")) == [Path(path) for path in absolute]
    assert read_places(json.dumps(absolute), None) == [Path(path) for path in absolute]
