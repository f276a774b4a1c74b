"""A driver that dies before, inside or after any commit: the resumed study is the whole one.

The death is an exception at each statement that writes to the database and at each commit, in turn;
SQLite rolls back what was not committed, as after kill -9.
"""

from contextlib import suppress
from pathlib import Path

import pytest

from nas.results import StudyResults
from nas.store import open_store
from nas.study.evaluator import WorkerPlan
from nas.study.study import Study
from nas.study.trial import Trial, TrialState
from tests.faults.deaths import KilledError, dying
from tests.store.rows import VERSIONS
from tests.studies import run_serial
from tests.tuner.fakes import AnalyticEvaluator, Wanderer, spec_of

SPEC = spec_of(num_trials=5, rungs=(1, 2), confirm=1, seeds=2)
FAULTS = {1: "nan", 2: "crash"}


def drive(path: Path, at: int | None = None) -> int:
    """Run the study in `path` to its end or to the driver's death; return the steps so far."""
    plan = WorkerPlan(SPEC.to_json(), str(path.parent), None, "", "0")
    with open_store(str(path)) as store, dying(at) as death:
        run_serial(Study(SPEC, store, Wanderer(SPEC)), AnalyticEvaluator(plan, FAULTS))
    return death.seen


def recorded(path: Path) -> list[Trial]:
    with open_store(str(path), read_only=True) as store:
        return store.trials("small")


def essence(trials: list[Trial]) -> list[tuple[object, ...]]:
    """Return what does not depend on times, machines and attempts."""
    return [
        (t.number, t.arch_id, t.seed, t.state, t.fail_reason, t.replicate_of, t.replicate,
         [(m.epoch, m.rung, dict(m.metrics), repr(m.train_loss)) for m in t.measurements])
        for t in trials
    ]  # fmt: skip


def begun(path: Path) -> Path:
    with open_store(str(path)) as store:
        store.create_study(SPEC, VERSIONS)
    return path


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_a_driver_that_dies_at_any_write_or_commit_loses_nothing(
    tmp_path: Path, every: int
) -> None:
    whole = begun(tmp_path / "whole.db")
    steps = drive(whole)
    expected = recorded(whole)
    states = {trial.state for trial in expected}
    assert states == {TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED}
    front = [trial.number for trial in StudyResults(SPEC, expected).front]
    for at in range(1, steps + 1, every):
        path = begun(tmp_path / f"{at}.db")
        with suppress(KilledError):
            drive(path, at)
        kept = {trial.number: trial for trial in recorded(path) if trial.state.finished}
        drive(path)
        trials = recorded(path)
        assert essence(trials) == essence(expected), at
        assert [trial.number for trial in StudyResults(SPEC, trials).front] == front
        assert all(trials[number] == trial for number, trial in kept.items())  # none repeated


@pytest.mark.parametrize("deaths", [(3, 3, 3, 3), (9, 2, 5, 1, 20), (30, 1, 1, 1, 1)])
def test_a_driver_that_dies_again_and_again_fails_no_trial(
    tmp_path: Path, deaths: tuple[int, ...]
) -> None:
    whole, path = begun(tmp_path / "whole.db"), begun(tmp_path / "nas.db")
    drive(whole)
    for at in deaths:
        with suppress(KilledError):
            drive(path, at)
    drive(path)
    assert essence(recorded(path)) == essence(recorded(whole))
