"""Memory and images that run out under Ray: as in the loop without it, through real workers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.errors import StudyPausedError
from nas.study.evaluator import Epoch, Evaluator, Job, Saved, TrialError, WorkerPlan
from nas.study.execution import Event, TrialMeasured, TrialRequeued
from nas.study.study import Study
from nas.study.time_profile import PROFILE_PARTS, profile_total
from nas.study.trial import TrialState
from nas.tuner import RunSettings, run
from nas.tuner.connection import connected
from tests.memory_store import MemoryStore
from tests.messages import carrying
from tests.studies import WalkSampler, small_spec
from tests.training.data.pictures import write_shades
from tests.training.nets import RECIPE
from tests.tuner.fakes import AnalyticEvaluator, Wanderer, spec_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Starving:
    """Runs out of memory once in the trials 1 and 3, and in trial 3 with halved batches too."""

    def __init__(self, plan: WorkerPlan) -> None:
        self._inner = AnalyticEvaluator(plan)

    def evaluate(self, job: Job) -> Iterator[Epoch | Saved]:
        for epoch in self._inner.evaluate(job):
            if (
                isinstance(epoch, Epoch)
                and epoch.epoch == 2
                and (job.number == 3 or (job.number == 1 and not job.halved))
            ):
                again = None if job.halved else "in halves"
                raise TrialError("oom", "no memory.", "Buy some.", again)
            yield epoch


def make(plan: WorkerPlan) -> Evaluator:
    return Starving(plan)


@pytest.fixture
def cluster() -> Iterator[None]:
    """One Ray for all runs."""
    with connected(None):
        yield


def test_trials_that_run_out_of_memory_and_of_images(cluster: None, tmp_path: Path) -> None:
    events: list[Any]
    spec, store, events = spec_of(rungs=(3,)), MemoryStore(), []
    study = Study(spec, store, Wanderer(spec))
    settings = RunSettings(tmp_path, evaluator="tests.tuner.test_faults_on_ray:make")
    assert not run(study, settings, events.append).interrupted
    states = {trial.number: (trial.state, trial.attempt) for trial in store.trials("small")}
    assert states[1] == (TrialState.COMPLETE, 2)
    assert states[3] == (TrialState.FAILED, 2)
    assert all(found == (TrialState.COMPLETE, 1) for n, found in states.items() if n not in (1, 3))
    assert study.trial(3).fail_reason == "oom"
    assert study.trial(3).fail_detail == "no memory. Buy some."
    told = sorted(event.trial.number for event in events if isinstance(event, TrialRequeued))
    assert told == [1, 3]
    assert store.reports["small"][1] == {"note": {"text": "in halves"}}

    folder, away = write_shades(tmp_path / "images", (16, 17)), tmp_path / "away"
    spec = small_spec(
        task="folder", data_dir=str(folder), image_size=16, recipe=RECIPE.text, rungs=(2,),
        published=False, proxies=False, confirm=0,
    )  # fmt: skip

    def watch(event: Event) -> None:
        if isinstance(event, TrialMeasured) and event.trial.number == 1 and folder.exists():
            folder.rename(away)

    settings = RunSettings(tmp_path, data_dir=folder, profile=True)
    with pytest.raises(StudyPausedError, match=carrying("data folder")):
        run(Study(spec, store, WalkSampler(spec)), settings, watch)
    trials = store.trials("study")
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.WAITING}
    reasons = {reason for _, _, reason in store.reasons}
    assert "data" in reasons <= {"data", "user", "study_ended", "halved"}
    away.rename(folder)
    run(Study(spec, store, WalkSampler(spec)), settings)
    trials = store.trials("study")
    assert len(trials) == 8
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    for trial in trials:
        found = store.reports["study"][trial.number]["profile"]
        assert set(found) == {*PROFILE_PARTS, "images"}
        assert found["overhead"] > 0
        assert profile_total(found) == pytest.approx(trial.seconds), json.dumps(found)
