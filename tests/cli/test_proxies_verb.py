"""`nas proxies`: the audit of a stored study, and the computation of missing scores."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nas import __version__
from nas.cost.budget import Constraint
from nas.cost.model import CostModel
from nas.space.architecture import Architecture
from nas.store import open_store
from nas.study.evaluator import WorkerPlan
from nas.study.spec import StudySpec
from nas.study.study import Study
from nas.study.trial import Outcome, Trial, TrialState
from nas.training.evaluator import TrainingEvaluator
from nas.training.scores.proxies import PROXIES
from tests.classified import classified
from tests.cli.runner import Shell
from tests.members import space_named
from tests.memory_store import MemoryStore
from tests.messages import carries
from tests.studies import WalkSampler, run_serial, share, small_spec

SPACE = space_named("small")
COSTS = CostModel(SPACE, small_spec().deployment, 10)
LIMIT = 1_500_000
BAND = (0.85 * LIMIT, LIMIT)


def members(count: int, low: float, high: float) -> list[Architecture]:
    """Return different members of the small space that cost between `low` and `high` MAdds."""
    rng, at = np.random.default_rng(0), SPACE.published[0].architecture
    found: dict[Any, Any] = {}
    while len(found) < count:
        at = SPACE.mutate(at, rng)
        if low <= COSTS.cost(at).madds <= high:
            found[at.arch_id] = at
    return list(found.values())


def spec_of(**changes: Any) -> StudySpec:
    budget = (Constraint("madds", LIMIT),)
    fields = {"budget": budget, "rungs": (1,), "proxies": True, "published": False}
    return small_spec(**{**fields, **changes})


def trials_of(architectures: list[Architecture], scored: bool = True) -> list[Trial]:
    """Return complete trials; where `scored`, `seer` foretells their errors and `coin` does not."""
    trials = []
    for number, architecture in enumerate(architectures):
        error = 0.2 + 0.2 * share(architecture.arch_id)
        proxies = {"seer": -error, "coin": share("coin", number)}
        measurement = classified(1, 0, error, 2 * error, error, 0.1)
        trials.append(
            Trial(
                number,
                architecture,
                COSTS.cost(architecture),
                TrialState.COMPLETE,
                7,
                attempt=1,
                measurements=(measurement,),
                proxies=proxies if scored else None,
            )
        )
    return trials


def stored(spec: StudySpec, trials: list[Trial]) -> None:
    """Write a study into the default database of the working directory, as a run would."""
    with open_store(None) as store:
        store.create_study(spec, {"nas": __version__})
        for trial in trials:
            store.insert_trial(spec.name, replace(trial, state=TrialState.RUNNING, measurements=()))
            for measurement in trial.measurements:
                store.record_measurement(spec.name, trial.number, 1, measurement)
            store.finish_trial(spec.name, trial.number, 1, Outcome(trial.state, 1.0))


def line_of(out: str, name: str) -> str:
    return next(line for line in out.splitlines() if line.startswith(name))


def test_the_audit_of_a_stored_study(nas: Shell) -> None:
    stored(spec_of(), trials_of(members(16, *BAND)))
    called = nas("proxies", "study")
    assert called.code == 0
    assert "+1.00" in line_of(called.out, "seer")
    assert line_of(called.out, "seer").endswith("used, beats madds")
    assert "not used" in line_of(called.out, "coin")
    assert line_of(called.out, "params").endswith("baseline")
    assert carries(called.out, "16 complete … 1.275M to 1.5M")
    document = json.loads(nas("proxies", "study", "--json").out)
    assert (document["n"], document["complete"], document["needed"]) == (16, 16, 10)
    rows = {row["name"]: row for row in document["scores"]}
    assert list(rows) == ["coin", "seer", "madds", "params"]
    assert rows["seer"]["rho"][0] == 1.0
    low, high = rows["coin"]["rho"][1:]
    assert (low <= 0) is not rows["coin"]["used"]
    assert high > low


def test_too_few_candidates_in_the_band_are_said_to_be(nas: Shell) -> None:
    inside, below = members(4, *BAND), members(12, 0, BAND[0] - 1)
    stored(spec_of(), trials_of(inside + below))
    called = nas("proxies", "study")
    assert carries(called.out, "4 of 16 … 1.275M to 1.5M … 10")
    assert "too few" in line_of(called.out, "seer")


def test_an_older_study_is_scored_on_demand(nas: Shell) -> None:
    stored(spec_of(proxies=False), trials_of(members(11, *BAND), scored=False))
    before = nas("proxies", "study")
    assert "have no scores" in before.out
    assert "nas proxies study --compute" in before.out
    called = nas("proxies", "study", "--compute")
    assert called.code == 0, called.err
    assert carries(called.err, "11 networks")
    assert set(PROXIES) <= {line.split()[0] for line in called.out.splitlines() if line}
    with open_store(None, read_only=True) as store:
        first = store.trials("study")
    assert all(set(PROXIES) <= set(trial.proxies or {}) for trial in first)
    again = nas("proxies", "study", "--compute")  # nothing is computed twice
    assert again.err == ""
    assert again.out == called.out


def test_there_must_be_such_a_study(nas: Shell) -> None:
    stored(spec_of(), [])
    assert "other" in nas.refused("proxies", "other", code=4)
    assert "other" in nas.refused("proxies", "other", "--compute", code=4)
    assert nas("proxies", "study").code == 0


def test_a_search_records_the_scores_of_every_trial(tmp_path: Path) -> None:
    spec = spec_of(num_trials=2, recipe="digits", limit=60, published=True)
    store = MemoryStore()
    study = Study(spec, store, WalkSampler(spec))
    plan = WorkerPlan(spec.to_json(), str(tmp_path), None, "", __version__)
    run_serial(study, TrainingEvaluator(plan))
    trials = store.trials("study")
    assert len(trials) >= 4
    assert all(trial.state is TrialState.COMPLETE for trial in trials)
    assert all({*PROXIES, "depth"} <= set(trial.proxies or {}) for trial in trials)
