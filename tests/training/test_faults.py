"""Trials that go wrong in training: memory, numbers, images; through the real evaluator."""

import itertools
import json
import math
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from nas.errors import StudyPausedError, TaskError
from nas.study.evaluator import Attempt, TrialError, WorkerPlan
from nas.study.execution import Event, Execution, TrialMeasured, TrialRequeued, run_serial
from nas.study.fixed_network import NoSampler
from nas.study.study import Study
from nas.study.trial import TrialState
from nas.training import evaluator as evaluator_module
from nas.training.data.problem import ClassScores
from nas.training.evaluator import TrainingEvaluator
from nas.training.loop import session as session_module
from nas.training.loop.epoch import EpochResult
from nas.training.loop.out_of_memory import free_memory
from nas.training.loop.recipe import Recipe, load_recipe
from nas.training.loop.session import Session
from tests.memory_store import MemoryStore
from tests.messages import carrying
from tests.studies import WalkSampler, fixed_spec, small_spec
from tests.training.data.pictures import write_shades
from tests.training.nets import RECIPE, coloured_task, small_layers

pytestmark = pytest.mark.usefixtures("cache")

DIGITS = {"rungs": (1, 2), "published": False, "proxies": False, "confirm": 0, "limit": 64}
TOO_MUCH = 1 << 60  # bytes that no machine has, so that a real allocator refuses


def study_of(store: MemoryStore, **changes: object) -> Study:
    spec = small_spec(**{**DIGITS, "recipe": load_recipe("digits").text, **changes})
    return Study(spec, store, WalkSampler(spec))


def evaluator_of(study: Study, tmp_path: Path) -> TrainingEvaluator:
    spec = study.spec
    return TrainingEvaluator(WorkerPlan(spec.to_json(), str(tmp_path), spec.data_dir, "", "0"))


