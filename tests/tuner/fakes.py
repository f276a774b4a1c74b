"""Evaluators that train nothing: exact, quick, and able to fail in every way that a worker can."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nas.cost.model import Cost, CostModel
from nas.space.architecture import Architecture
from nas.study.evaluator import (
    Epoch,
    Evaluator,
    Job,
    Saved,
    WorkerPlan,
    interrupted_error,
)
from nas.study.spec import StudySpec
from nas.study.trial import Trial
from tests.classified import classified_epoch
from tests.igcv3 import igcv3_spec


@dataclass
class AnalyticEvaluator:
    """Errors that fall with the epochs and with the cost, the same for the same job.

    `faults` maps a trial's number to what befalls it: nan, crash, oom, miscount, kill, or in the
    first attempt only: hang-once, kill-once.
    """

    plan: WorkerPlan
    faults: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        spec = self.plan.spec
        self.epochs = spec.ladder.max_epochs
        self.costs = CostModel(spec.space, spec.deployment, spec.classes)

    def evaluate(self, job: Job) -> Iterator[Epoch | Saved]:
        fault = self.faults.get(job.number)
        counted = self.costs.cost(job.architecture)
        if fault == "miscount":
            counted = Cost(counted.madds + 1, counted.params, counted.acts)
        for epoch in range(1, self.epochs + 1):
            time.sleep(self.seconds)
            befall(fault, job.attempt, epoch)
            if self.plan.ending.of(job.name).made():
                raise interrupted_error()
            error = analytic_error(counted.madds, job.seed, epoch)
            loss = float("nan") if fault == "nan" and epoch == 2 else 4 * error
            yield classified_epoch(
                epoch,
                error,
                loss,
                3 * error,
                counted if epoch == 1 else None,
                saving=epoch == self.epochs,
            )
        yield Saved(f"{self.plan.folder}/trial-{job.number}", "0" * 64)


def analytic_error(madds: int, seed: int, epoch: int) -> float:
    """Return an error in (0, 1) that falls with the epochs and with the cost."""
    noise = np.random.default_rng(seed).uniform(0.9, 1.1)
    return float(noise * (1e8 / (1e8 + madds)) * (0.3 + 0.6 / epoch))


def befall(fault: str | None, attempt: int, epoch: int) -> None:
    """Do to this process what `fault` says."""
    if fault == "crash":
        raise ZeroDivisionError("the loss divided by nothing")
    if fault == "oom":
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
    if fault == "hang-once" and attempt == 1:
        time.sleep(3600)
    if (fault == "kill" or (fault == "kill-once" and attempt == 1)) and epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)


def make(plan: WorkerPlan) -> Evaluator:
    """Read the faults and the pace from `faults.json` in the results directory, if there is one."""
    path = Path(plan.results_dir) / "faults.json"
    told = json.loads(path.read_text()) if path.exists() else {}
    faults = {int(number): fault for number, fault in told.get("faults", {}).items()}
    return AnalyticEvaluator(plan, faults, told.get("seconds", 0.0))


class Wanderer:
    """A sampler that walks through the space by mutations, keeping what fits the budget."""

    def __init__(self, spec: StudySpec) -> None:
        self._space = spec.space
        self._limit = spec.budget[0].limit
        self._costs = CostModel(spec.space, spec.deployment, spec.classes)

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a mutated descendant of a published architecture within the budget."""
        found = self._space.published[-1].architecture
        for _ in range(1000):
            found = self._space.mutate(found, rng)
            if self._costs.cost(found).madds <= self._limit:
                return found
        return None

    def expected_losses(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return nothing: the observed losses are used."""
        return {}


def spec_of(**changes: Any) -> StudySpec:
    """Return a small study of the real space: 8 candidates, rungs 1 and 3, one objective."""
    settings: dict[str, Any] = {
        "rungs": (1, 3), "eta": 2, "sampler": "wander", "num_trials": 8, "published": False,
    }  # fmt: skip
    return igcv3_spec(**{**settings, **changes})
