"""Trials that run out of memory, through the real evaluator: halved once, or failed."""

import itertools
import json
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

from nas.study.execution import Event, TrialRequeued
from nas.study.trial import TrialState
from nas.training import evaluator as evaluator_module
from nas.training.data.problem import ClassScores
from nas.training.evaluator import free_memory
from nas.training.loop.optimiser import Optimiser
from nas.training.loop.recipe import Recipe, load_recipe
from tests.memory_store import MemoryStore
from tests.studies import run_serial
from tests.training.digit_studies import change_optimisers, evaluator_of, study_of
from tests.training.nets import RECIPE

pytestmark = pytest.mark.usefixtures("cache")

TOO_MUCH = 1 << 60  # bytes that no machine has, so that a real allocator refuses


def starving(monkeypatch: pytest.MonkeyPatch, fails: Callable[[int, int], bool]) -> list[int]:
    """Let the optimiser's step want too much memory where `fails(accumulation, step)` says so.

    Returns a list to which each step adds the number of parts of its batch.
    """
    parts: list[int] = []

    def change(_network: nn.Module, recipe: Recipe, optimiser: Optimiser) -> None:
        honest, steps = optimiser.step, itertools.count(1)

        def step() -> None:
            parts.append(recipe.accumulation)
            if fails(recipe.accumulation, next(steps)):
                torch.empty(TOO_MUCH, dtype=torch.uint8)
            honest()

        optimiser.step = step  # type: ignore[method-assign]

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
