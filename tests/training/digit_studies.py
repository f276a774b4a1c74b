"""Studies of one small space on the digits, trained in this process; and a way to disturb them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from nas.study.evaluator import WorkerPlan
from nas.study.study import Study
from nas.training.evaluator import TrainingEvaluator
from nas.training.loop import session as session_module
from nas.training.loop.optimiser import Optimiser
from nas.training.loop.recipe import Recipe, load_recipe
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, small_spec

DIGITS = {"rungs": (1, 2), "published": False, "proxies": False, "confirm": 0, "limit": 64}


def study_of(store: MemoryStore, **changes: object) -> Study:
    spec = small_spec(**{**DIGITS, "recipe": load_recipe("digits").text, **changes})
    return Study(spec, store, WalkSampler(spec))


def evaluator_of(study: Study, tmp_path: Path) -> TrainingEvaluator:
    spec = study.spec
    return TrainingEvaluator(WorkerPlan(spec.to_json(), str(tmp_path), spec.data_dir, "", "0"))


def change_optimisers(
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[nn.Module, Recipe, Optimiser], None],
) -> None:
    """Let `change` alter each optimiser that a session makes."""
    honest = vars(session_module)["Optimiser"]

    def make(network: nn.Module, recipe: Recipe) -> Optimiser:
        optimiser: Optimiser = honest(network, recipe)
        change(network, recipe, optimiser)
        return optimiser

    monkeypatch.setattr(session_module, "Optimiser", make)
