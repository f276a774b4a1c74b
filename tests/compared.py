"""Two small families to compare, and studies of them that are measured without training."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nas.cost.budget import parse_budgets
from nas.cost.model import CostModel
from nas.feasible import FeasibleUnion, feasible_space
from nas.samplers import make_sampler
from nas.study.ports import StudyStore
from nas.study.rungs import Decision
from nas.study.spec import StudySpec
from nas.study.study import Study
from nas.study.trial import Outcome, Trial, TrialState
from tests.classified import classified
from tests.memory_store import MemoryStore

FAMILY = """
schema = 1
name = "{name}"
block = "igcv3"
title = "A family to compare"
[deployment]
input = "3x64x64"
classes = 10
[stem]
width = 8
stride = 2
[head]
width = {head}
[adaptation]
drop_strides = ["stem", "stage2"]
[choices]
depth = [1, 2, 3]
expansion = [1, 2]
g1 = [1, 2, 4]
g2 = {g2}
relu = {relu}
permute2 = false
[[stage]]
name = "stage1"
width = [8, 16]
[[stage]]
name = "stage2"
stride = 2
width = [16, 24]
"""
LEAN = FAMILY.format(name="lean", head=32, g2="[1, 2]", relu='["none", "last"]')
RICH = FAMILY.format(name="rich", head=64, g2="[1, 2, 4]", relu='["depthwise", "first+depthwise"]')
BUDGET = "1.5M-flops"


def spec_of(sampler: str, number: int, **changed: Any) -> StudySpec:
    """Return a study of both families, or of the rich one alone where a choice is varied."""
    spaces = [("rich", RICH)] if sampler.startswith("paired") else [("lean", LEAN), ("rich", RICH)]
    settings: dict[str, Any] = {
        "name": "compared",
        "space_name": spaces[0][0],
        "space_text": spaces[0][1],
        "more_spaces": tuple(spaces[1:]),
        "budget": parse_budgets([BUDGET]),
        "input": "3x64x64",
        "classes": 10,
        "task": "digits",
        "data_dir": None,
        "recipe": "epochs = 1",
        "rungs": (1,),
        "eta": 2,
        "objectives": ("top1_error",),
        "reference_point": (1.0,),
        "sampler": sampler,
        "num_trials": number,
        "published": False,
        "seed": 3,
    }
    return StudySpec(**{**settings, **changed})


def feasible_of(spec: StudySpec) -> Any:
    """Return what the samplers of a study draw from."""
    parts = {
        name: feasible_space(CostModel(space, spec.deployment, spec.classes), spec.budget)
        for name, space in spec.spaces.items()
    }
    return parts[spec.space.name] if len(parts) == 1 else FeasibleUnion(parts)


def measured(
    spec: StudySpec,
    error: Callable[[Trial], float],
    failing: Callable[[Trial], bool] | None = None,
    store: StudyStore | None = None,
) -> list[Trial]:
    """Run a study to its end, in memory unless there is a `store`; `error` replaces training."""
    sampler = make_sampler(spec.sampler, feasible_of(spec), spec.goals)
    study = Study(spec, store or MemoryStore(), sampler)
    while (trial := study.ask()) is not None:
        number, attempt = trial.number, trial.attempt
        if failing and failing(trial):
            outcome = Outcome(TrialState.FAILED, 0.1, "nan", f"trial {number}")
            study.finish(number, attempt, outcome)
            continue
        last = classified(1, 0, float(np.clip(error(trial), 0, 1)), 1.0, 1.0, 0.1)
        assert study.record(number, attempt, last) is Decision.STOP
        study.finish(number, attempt, Outcome(TrialState.COMPLETE, 0.1))
    return study.trials


def noise(trial: Trial) -> float:
    """Return a number around 0, other for every architecture and seed, with deviation 1."""
    words = [int(trial.arch_id, 16), trial.seed]
    return float(np.random.default_rng(words).normal())
