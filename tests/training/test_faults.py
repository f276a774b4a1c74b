"""Trials that go wrong in training: numbers, images, lost drivers; through the real evaluator."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from nas.errors import StudyPausedError, TaskError
from nas.study.evaluator import Attempt, TrialError
from nas.study.execution import Event, Execution, TrialMeasured
from nas.study.spec_parts import NoSampler
from nas.study.study import Study
from nas.study.trial import TrialState
from nas.training import evaluator as evaluator_module
from nas.training.data.problem import ClassScores
from nas.training.loop.epoch import EpochResult
from nas.training.loop.optimiser import Optimiser
from nas.training.loop.recipe import Recipe, load_recipe
from nas.training.loop.session import Session
from tests.memory_store import MemoryStore
from tests.messages import carrying
from tests.studies import fixed_spec, run_serial
from tests.training.data.pictures import write_shades
from tests.training.digit_studies import change_optimisers, evaluator_of, study_of
from tests.training.nets import RECIPE, coloured_task, small_layers

pytestmark = pytest.mark.usefixtures("cache")


# -- numbers -------------------------------------------------------------------------------------


def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every step put NaN into all weights."""

    def change(network: nn.Module, _recipe: Recipe, optimiser: Optimiser) -> None:
        def step() -> None:
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.fill_(math.nan)

        optimiser.step = step  # type: ignore[method-assign]

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


# -- images --------------------------------------------------------------------------------------


def folder_study(store: MemoryStore, folder: Path, **changes: object) -> Study:
    own = {"task": "folder", "data_dir": str(folder), "image_size": 16, "limit": None}
    return study_of(store, **own, recipe=RECIPE.text, **changes)


def test_a_study_whose_images_disappear_pauses_keeping_everything_and_resumes(
    tmp_path: Path,
) -> None:
    folder, away = write_shades(tmp_path / "images", (16, 24)), tmp_path / "away"
    store = MemoryStore()
    study = folder_study(store, folder, num_trials=3, rungs=(2,))

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

    fresh = folder_study(store, folder, num_trials=3, rungs=(2,))
    with pytest.raises(TrialError, match="is missing"):  # as in a new worker
        evaluator_of(fresh, tmp_path)
    away.rename(folder)
    run_serial(fresh, evaluator_of(fresh, tmp_path))
    again = store.trials("study")
    assert [trial.state for trial in again] == [TrialState.COMPLETE] * 3
    assert [trial.attempt for trial in again] == [1, 2, 1]
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
