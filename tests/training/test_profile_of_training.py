"""Profiles of real trainings: of a session, a trial and a run."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.study.evaluator import WorkerPlan
from nas.study.spec_parts import NoSampler
from nas.study.study import Study
from nas.study.time_profile import LAPS, PROFILE_PARTS, profile_total
from nas.study.trial import TrialState
from nas.training.evaluator import TrainingEvaluator
from nas.training.loop.epoch import EpochResult
from nas.training.loop.memory_batches import Feed
from nas.training.loop.session import Session
from nas.training.loop.stopwatch import stopwatch
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, fixed_spec, run_serial, small_spec
from tests.training.nets import RECIPE, coloured_task, small_layers

CPU = torch.device("cpu")
SLOW = 0.02  # seconds that a part is held up by


def session(**changes: Any) -> Session:
    task = coloured_task()
    return Session(small_layers(task.input, 2), task, replace(RECIPE, **changes), 3, 0, "cpu")


def test_a_stopwatch_gives_time_to_parts_and_none_to_pauses() -> None:
    watch = stopwatch(CPU)
    for _ in range(2):
        watch.start()
        time.sleep(SLOW)
        watch.lap("one")
        watch.lap("other")
        time.sleep(SLOW)
    found = watch.read()
    assert list(found) == ["one", "other"]
    assert 2 * SLOW <= found["one"] < 4 * SLOW + 1
    assert found["other"] < found["one"]
    assert watch.read() == {}


@pytest.mark.parametrize("changes", [{}, {"accumulation": 2}, {"ema": 0.9}])
def test_the_laps_of_an_epoch_lie_within_it(changes: dict[str, Any]) -> None:
    run = session(**changes)
    run.profile()
    for _ in range(2):
        began = time.perf_counter()
        found = run.run_epoch().profile
        wall = time.perf_counter() - began
        assert set(found) == {*LAPS, "images"}
        assert all(found[part] > 0 for part in LAPS)
        assert 0.5 * wall < sum(found[part] for part in LAPS) <= wall
        assert found["images"] == 64


def test_what_holds_a_part_up_is_seen_there(monkeypatch: pytest.MonkeyPatch) -> None:
    run = session()
    run.profile()
    batches = Feed.shuffled
    steps: list[int] = []

    def slowly(
        self: Feed, *args: Any, **kwargs: Any
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for batch in batches(self, *args, **kwargs):
            time.sleep(SLOW)
            yield batch

    honest = run.optimiser.step

    def step() -> None:
        time.sleep(2 * SLOW)
        steps.append(len(steps) + 1)
        honest()

    run.run_epoch()
    monkeypatch.setattr(Feed, "shuffled", slowly)
    monkeypatch.setattr(run.optimiser, "step", step)
    found = run.run_epoch(lambda step, steps: time.sleep(SLOW)).profile  # a pause: nobody's time
    assert steps == [1, 2, 3, 4]
    assert 4 * SLOW <= found["data"] < found["optimiser"] + 0.1
    assert found["optimiser"] >= 8 * SLOW
    assert found["evaluation"] >= 2 * SLOW  # two batches for the batch norms


def test_nothing_is_measured_and_no_result_changed_without_asking() -> None:
    plain, measured = session(), session()
    measured.profile()
    for _ in range(2):
        one, other = plain.run_epoch(), measured.run_epoch()
        assert one.profile is None
        assert (one.train_loss, one.metrics) == (other.train_loss, other.metrics)


def profiled_study(tmp_path: Path, profile: bool = True, **changes: Any) -> MemoryStore:
    spec = small_spec(
        rungs=(1, 2), published=False, confirm=0, limit=64, num_trials=3, recipe=RECIPE.text,
        **changes,
    )  # fmt: skip
    store = MemoryStore()
    plan = WorkerPlan(spec.to_json(), str(tmp_path), None, "", "0", profile)
    run_serial(Study(spec, store, WalkSampler(spec)), TrainingEvaluator(plan))
    return store


def test_the_parts_of_a_trial_add_up_to_its_wall_time(tmp_path: Path) -> None:
    store = profiled_study(tmp_path, proxies=True)
    trials = store.trials("study")
    assert {trial.state for trial in trials} == {TrialState.COMPLETE, TrialState.STOPPED}
    for trial in trials:
        found = store.reports["study"][trial.number]["profile"]
        assert set(found) == {*PROFILE_PARTS, "images"}
        assert profile_total(found) == pytest.approx(trial.seconds)
        assert all(found[part] > 0 for part in PROFILE_PARTS)
        assert found["images"] == 48 * trial.last.epoch  # of 60, six a class, in batches of 16


def test_a_study_without_profile_keeps_none(tmp_path: Path) -> None:
    assert profiled_study(tmp_path, profile=False, proxies=False).reports == {}


def test_a_training_that_is_resumed_adds_up_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = fixed_spec(rungs=(3,), limit=64, recipe=RECIPE.text)
    plan = WorkerPlan(spec.to_json(), str(tmp_path), None, "", "0", profile=True)
    store, honest = MemoryStore(), Session.run_epoch

    def dies(self: Session, on_step: Callable[[int, int], None] | None = None) -> EpochResult:
        if self.epoch == 2:
            raise KeyboardInterrupt
        return honest(self, on_step)

    monkeypatch.setattr(Session, "run_epoch", dies)
    with pytest.raises(KeyboardInterrupt):
        run_serial(Study(spec, store, NoSampler()), TrainingEvaluator(plan))
    monkeypatch.setattr(Session, "run_epoch", honest)
    run_serial(Study(spec, store, NoSampler()), TrainingEvaluator(plan))
    (trial,) = store.trials("study")
    found = store.reports["study"][0]["profile"]
    assert trial.attempt == 2
    assert found["images"] == 3 * 48
    assert profile_total(found) == pytest.approx(trial.seconds)
    assert all(found[part] > 0 for part in LAPS)
