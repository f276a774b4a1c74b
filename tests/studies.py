"""A small study for the tests: its definition, a sampler, and trials without training."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nas.cost.budget import Constraint, admits
from nas.cost.model import Cost, CostModel
from nas.results import StudyResults, StudyView, view_of
from nas.space.architecture import Architecture
from nas.study import Reports
from nas.study.evaluator import Attempt, Evaluator
from nas.study.execution import Execution, Watcher, WorkersReady, ignore_event
from nas.study.rungs import Decision
from nas.study.spec import StudySpec
from nas.study.spec_parts import FixedNetwork
from nas.study.study import Study
from nas.study.trial import Measurement, Outcome, Trial, TrialState
from tests.classified import classified
from tests.members import SMALL, space_named
from tests.memory_store import MemoryStore

SPACE = space_named("small")
BUDGET = (Constraint("madds", 900_000),)


def small_spec(**changed: Any) -> StudySpec:
    """Return the definition of a study of eight candidates and two references."""
    settings: dict[str, Any] = {
        "name": "study",
        "space_name": "small",
        "space_text": SMALL,
        "budget": BUDGET,
        "input": "3x32x32",
        "classes": 10,
        "task": "digits",
        "data_dir": None,
        "recipe": "epochs = 4",
        "rungs": (1, 2, 4),
        "eta": 2,
        "objectives": ("top1_error", "madds"),
        "reference_point": (1.0, 2e6),
        "sampler": "walk",
        "num_trials": 8,
        "published": True,
        "seed": 7,
    }
    return StudySpec(**{**settings, **changed})


def fixed_spec(names: Sequence[str] = ("small-plain",), **changed: Any) -> StudySpec:
    """Return the definition of a study that searches nothing but trains these networks."""
    settings: dict[str, Any] = {
        "networks": tuple(FixedNetwork(n, "small", SPACE.parse(n).text) for n in names),
        "budget": (),
        "num_trials": 1,
        "published": False,
        "rungs": (4,),
    }
    return small_spec(**{**settings, **changed})


def complete_trial(number: int, error: float, madds: int = 100, **fields: Any) -> Trial:
    """Return a complete candidate, unless `fields` say otherwise."""
    measured = (classified(4, 2, error, 2 * error, error, 1.0),)
    architecture = SPACE.published[0].architecture
    plain = Trial(number, architecture, Cost(madds, 1, 1), TrialState.COMPLETE, number,
                  measurements=measured)  # fmt: skip
    return replace(plain, **fields)


class WalkSampler:
    """Mutates the best candidate so far, a few steps at a time, within the budget."""

    def __init__(self, spec: StudySpec) -> None:
        """Keep what the gate knows."""
        self.costs = CostModel(spec.space, spec.deployment, spec.classes)
        self.budget = spec.budget

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a relative of the best trial; what it sees of the history decides."""
        space = self.costs.space
        done = [trial for trial in history if trial.state is TrialState.COMPLETE]
        parents = sorted(done, key=lambda trial: (trial.value("top1_error"), trial.number))
        at = parents[0].architecture if parents else space.published[0].architecture
        for step in range(200):
            at = space.mutate(at, rng)
            if step >= number % 3 and admits(self.budget, self.costs.cost(at)):
                return at
        return None

    def expected_losses(self, history: Sequence[Trial]) -> dict[int, float]:
        """Return the mean of the observed error and of the mean of all: shrunk by half."""
        done = [trial for trial in history if trial.candidate and trial.final]
        errors = {trial.number: trial.value("top1_error") or 0.0 for trial in done}
        middle = sum(errors.values()) / max(len(errors), 1)
        return {number: (error + middle) / 2 for number, error in errors.items()}


