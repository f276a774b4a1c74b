"""The loop without Ray: every job ends in the store before the watcher is notified."""

from pathlib import Path
from typing import Any

import pytest

from nas.errors import StoreError, StudyFailedError, StudyPausedError
from nas.study.attempts import MAX_LOSSES
from nas.study.evaluator import Failure, Report, WorkerPlan
from nas.study.execution import (
    Event,
    Execution,
    TrialFinished,
    TrialMeasured,
    TrialRequeued,
    TrialStarted,
)
from nas.study.rungs import Decision
from nas.study.study import Study
from nas.study.trial import Fault, Reason, TrialState
from tests.classified import classified_epoch
from tests.memory_store import MemoryStore
from tests.studies import run_serial
from tests.tuner.fakes import AnalyticEvaluator, Wanderer, spec_of


def study_of(store: MemoryStore, **changes: Any) -> Study:
    spec = spec_of(**changes)
    return Study(spec, store, Wanderer(spec))


def evaluator_of(study: Study, tmp_path: Path, **faults: str) -> AnalyticEvaluator:
    plan = WorkerPlan(study.spec.to_json(), str(tmp_path), None, "", "0")
    return AnalyticEvaluator(plan, {int(key[1:]): value for key, value in faults.items()})


def epoch(number: int, error: float = 0.5) -> Report:
    return Report(classified_epoch(number, error, 1.0, 1.0), float(number), "host:1")


def test_a_study_runs_to_its_end(tmp_path: Path) -> None:
    store = MemoryStore()
    study = study_of(store, published=True)
    events: list[Event] = []
    run_serial(study, evaluator_of(study, tmp_path), events.append)
    trials = store.trials("small")
    assert len(trials) == study.planned() == 11
    assert all(trial.counted == trial.cost for trial in trials)
    assert {trial.state for trial in trials} == {TrialState.COMPLETE, TrialState.STOPPED}
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    assert all(len(trial.measurements) == 3 and trial.weights_sha256 for trial in complete)
    stopped = [trial for trial in trials if trial.state is TrialState.STOPPED]
    assert all(len(trial.measurements) == 1 and not trial.weights_path for trial in stopped)
    assert sum(isinstance(event, TrialStarted) for event in events) == 11
    assert sum(isinstance(event, TrialFinished) for event in events) == 11
    measured = [event for event in events if isinstance(event, TrialMeasured)]
    assert len(measured) == sum(len(trial.measurements) for trial in trials)
    assert [event.measurement.rung for event in measured[:3]] == [0, None, 1]


