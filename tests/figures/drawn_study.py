"""Studies made for figures: real architectures of the real space, measured by a formula."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from nas.cost.budget import admits
from nas.cost.model import Cost, CostModel
from nas.results import StudyView
from nas.space.architecture import Architecture
from nas.study.spec import StudySpec
from nas.study.trial import Trial, TrialState
from tests.classified import classified
from tests.igcv3 import igcv3_spec
from tests.studies import study_view

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
RUNGS = (1, 2, 6)


def make_spec(**changes: Any) -> StudySpec:
    """Return the specification of a small study of the igcv3 space."""
    settings: dict[str, Any] = {
        "name": "igcv3-300m", "rungs": RUNGS, "reference_point": (1.0, 400e6), "seed": 1,
    }  # fmt: skip
    return igcv3_spec(**{**settings, **changes})


def make_trials(spec: StudySpec, candidates: int = 24, seed: int = 0) -> list[Trial]:
    """Return references and candidates: most complete or stopped, the last three in progress."""
    return list(_made(spec, candidates, seed))


@cache
def make_view(spec: StudySpec, candidates: int = 24, seed: int = 0) -> StudyView:
    """Return the view of a study with the trials of `make_trials`."""
    return study_view(spec, make_trials(spec, candidates, seed))


@cache
def _made(spec: StudySpec, candidates: int, seed: int) -> tuple[Trial, ...]:
    rng = np.random.default_rng(seed)
    costs = CostModel(spec.space, spec.deployment, spec.classes)
    trials = [
        _trial(number, entry.architecture, costs.cost(entry.architecture), RUNGS[-1], rng)
        for number, entry in enumerate(spec.space.published if spec.published else ())
    ]
    trials = [
        replace(trial, reference=entry.name)
        for trial, entry in zip(trials, spec.space.published, strict=False)
    ]
    architecture = spec.space.published[0].architecture
    while len(trials) < candidates + len(spec.space.published):
        for _ in range(6):
            architecture = spec.space.mutate(architecture, rng)
        cost = costs.cost(architecture)
        if not admits(spec.budget, cost):
            continue
        epochs = int(rng.choice(RUNGS, p=(0.3, 0.2, 0.5)))
        trials.append(_trial(len(trials), architecture, cost, epochs, rng))
    return (*trials[:-3], _failed(trials[-3]), _running(trials[-2]), _waiting(trials[-1]))


def many_trials(spec: StudySpec, count: int, seed: int = 0) -> list[Trial]:
    """Return complete trials along a band of costs and errors, of few networks."""
    made = [trial for trial in make_trials(spec) if trial.state is TrialState.COMPLETE]
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        trial = made[number % len(made)]
        madds = int(rng.integers(60_000_000, 290_000_000))
        error = 0.02 + 3e6 / madds + 0.05 * float(rng.random())
        last = replace(trial.last, metrics={"top1_error": error, "loss": 1.0})
        cost = replace(trial.cost, madds=madds)
        one = replace(trial, number=number, cost=cost, measurements=(last,))
        found.append(replace(one, reference=None, counted=None))
    return found


def _trial(
    number: int, architecture: Architecture, cost: Cost, epochs: int, rng: np.random.Generator
) -> Trial:
    goal = 0.012 + 0.02 * (60e6 / cost.madds) ** 0.5 + 0.02 * rng.random()
    measured = []
    for epoch in range(1, epochs + 1):
        error = (
            round(450 * min(0.9, goal + 0.85 * float(np.exp(-0.9 * epoch * (0.6 + rng.random())))))
            / 450
        )
        rung = RUNGS.index(epoch) if epoch in RUNGS else None
        measured.append(classified(epoch, rung, error, 3 * error, 2.5 * error, 2.4 * epoch))
    created = START + timedelta(seconds=7 * number)
    seconds = measured[-1].seconds
    return Trial(
        number=number,
        architecture=architecture,
        cost=cost,
        state=TrialState.COMPLETE if epochs == RUNGS[-1] else TrialState.STOPPED,
        seed=number,
        attempt=1,
        measurements=tuple(measured),
        counted=cost,
        created_at=created,
        finished_at=created + timedelta(seconds=seconds),
        seconds=seconds,
    )


def _failed(trial: Trial) -> Trial:
    return replace(
        trial,
        state=TrialState.FAILED,
        measurements=(),
        fail_reason="nan",
        fail_detail="epoch 1: error nan, loss nan",
    )


def _running(trial: Trial) -> Trial:
    measured = trial.measurements[:1]
    return replace(
        trial, state=TrialState.RUNNING, measurements=measured, finished_at=None, seconds=None
    )


def _waiting(trial: Trial) -> Trial:
    return replace(
        trial,
        state=TrialState.WAITING,
        measurements=(),
        finished_at=None,
        seconds=None,
        counted=None,
    )