def change_optimisers(
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[nn.Module, Recipe, torch.optim.Optimizer], None],
) -> None:
    """Let `change` alter each optimiser that a session makes."""
    honest = vars(session_module)["make_optimiser"]

    def make(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
        optimiser: torch.optim.Optimizer = honest(network, recipe)
        change(network, recipe, optimiser)
        return optimiser

    monkeypatch.setattr(session_module, "make_optimiser", make)


def starving(monkeypatch: pytest.MonkeyPatch, fails: Callable[[int, int], bool]) -> list[int]:
    """Let the optimiser's step want too much memory where `fails(accumulation, step)` says so.

    Returns a list to which each step adds the number of parts of its batch.
    """
    parts: list[int] = []

    def change(_network: nn.Module, recipe: Recipe, optimiser: torch.optim.Optimizer) -> None:
        honest, steps = optimiser.step, itertools.count(1)

        def step(closure: None = None) -> None:
            parts.append(recipe.accumulation)
            if fails(recipe.accumulation, next(steps)):
                torch.empty(TOO_MUCH, dtype=torch.uint8)
            honest(closure)

        optimiser.step = step  # type: ignore[method-assign, assignment]

    change_optimisers(monkeypatch, change)
    return parts


def test_memory_that_ends_in_the_second_epoch_costs_one_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    events: list[Event] = []
    study = study_of(store, num_trials=2, eta=10)
    recipe = load_recipe("digits")
    epoch = 64 // recipe.batch_size
    first: list[int] = []

    def fails(accumulation: int, step: int) -> bool:
        if accumulation == 1 and step > epoch and not first:
            first.append(step)
            return True
        return False

    parts = starving(monkeypatch, fails)
    run_serial(study, evaluator_of(study, tmp_path), events.append)
    one, other = store.trials("study")
    half = recipe.batch_size // 2
    note = f"out of memory: batches of {recipe.batch_size} in 2 parts of {half}"
    assert (one.state, one.attempt, one.lost) == (TrialState.COMPLETE, 2, 0)
    assert [found.epoch for found in one.measurements] == [1, 2]  # those of the second attempt
    assert store.reports["study"] == {0: {"note": {"text": note}}}
    assert [event.reason for event in events if isinstance(event, TrialRequeued)] == [note]
    assert (other.attempt, other.fail_reason) == (1, None)
    # whole, then halved from its first step, and the next trial whole again
    assert parts == [1] * (epoch + 1) + [2] * 2 * epoch + [1] * (len(parts) - 3 * epoch - 1)
    assert parts[-1] == 1


def test_the_halved_attempt_trains_like_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for fails in (lambda accumulation, step: False, lambda accumulation, step: accumulation == 1):
        store = MemoryStore()
        study = study_of(store, num_trials=1)
        with monkeypatch.context() as patch:
            starving(patch, fails)
            run_serial(study, evaluator_of(study, tmp_path))
        found.append(store.trials("study")[0])
    whole, halved = found
    assert halved.seed == whole.seed
    assert halved.final.train_loss == pytest.approx(whole.final.train_loss, rel=0.1)
    assert halved.final.train_loss != whole.final.train_loss


def test_memory_that_suffices_for_no_half_fails_the_trial_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, attempts = MemoryStore(), []
    study = study_of(store, num_trials=2, eta=10)

    def fails(accumulation: int, step: int) -> bool:
        attempts.append(accumulation)
        return len(attempts) <= 2

    starving(monkeypatch, fails)
    run_serial(study, evaluator_of(study, tmp_path))
    one, other = store.trials("study")
    assert attempts[:2] == [1, 2]
    assert (one.state, one.fail_reason, one.attempt) == (TrialState.FAILED, "oom", 2)
    assert len(one.fail_detail.splitlines()) == 1
    assert "do not fit the memory, nor do their halves" in one.fail_detail
    assert "smaller batch_size" in one.fail_detail
    assert other.state is TrialState.COMPLETE
    assert other.attempt == 1


def test_memory_that_ends_in_evaluation_is_helped_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, sizes = MemoryStore(), []
    study = study_of(store, num_trials=1)
    honest = ClassScores.add

    def add(self: ClassScores, logits: torch.Tensor, labels: torch.Tensor) -> None:
        sizes.append(len(labels))
        if len(labels) >= max(sizes) and len(labels) == sizes[0]:
            torch.empty(TOO_MUCH, dtype=torch.uint8)
        honest(self, logits, labels)

    monkeypatch.setattr(ClassScores, "add", add)
    run_serial(study, evaluator_of(study, tmp_path))
    trial = store.trials("study")[0]
    assert (trial.state, trial.attempt) == (TrialState.COMPLETE, 2)
    assert sizes[1] == sizes[0] // 2


def test_a_measurement_without_a_metric_of_the_study_pauses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, store = ClassScores.result, MemoryStore()

    def result(self: ClassScores) -> dict[str, float]:
        return {name: value for name, value in honest(self).items() if name != "top1_error"}

    monkeypatch.setattr(ClassScores, "result", result)
    study = study_of(store, num_trials=1)
    with pytest.raises(StudyPausedError, match="measured no top1_error"):
        run_serial(study, evaluator_of(study, tmp_path))
    assert store.trials("study")[0].state is TrialState.WAITING


def test_a_batch_that_cannot_be_halved_fails_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    study = study_of(store, num_trials=1, recipe=replace(RECIPE, batch_size=3).text)
    starving(monkeypatch, lambda accumulation, step: True)
    run_serial(study, evaluator_of(study, tmp_path))
    trial = store.trials("study")[0]
    assert (trial.state, trial.fail_reason, trial.attempt) == (TrialState.FAILED, "oom", 1)
    assert store.reports == {}


def test_the_memory_is_free_before_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(MemoryStore(), num_trials=1)
    networks: list[weakref.ref[nn.Module]] = []
    held: list[bool] = []

    def remember(network: nn.Module, *_: object) -> None:
        networks.append(weakref.ref(network))

    def free() -> None:
        free_memory()
        held.append(networks[-1]() is not None)

    starving(monkeypatch, lambda accumulation, step: accumulation == 1)
    change_optimisers(monkeypatch, remember)
    monkeypatch.setattr(evaluator_module, "free_memory", free)
    run_serial(study, evaluator_of(study, tmp_path))
    assert study.trials[0].state is TrialState.COMPLETE
    assert held == [False]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does")
def test_a_process_whose_memory_is_limited_trains_in_halves(tmp_path: Path) -> None:
    script = Path(__file__).with_name("starved_process.py")
    root = str(script.parents[2])
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True, text=True, timeout=240, env=environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["whole"] > found["halved"] + (100 << 20)  # else the limit could not tell them
    assert found["states"] == ["COMPLETE"]
    assert found["attempts"] == [2]
    assert "in 2 parts of" in found["notes"][0]


# -- numbers -------------------------------------------------------------------------------------


def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every step put NaN into all weights."""

    def change(network: nn.Module, _recipe: Recipe, optimiser: torch.optim.Optimizer) -> None:
        def step(closure: None = None) -> None:
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.fill_(math.nan)

        optimiser.step = step  # type: ignore[method-assign, assignment]

    change_optimisers(monkeypatch, change)


def test_a_training_that_diverges_is_not_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch)
    task = coloured_task()
    run = Session(small_layers(task.input, 2), task, RECIPE, 3, 0, "cpu")

    in_training = []
    run.network.register_forward_pre_hook(lambda module, _: in_training.append(module.training))
    found = run.run_epoch()
    assert in_training
    assert all(in_training)
    assert math.isnan(found.train_loss)
    assert found.metrics == {}


def test_a_diverged_trial_fails_after_its_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch)
    store = MemoryStore()
    study = study_of(store, num_trials=1, rungs=(1,), recipe=RECIPE.text)
    run_serial(study, evaluator_of(study, tmp_path))
    trial = store.trials("study")[0]
    assert (trial.state, trial.fail_reason) == (TrialState.FAILED, "nan")
    assert "train_loss nan" in trial.fail_detail
    assert not list((tmp_path / "study").glob("*"))  # no weights of a network that is none


# -- images --------------------------------------------------------------------------------------


def folder_study(store: MemoryStore, folder: Path, **changes: object) -> Study:
    own = {"task": "folder", "data_dir": str(folder), "image_size": 16, "limit": None}
    return study_of(store, **own, recipe=RECIPE.text, **changes)


def test_a_study_whose_images_disappear_pauses_keeping_everything_and_resumes(
    tmp_path: Path,
) -> None:
    folder, away = write_shades(tmp_path / "images", (16, 24)), tmp_path / "away"
    store = MemoryStore()
    study = folder_study(store, folder, num_trials=5, rungs=(2,))

    def watch(event: Event) -> None:
        if isinstance(event, TrialMeasured) and event.trial.number == 1:
            folder.rename(away)

    with pytest.raises(StudyPausedError, match=carrying("data folder")) as caught:
        run_serial(study, evaluator_of(study, tmp_path), watch)
    assert caught.value.exit_code == 7
    trials = store.trials("study")
    assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.WAITING]
    assert len(trials[1].measurements) == 1
    assert store.reasons == [(1, 1, "data")]

    fresh = folder_study(store, folder, num_trials=5, rungs=(2,))
    with pytest.raises(TrialError, match="is gone"):  # what a new worker would meet
        evaluator_of(fresh, tmp_path)
    away.rename(folder)
    run_serial(fresh, evaluator_of(fresh, tmp_path))
    again = store.trials("study")
    assert [trial.state for trial in again] == [TrialState.COMPLETE] * 5
    assert [trial.attempt for trial in again] == [1, 2, 1, 1, 1]
    assert again[1].lost == 0


def test_images_that_are_missing_pause_the_study_whichever_was_missed_first(tmp_path: Path) -> None:
    folder = write_shades(tmp_path / "images", (16, 24))
    store = MemoryStore()
    study = folder_study(store, folder, num_trials=5)
    evaluator = evaluator_of(study, tmp_path)
    for file in folder.glob("*/*.png"):  # the folder itself stays, like an empty mount point
        file.unlink()
    with pytest.raises(StudyPausedError, match="png"):
        run_serial(study, evaluator)
    assert [trial.state for trial in store.trials("study")] == [TrialState.WAITING]


def test_images_in_memory_outlive_their_folder_but_no_new_worker_can_read_them(
    tmp_path: Path,
) -> None:
    folder = write_shades(tmp_path / "images", (16,))
    study = folder_study(MemoryStore(), folder, num_trials=1)
    evaluator = evaluator_of(study, tmp_path)
    folder.rename(tmp_path / "away")
    run_serial(study, evaluator)
    assert study.trials[0].state is TrialState.COMPLETE
    with pytest.raises(TrialError) as caught:
        evaluator_of(study, tmp_path)
    assert caught.value.reason == "data"
    assert "Restore it" in caught.value.remedy


def test_other_mistakes_keep_their_own_words(tmp_path: Path) -> None:
    study = study_of(MemoryStore(), recipe="nothing = 1")
    with pytest.raises(TaskError):
        evaluator_of(study, tmp_path)


def test_a_fixed_network_keeps_its_epochs_and_its_halved_batches_over_a_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory ends in epoch 3; the driver ends in epoch 4; each goes on from the last checkpoint."""
    spec, store = fixed_spec(recipe=load_recipe("digits").text, limit=64), MemoryStore()
    honest, ran, fails = Session.run_epoch, [], {3: MemoryError(), 4: KeyboardInterrupt()}

    def run_epoch(self: Session, on_step: Callable[[int, int], None] | None = None) -> EpochResult:
        ran.append((self.epoch + 1, self.recipe.accumulation))
        if (failure := fails.pop(self.epoch + 1, None)) is not None:
            raise failure
        return honest(self, on_step)

    monkeypatch.setattr(Session, "run_epoch", run_epoch)
    study = Study(spec, store, NoSampler())
    with pytest.raises(KeyboardInterrupt):
        run_serial(study, evaluator_of(study, tmp_path))
    study = Study(spec, store, NoSampler())  # a new driver
    run_serial(study, evaluator_of(study, tmp_path))
    (trial,) = store.trials("study")
    assert ran == [(1, 1), (2, 1), (3, 1), (3, 2), (4, 2), (4, 2)]
    assert (trial.state, trial.attempt) == (TrialState.COMPLETE, 3)
    assert [found.epoch for found in trial.measurements] == [1, 2, 3, 4]
    assert "in 2 parts" in store.reports["study"][0]["note"]["text"]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_long_trial_of_a_search_continues_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    """The driver ends in the third epoch, which costs that epoch alone."""
    monkeypatch.setattr(evaluator_module, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(evaluator_module, "RUNG_SECONDS", 0.0)
    honest, ran, fails = Session.run_epoch, list[int](), {3: KeyboardInterrupt()}

    def run_epoch(self: Session, on_step: Callable[[int, int], None] | None = None) -> EpochResult:
        ran.append(self.epoch + 1)
        if (failure := fails.pop(self.epoch + 1, None)) is not None:
            raise failure
        return honest(self, on_step)

    monkeypatch.setattr(Session, "run_epoch", run_epoch)
    settings = {"num_trials": 1, "rungs": (2, 4)}
    store, whole = MemoryStore(), MemoryStore()
    study = study_of(store, **settings)
    with pytest.raises(KeyboardInterrupt):
        run_serial(study, evaluator_of(study, tmp_path))
    if damaged:
        (state,) = (tmp_path / "trial-0").glob("state-*.safetensors")
        state.write_bytes(state.read_bytes()[:-1])
    study = study_of(store, **settings)
    run_serial(study, evaluator_of(study, tmp_path))
    assert ran == ([1, 2, 3, 1, 2, 3, 4] if damaged else [1, 2, 3, 3, 4])
    other = study_of(whole, **settings)
    (tmp_path / "whole").mkdir()
    run_serial(other, evaluator_of(other, tmp_path / "whole"))
    (trial,), (undisturbed,) = store.trials("study"), whole.trials("study")
    assert (trial.state, trial.attempt) == (TrialState.COMPLETE, 2)
    for one, two in zip(trial.measurements, undisturbed.measurements, strict=True):
        assert (one.epoch, one.rung, one.metrics) == (two.epoch, two.rung, two.metrics)
        assert one.train_loss == two.train_loss


def test_short_trials_of_a_search_write_no_checkpoints(tmp_path: Path) -> None:
    study = study_of(MemoryStore(), num_trials=1, rungs=(2, 4))
    run_serial(study, evaluator_of(study, tmp_path))
    assert not list(tmp_path.glob("trial-*/"))


def test_a_fixed_network_survives_any_number_of_losses_that_follow_progress(tmp_path: Path) -> None:
    spec, store = fixed_spec(recipe=load_recipe("digits").text, limit=64), MemoryStore()
    study = Study(spec, store, NoSampler())
    for attempt in range(1, 5):  # one more than are allowed without progress
        execution = Execution(study)
        job = execution.next()
        assert job is not None
        going = Attempt(job, lambda: evaluator_of(study, tmp_path))
        for _ in range(attempt):
            execution.report(job, going.advance())
        going.close()
        if attempt < 4:
            execution.lost(job)
    (trial,) = store.trials("study")
    assert (trial.lost, len(trial.measurements)) == (0, 4)