def test_the_same_seed_gives_the_same_trials(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        study = study_of(MemoryStore())
        run_serial(study, evaluator_of(study, tmp_path))
        found.append(
            [
                (t.arch_id, t.state, [m.value("top1_error") for m in t.measurements])
                for t in study.trials
            ]
        )
    assert found[0] == found[1]


def test_failed_trials_are_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    study = study_of(MemoryStore())
    run_serial(study, evaluator_of(study, tmp_path, t0="nan", t1="oom", t3="crash", t5="miscount"))
    reasons = {trial.number: trial.fail_reason for trial in study.trials if trial.fail_reason}
    assert reasons == {0: "nan", 1: "oom", 3: "crash", 5: "count_mismatch"}
    assert sum(trial.state is not TrialState.FAILED for trial in study.trials) == 4
    assert "ZeroDivisionError" in (study.trial(3).fail_detail or "")


def test_three_alike_failures_end_the_study_with_everything_recorded(tmp_path: Path) -> None:
    store = MemoryStore()
    study = study_of(store)
    events: list[Event] = []
    evaluator = evaluator_of(study, tmp_path, t0="crash", t1="crash", t2="crash")
    with pytest.raises(StudyFailedError, match="divided by nothing"):
        run_serial(study, evaluator, events.append)
    assert [trial.state for trial in store.trials("small")] == [TrialState.FAILED] * 3
    assert sum(isinstance(event, TrialFinished) for event in events) == 3


def test_a_lost_job_is_started_again_and_its_late_reports_are_dropped() -> None:
    store = MemoryStore()
    events: list[Event] = []
    execution = Execution(study_of(store), events.append)
    first = execution.next()
    assert first is not None
    assert execution.report(first, epoch(1)) is Decision.CONTINUE
    execution.lost(first)
    assert isinstance(events[-1], TrialRequeued)
    again = execution.next()
    assert again is not None
    assert (again.number, again.attempt, again.architecture) == (0, 2, first.architecture)
    assert execution.report(first, epoch(2)) is Decision.STOP
    execution.lost(first)
    assert store.trials("small")[0].measurements == ()


def test_a_job_lost_too_often_fails() -> None:
    study = study_of(MemoryStore())
    execution = Execution(study)
    for _ in range(MAX_LOSSES):
        job = execution.next()
        assert job is not None
        assert job.number == 0
        execution.lost(job)
    assert study.trial(0).fail_reason == "worker_lost"


def test_a_job_that_is_always_silent_fails_as_timeout() -> None:
    study = study_of(MemoryStore())
    execution = Execution(study)
    for attempt in range(1, MAX_LOSSES + 1):
        job = execution.next()
        assert job is not None
        assert (job.number, job.attempt) == (0, attempt)
        execution.timed_out(job, 5.0)
    assert (study.trial(0).state, study.trial(0).fail_reason) == (TrialState.FAILED, "timeout")


def test_interruptions_never_fail_a_trial() -> None:
    store = MemoryStore()
    for attempt in range(1, MAX_LOSSES + 3):
        execution = Execution(study_of(store))
        jobs = [execution.next(), execution.next()]
        assert [job and (job.number, job.attempt) for job in jobs] == [(0, attempt), (1, attempt)]
        execution.interrupt()
        assert [trial.state for trial in store.trials("small")] == [TrialState.WAITING] * 2
    assert [trial.lost for trial in store.trials("small")] == [0, 0]


def test_a_job_short_of_memory_is_started_once_more_with_halved_batches() -> None:
    store = MemoryStore()
    events: list[Event] = []
    execution = Execution(study_of(store), events.append)
    starved = Report(Failure("oom", "no memory", "in halves"), 1.0, "host:1")
    first = execution.next()
    assert first is not None
    assert not first.halved
    assert execution.report(first, epoch(1)) is Decision.CONTINUE
    assert execution.report(first, starved) is Decision.STOP
    assert execution.report(first, epoch(2)) is Decision.STOP  # late: dropped
    assert events[-1] == TrialRequeued(execution.study.trial(0), "in halves")
    again = execution.next()
    assert again is not None
    assert (again.number, again.attempt, again.halved) == (0, 2, True)
    other = execution.next()
    assert other is not None
    assert (other.number, other.halved) == (1, False)
    assert execution.report(again, starved) is Decision.STOP
    trial = store.trials("small")[0]
    assert (trial.state, trial.fail_reason, trial.lost) == (TrialState.FAILED, "oom", 0)
    assert store.reports == {"small": {0: {"note": {"text": "in halves"}}}}


def test_a_resumed_study_keeps_the_batches_of_a_trial_halved() -> None:
    store = MemoryStore()
    execution = Execution(study_of(store))
    job = execution.next()
    assert job is not None
    execution.report(job, Report(Failure("oom", "no memory", "in halves"), 1.0, "host:1"))
    again = Execution(study_of(store)).next()
    assert again is not None
    assert (again.number, again.attempt, again.halved) == (0, 2, True)


def test_a_profile_is_kept_with_the_trial_and_adds_up_to_its_time() -> None:
    store = MemoryStore()
    execution = Execution(study_of(store, rungs=(2,)))
    job = execution.next()
    assert job is not None
    for number in (1, 2):
        laps = {"data": 0.5 * number, "forward": 0.25 * number, "images": 8.0 * number}
        content = classified_epoch(number, 0.5, 1.0, 1.0, profile=laps)
        execution.report(job, Report(content, 2.0 * number, "host:1"))
    kept = {"data": 1.0, "forward": 0.5, "images": 16.0, "overhead": 2.5}
    assert store.reports == {"small": {0: {"profile": kept}}}


def test_a_failure_report_keeps_its_reason_and_time() -> None:
    study = study_of(MemoryStore())
    execution = Execution(study)
    job = execution.next()
    assert job is not None
    report = Report(Failure("oom", "MemoryError"), 3.5, "host:1")
    assert execution.report(job, report) is Decision.STOP
    trial = study.trial(0)
    assert (trial.state, trial.fail_reason, trial.seconds) == (TrialState.FAILED, "oom", 3.5)


def test_a_report_is_one_write_and_is_told_when_it_has_been_made() -> None:
    store = MemoryStore()
    known = []

    def watch(event: Event) -> None:
        assert not store.held
        known.append((type(event), store.trials("small")[0].state, store.writes))

    execution = Execution(study_of(store, rungs=(1,)), watch)
    job = execution.next()
    counted = Report(
        classified_epoch(1, 0.5, 1.0, 1.0, counted=execution.study.trial(0).cost), 1.0, "host:1"
    )
    assert execution.report(job, counted) is Decision.STOP
    started = (TrialStarted, TrialState.RUNNING, 1)
    ended = [(kind, TrialState.COMPLETE, 2) for kind in (TrialMeasured, TrialFinished)]
    assert known == [started, *ended]
    assert store.trials("small")[0].counted is not None


def test_what_the_store_refuses_is_not_told() -> None:
    def refuse(name: str) -> None:
        if name == "together":
            raise StoreError("the disk is full.", "Free some space.")

    store = MemoryStore(refuse)
    events: list[Event] = []
    execution = Execution(study_of(store, rungs=(1,)), events.append)
    job = execution.next()
    with pytest.raises(StoreError):
        execution.report(job, epoch(1))
    assert [type(event) for event in events] == [TrialStarted]
    assert store.trials("small")[0].state is TrialState.RUNNING


def test_a_trial_runs_when_its_worker_begins_and_waits_before() -> None:
    store, events = MemoryStore(), list[Event]()
    execution = Execution(study_of(store), events.append)
    first, second = execution.next(begin=False), execution.next(begin=False)
    assert first is not None
    assert second is not None
    assert (first.number, first.attempt, second.number) == (0, 1, 1)
    assert [trial.state for trial in store.trials("small")] == [TrialState.WAITING] * 2
    assert events == []
    execution.begin(first)
    execution.begin(first)
    assert store.trials("small")[0].state is TrialState.RUNNING
    assert [type(event) for event in events] == [TrialStarted]
    execution.report(second, epoch(1))  # its beginning was not told before
    assert [type(event) for event in events[1:]] == [TrialStarted, TrialMeasured]


def test_a_job_without_a_worker_is_no_attempt_unless_the_worker_failed() -> None:
    store = MemoryStore()
    execution = Execution(study_of(store))
    execution.next(begin=False)
    execution.interrupt()
    assert [(trial.state, trial.attempt) for trial in store.trials("small")] == [
        (TrialState.WAITING, 0)
    ]
    assert store.ends == []
    again = execution.next(begin=False)
    assert again is not None
    assert (again.number, again.attempt) == (0, 1)
    with pytest.raises(StudyPausedError):
        execution.lost(again, Fault(Reason.SETUP, "the worker cannot start"))
    assert store.reasons == [(0, 1, "setup")]
