"""Weights that cannot be saved, and folders that vanish: the trial waits, and is trained again."""

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.errors import StudyPausedError
from nas.store import open_store
from nas.study import results_folder as storage
from nas.study.evaluator import WorkerPlan
from nas.study.execution import Event, TrialMeasured, TrialStarted
from nas.study.study import Study
from nas.study.trial import TrialState
from nas.training.evaluator import TrainingEvaluator
from tests.forked import Forked
from tests.memory_store import MemoryStore
from tests.messages import carrying
from tests.s3_server import KEYS
from tests.studies import WalkSampler, run_serial
from tests.trained import quick_spec, train_study

pytestmark = pytest.mark.usefixtures("cache")

SPEC = quick_spec(num_trials=3)
CLONE_NEWNS = 0x20000  # of <sched.h>: the calling process gets mounts of its own


def study_of(store: MemoryStore) -> Study:
    return Study(SPEC, store, WalkSampler(SPEC))


def evaluator_in(results: Path) -> TrainingEvaluator:
    folder = storage.claim_folder(results, ["study"], "0123456789abcdef")
    plan = (SPEC.to_json(), str(results), None, "", "0")
    return TrainingEvaluator(WorkerPlan(*plan, folder=folder, study_id="0123456789abcdef"))


def states(store: MemoryStore) -> list[tuple[TrialState, int, int]]:
    return [(t.state, t.attempt, len(t.measurements)) for t in store.trials("study")]


def test_files_that_may_not_grow_pause_the_study(tmp_path: Path) -> None:
    """A limit on the size of files strikes the library that writes weights as a full disk does."""
    store = MemoryStore()
    evaluator = evaluator_in(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def watch(event: Event) -> None:
        if isinstance(event, TrialMeasured) and event.trial.number == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))

    try:
        with pytest.raises(StudyPausedError, match=r"cannot be written .*27"):
            run_serial(study_of(store), evaluator, watch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert states(store) == [(TrialState.COMPLETE, 1, 1), (TrialState.WAITING, 1, 1)]
    assert store.reasons == [(1, 1, "storage")]
    run_serial(study_of(store), evaluator)
    assert [state[:2] for state in states(store)] == [
        (TrialState.COMPLETE, attempt) for attempt in (1, 2, 1)
    ]
    files = sorted(path.name for path in (tmp_path / "study").glob("*"))
    wanted = [storage.weights_name(n, a, "0123456789abcdef") for n, a in ((0, 1), (1, 2), (2, 1))]
    assert files == ["study.json", *wanted]


@pytest.mark.parametrize("event", [TrialStarted, TrialMeasured])
def test_a_folder_that_vanishes_pauses_the_study_and_is_not_made_again(
    tmp_path: Path, event: Any
) -> None:
    store, results = MemoryStore(), tmp_path / "results"
    evaluator = evaluator_in(results)

    def watch(told: Event) -> None:
        if isinstance(told, event) and told.trial.number == 1:
            results.rename(tmp_path / "away")

    with pytest.raises(StudyPausedError, match=carrying("results folder")):
        run_serial(study_of(store), evaluator, watch)
    assert not results.exists()
    measured = 1 if event is TrialMeasured else 0
    assert states(store) == [(TrialState.COMPLETE, 1, 1), (TrialState.WAITING, 1, measured)]
    (tmp_path / "away").rename(results)
    run_serial(study_of(store), evaluator)
    assert {state[0] for state in states(store)} == {TrialState.COMPLETE}


def test_the_folder_of_another_study_is_not_written_to(tmp_path: Path) -> None:
    store = MemoryStore()
    evaluator = evaluator_in(tmp_path)
    shutil.rmtree(tmp_path / "study")
    assert storage.claim_folder(tmp_path, ["study"], "another") == "study"
    with pytest.raises(StudyPausedError, match="belongs to another study"):
        run_serial(study_of(store), evaluator)
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["study.json"]


def test_a_storage_that_cannot_be_reached_pauses_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    store, away = MemoryStore(), "s3://bucket/away?endpoint_override=http://127.0.0.1:1&region=x"
    plan = WorkerPlan(SPEC.to_json(), str(tmp_path), None, "", "0", folder="study", storage=away)
    with pytest.raises(StudyPausedError, match=r"s3://bucket/away.* cannot be reached"):
        run_serial(study_of(store), TrainingEvaluator(plan))
    assert states(store) == [(TrialState.WAITING, 1, 0)]
    assert store.reasons == [(0, 1, "storage")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")
def test_a_full_disk_pauses_the_study_until_there_is_room(tmp_path: Path) -> None:
    database, results = tmp_path / "nas.db", tmp_path / "results"
    results.mkdir()

    def train() -> int:
        if ctypes.CDLL(None).unshare(CLONE_NEWNS):  # the disk is mounted for the fork alone
            raise OSError("unshare")
        for words in (
            ["--make-rprivate", "/"],
            ["-t", "tmpfs", "-o", "size=8K", "tmpfs", str(results)],
        ):
            subprocess.run(["mount", *words], check=True)
        torch.set_num_threads(1)
        try:
            train_study(database, results, quick_spec())
        except StudyPausedError as error:
            sys.stdout.write(error.cause)
            return error.exit_code
        return 0

    full = Forked(train)
    told, failed = full.stdout.read(), full.stderr.read()
    code = full.wait()
    if "mount" in failed or "unshare" in failed:
        pytest.skip(f"no disk can be mounted here: {failed}")
    assert code == StudyPausedError.exit_code, failed
    assert "No space left on device" in told
    train_study(database, results, quick_spec())  # there is room
    with open_store(str(database), read_only=True) as store:
        (trial,) = store.trials("study")
    assert (trial.state, trial.attempt, trial.lost) == (TrialState.COMPLETE, 2, 0)
