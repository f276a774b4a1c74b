"""A search that is interrupted in a training: it is saved within its epoch, and continues there."""

import json
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from nas.space import Architecture
from nas.storage import FolderStorage
from nas.store import open_store
from nas.study import Attempt, Decision, Execution, Reason, Trial, WorkerPlan, end_request
from nas.study.spec_parts import NoSampler
from nas.study.study import Study
from nas.training.evaluator import TrainingEvaluator
from nas.training.loop.devices import cpu_threads
from nas.training.loop.optimiser import Optimiser
from nas.training.loop.recipe import Recipe, load_recipe
from tests.cli.runner import Driver, run_nas
from tests.cli.test_train import SPACE
from tests.memory_store import MemoryStore
from tests.studies import run_serial
from tests.training.digit_studies import change_optimisers, evaluator_of, study_of

pytestmark = [pytest.mark.usefixtures("cache"), pytest.mark.timeout(280)]

EPOCHS = 40


def numbers(trial: Trial) -> list[tuple[Any, ...]]:
    """Return what an interruption may not change."""
    return [(m.epoch, m.rung, m.metrics, m.train_loss) for m in trial.measurements]


class Only(NoSampler):
    """A sampler that proposes one network."""

    def __init__(self, architecture: Architecture) -> None:
        self._architecture = architecture

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        return self._architecture


def counting(
    patch: pytest.MonkeyPatch, at: int, act: Callable[[], None] = lambda: None
) -> list[int]:
    """Count the optimiser's steps in the returned list, and `act` in the step `at`."""
    steps = list[int]()

    def change(_network: nn.Module, _recipe: Recipe, optimiser: Optimiser) -> None:
        honest = optimiser.step

        def step() -> None:
            honest()
            steps.append(len(steps) + 1)
            if steps[-1] == at:
                act()

        optimiser.step = step  # type: ignore[method-assign]

    change_optimisers(patch, change)
    return steps


def test_a_training_that_is_asked_to_end_repeats_no_step(tmp_path: Path) -> None:
    recipe = replace(load_recipe("digits"), batch_size=16).text
    settings = {"num_trials": 1, "rungs": (2, 4), "recipe": recipe}
    store, whole = MemoryStore(), MemoryStore()
    other = study_of(whole, **settings)
    (tmp_path / "whole").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        expected = counting(patch, 0)
        run_serial(other, evaluator_of(other, tmp_path / "whole"))

    study = study_of(store, **settings)
    with end_request(FolderStorage(tmp_path)) as request, pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.study.end_requests.LOOK_SECONDS", 0.0)
        plan = WorkerPlan(study.spec.to_json(), str(tmp_path), None, "", "0", ending=request)
        steps = counting(patch, 6, request.make)  # in the second epoch
        execution, evaluator = Execution(study), TrainingEvaluator(plan)
        job = execution.next()
        assert job is not None
        attempt = Attempt(job, lambda: evaluator)
        while execution.report(job, attempt.advance()) is Decision.CONTINUE:
            pass
    assert len(steps) == 6
    assert store.reasons == [(0, 1, Reason.USER)]

    study = study_of(store, **settings)  # a new driver
    with pytest.MonkeyPatch.context() as patch:
        steps = counting(patch, 0)
        run_serial(study, evaluator_of(study, tmp_path))
    assert len(steps) == len(expected) - 6
    assert numbers(store.trials("study")[0]) == numbers(whole.trials("study")[0])
    assert not list(tmp_path.glob("ending-*"))


@pytest.mark.slow
def test_a_search_that_is_interrupted_in_a_training_continues_there(tmp_path: Path) -> None:
    """Its numbers equal those of the search without an interruption."""
    (tmp_path / "tiny.toml").write_text(SPACE)
    words = ["search", "--space", "tiny.toml", "--task", "digits", "--trials", "1", "--confirm",
             "0", "--rungs", str(EPOCHS), "--budget", "300M-flops", "--sampler", "random",
             "--no-proxies", "--study", "own", "--format", "weights"]  # fmt: skip
    driver = Driver(tmp_path, *words)
    driver.until("first result after")
    driver.signal_group(signal.SIGINT)  # Ctrl-C
    code, said = driver.end()
    assert code == 130, said
    (folder,) = (tmp_path / "nas-results" / "own").glob("trial-*/")
    saved = json.loads((folder / "checkpoint.json").read_text())
    assert 0 < saved["epoch"] < EPOCHS
    assert saved["begun"]["steps"] > 0
    done = run_nas(tmp_path, "resume", "own", "--format", "weights")
    assert done.returncode == 0, done.stderr
    with open_store(str(tmp_path / "nas.db"), read_only=True) as store:
        (trial,), spec = store.trials("own"), store.spec("own")
        attempts = store.attempts("own", 0)
    assert [each.reason for each in attempts] == [Reason.USER, None]
    undisturbed, whole = MemoryStore(), tmp_path / "whole"
    whole.mkdir()
    plan = WorkerPlan(spec.to_json(), str(whole), None, "", "0")
    with cpu_threads(1):
        run_serial(Study(spec, undisturbed, Only(trial.architecture)), TrainingEvaluator(plan))
    assert numbers(trial) == numbers(undisturbed.trials("own")[0])