def share(*parts: object) -> float:
    """Return a number in [0, 1) that depends on `parts` alone."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def measurement(trial: Trial, epoch: int, spec: StudySpec) -> Measurement:
    """Return what training would have given: better with cost and epochs; one in nine diverges."""
    if share(trial.arch_id, trial.seed) < 1 / 9 and epoch == 2:
        return classified(epoch, spec.ladder.rung(epoch), 0.9, float("nan"), 0.0, 0.1 * epoch)
    quality, luck = share(trial.arch_id, epoch), share(trial.arch_id, trial.seed, epoch)
    error = 0.8 / (1 + epoch) + 0.15 * quality + 0.05 * luck
    return classified(epoch, spec.ladder.rung(epoch), error, 2 * error, error, 0.1 * epoch)


def crashes(trial: Trial) -> bool:
    """Tell whether the network of a trial cannot be trained: one in nine."""
    return share("crash", trial.arch_id) < 1 / 9


def run_one(study: Study) -> Trial | None:
    """Ask for one trial and measure it to its end."""
    trial = study.ask()
    if trial is None:
        return None
    if trial.state.finished:  # reused
        return trial
    number, attempt, last = trial.number, trial.attempt, study.spec.ladder.max_epochs
    if crashes(trial):
        study.finish(number, attempt, Outcome(TrialState.FAILED, 0.1, "crash", trial.arch_id))
        return study.trial(number)
    study.count(number, attempt, trial.cost, "here")
    study.score(number, attempt, {"madds": float(trial.cost.madds)})
    for epoch in range(1, last + 1):
        if study.record(number, attempt, measurement(trial, epoch, study.spec)) is Decision.STOP:
            break
    state = TrialState.COMPLETE if epoch == last else TrialState.STOPPED
    study.finish(number, attempt, Outcome(state, 0.1 * epoch, weights_path=f"{number}"))
    return study.trial(number)


def run_all(study: Study) -> list[Trial]:
    """Measure until nothing is left, and return the trials."""
    while run_one(study) is not None:
        pass
    return study.trials


def new_study(store: MemoryStore | None = None, sampler: Any = None, **changed: Any) -> Study:
    """Return a study of the small space; by default in a store of its own."""
    spec = small_spec(**changed)
    return Study(spec, MemoryStore() if store is None else store, sampler or WalkSampler(spec))


def alike(number: int, low: float = 0.5, high: float = 1.0) -> list[Architecture]:
    """Return different architectures that use a share of the budget in one range."""
    spec, rng = small_spec(), np.random.default_rng(1)
    costs = CostModel(SPACE, spec.deployment, spec.classes)
    found: dict[str, Architecture] = {}
    at = SPACE.parse("small-plain")
    while len(found) < number:
        at = SPACE.mutate(at, rng)
        if low < costs.cost(at).madds / BUDGET[0].limit <= high:
            found[at.arch_id] = at
    return list(found.values())


def essence(trials: list[Trial]) -> list[tuple[object, ...]]:
    """Return what a resumed study must share with an uninterrupted one: all but times, attempts."""
    return [
        (
            t.number, t.architecture, t.reference, t.cost, t.seed, t.state, t.measurements,
            t.counted, t.fail_reason, t.fail_detail, t.weights_path, t.proxies, t.replicate_of,
            t.replicate,
        )
        for t in trials
    ]  # fmt: skip


def study_view(
    spec: StudySpec,
    trials: Sequence[Trial],
    reports: Reports | None = None,
    versions: Mapping[str, str] | None = None,
    state: str | None = None,
    axes: tuple[str | None, str | None] = (None, None),
) -> StudyView:
    """Return the view of a study with these trials."""
    return view_of(StudyResults(spec, trials, reports or {}), versions, state, axes)


def run_serial(study: Study, evaluator: Evaluator, on_event: Watcher = ignore_event) -> None:
    """Run `study` to its end in this process, one trial after another."""
    execution = Execution(study, on_event)
    on_event(WorkersReady(1))
    while (job := execution.next()) is not None:
        attempt = Attempt(job, lambda: evaluator)
        while execution.report(job, attempt.advance()) is Decision.CONTINUE:
            pass
        attempt.close()
