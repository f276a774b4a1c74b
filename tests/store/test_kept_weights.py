"""Weights that a study does not keep: the record says so before their files go."""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from nas.errors import StorageError
from nas.storage import FolderStorage, Keep
from nas.store import open_store
from nas.store.store import Store
from nas.study.results_folder import claim_folder, weights_name
from nas.study.spec import StudySpec
from nas.study.trial import TrialState
from tests.store.rows import VERSIONS, trial


def fill(store: Store, spec: StudySpec, results: Path, numbers: range = range(4)) -> list[Path]:
    """Add a study with complete trials, and their weights; return the files."""
    store.create_study(spec, VERSIONS)
    folder, files = store.claim_folder(spec.name, results), []
    for number in numbers:
        name = weights_name(number, 1, store.uid(spec.name))
        path = results / folder / name
        path.write_bytes(f"{spec.name} {number}".encode())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        own = {"weights_path": f"{folder}/{name}", "weights_sha256": digest}
        store.insert_trial(
            spec.name, trial(spec, number, state=TrialState.COMPLETE, seed=number, **own)
        )
        files.append(path)
    return files


def removed_in(store: Store, name: str) -> list[int]:
    return [trial.number for trial in store.trials(name) if trial.weights_removed_at]


def test_only_what_nobody_needs_is_removed(store_url: str, spec: StudySpec, tmp_path: Path) -> None:
    with open_store(store_url) as store:
        files = fill(store, spec, tmp_path)
        first = store.trials(spec.name)
        other = replace(spec, name="other")
        theirs = fill(store, other, tmp_path, range(1))
        reused = replace(first[1], number=5, origin=f"{spec.name}/1")
        store.insert_trial("other", reused)
        taught = replace(spec, name="taught", recipe=f'teacher = ["{first[2].weights_sha256}"]')
        store.create_study(taught, VERSIONS)
        lost = files[0].with_name(weights_name(3, 7, store.uid(spec.name)))
        lost.write_bytes(b"of an attempt that was lost")
        foreign = files[0].with_name(weights_name(9, 1, "ab" * 8))
        checkpoint = files[0].with_name("report.html")
        for path in (foreign, checkpoint):
            path.write_bytes(b"kept")

        assert store.keep(spec.name) is Keep.FRONT
        found = store.remove_weights(spec.name, {0})
        assert removed_in(store, spec.name) == [3]
        assert (found.trials, found.left) == (2, ())
        assert found.freed == len(f"{spec.name} 3") + len(b"of an attempt that was lost")
        left = {path.name for path in files[0].parent.iterdir()}
        assert left == {"study.json", foreign.name, checkpoint.name, *(f.name for f in files[:3])}
        assert removed_in(store, "other") == []
        assert theirs[0].is_file()
        gone = store.trials(spec.name)[3]
        assert (gone.has_weights, store.weights_file(spec.name, gone)) == (False, None)
        assert store.remove_weights(spec.name, {0}).trials == 0

        again = store.remove_weights("other", set())  # not those that it reuses
        assert (again.trials, removed_in(store, "other")) == (1, [0])


def test_an_interruption_leaves_no_record_without_its_file(
    store_url: str, spec: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def fails(error: BaseException, key: str) -> None:
        raise error

    with open_store(store_url) as store:
        files = fill(store, spec, tmp_path)
        for error in (KilledError(), OSError("read-only"), StorageError("gone", "Wait.")):
            with monkeypatch.context() as broken:
                broken.setattr(FolderStorage, "delete", partial(fails, error))
                try:
                    found = store.remove_weights(spec.name, {0, 1})
                    assert found.left == (str(files[0].parent),)
                except KilledError:
                    pass
            assert removed_in(store, spec.name) == [2, 3]
            assert all(file.is_file() for file in files)
        assert store.remove_weights(spec.name, {0, 1}).trials == 2
        assert [file.is_file() for file in files] == [True, True, False, False]


def test_a_copy_in_another_folder_of_the_study_is_removed_too(
    store_url: str, spec: StudySpec, tmp_path: Path
) -> None:
    with open_store(store_url) as store:
        (file,) = fill(store, spec, tmp_path / "one", range(1))
        second = tmp_path / "two" / store.claim_folder(spec.name, tmp_path / "two")
        copy = second / file.name
        copy.write_bytes(b"copy")
        claim_folder(tmp_path / "three", [spec.name], "cd" * 8)
        strange = tmp_path / "three" / spec.name / file.name
        strange.write_bytes(b"of another study")
        assert store.remove_weights(spec.name, set()).trials == 1
        assert [path.exists() for path in (file, copy, strange)] == [False, False, True]
