"""Outcomes: only the faults of a network end its trial; the surroundings end an attempt alone."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.errors import StudyFailedError, StudyPausedError
from nas.store import Store, open_store
from nas.study.attempts import MAX_LOSSES, MAX_NODES, AttemptOutcome
from nas.study.environment_faults import SAME_FAILURES, SAME_FAILURES_OF_NETWORKS
from nas.study.evaluator import Epoch, Job, Saved, WorkerPlan
from nas.study.study import Study
from nas.study.trial import Fault, Outcome, Reason, Trial, TrialState
from tests.classified import classified
from tests.store.rows import VERSIONS
from tests.studies import run_serial
from tests.tuner.fakes import AnalyticEvaluator, Wanderer, spec_of

SPEC = spec_of(num_trials=20, rungs=(3,))
ALONE = [
    Reason.NODE, Reason.PREEMPTED, Reason.DATABASE, Reason.RAY,
    Reason.DRIVER, Reason.ENDED, Reason.USER,
]  # fmt: skip
PAUSING = [Reason.STORAGE, Reason.DATA, Reason.SETUP, Reason.DEVICE]
DONE = Outcome(TrialState.COMPLETE, 3.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "nas.db")) as opened:
        opened.create_study(SPEC, VERSIONS)
        yield opened


def study_of(store: Store) -> Study:
    return Study(SPEC, store, Wanderer(SPEC))


def asked(study: Study) -> Trial:
    trial = study.ask()
    assert trial is not None
    return trial


def measure(study: Study, trial: Trial) -> None:
    """Record the first epoch of a running trial."""
    study.record(trial.number, trial.attempt, classified(1, None, 0.5, 1.0, 1.0, 1.0))


def traceback(error: str, place: str = "/home/a/net.py", line: int = 7) -> str:
    return (
        f'Traceback (most recent call last):\n  File "{place}", line {line}, in f\n    x\n{error}'
    )


@pytest.mark.parametrize("reason", ALONE)
def test_the_surroundings_end_an_attempt_however_often(store: Store, reason: Reason) -> None:
    first = asked(study := study_of(store))
    for _ in range(MAX_LOSSES + MAX_NODES):
        measure(study, study.trial(0))
        study.requeue(0, Fault(reason, "it is gone"))
        assert (study.trial(0).state, study.trial(0).lost) == (TrialState.WAITING, 0)
        again = asked(study)
        assert (again.number, again.arch_id, again.seed) == (0, first.arch_id, first.seed)
    study.finish(0, again.attempt, DONE)
    rows = store.attempts("small", 0)
    assert {row.reason for row in rows[:-1]} == {reason.value}
    assert AttemptOutcome.LOST not in {row.outcome for row in rows}
    assert rows[-1].outcome is AttemptOutcome.COMPLETE
    assert all(row.device_seconds is not None for row in rows)


def test_a_trial_that_only_loses_nodes_pauses_the_study(store: Store) -> None:
    study = study_of(store)
    for _ in range(MAX_NODES - 1):
        study.requeue(asked(study).number, Fault(Reason.NODE, "its node ended: host"))
    trial = asked(study)
    with pytest.raises(StudyPausedError, match="its node ended: host"):
        study.requeue(trial.number, Fault(Reason.NODE, "its node ended: host"))
    (waiting,) = store.trials("small")
    assert (waiting.state, waiting.attempt, waiting.lost) == (TrialState.WAITING, MAX_NODES, 0)


@pytest.mark.parametrize("reason", PAUSING)
def test_what_would_end_every_trial_pauses_the_study(store: Store, reason: Reason) -> None:
    for attempt in range(1, MAX_LOSSES + 2):
        study = study_of(store)
        trial = asked(study)
        assert (trial.number, trial.attempt) == (0, attempt)
        measure(study, trial)
        with pytest.raises(StudyPausedError) as paused:
            study.requeue(0, Fault(reason, "a traceback\nthe folder /data is gone."))
        assert paused.value.cause == "small is paused: the folder /data is gone."
        assert paused.value.exit_code == 7
        assert (store.trials("small")[0].state, store.trials("small")[0].lost) == ("WAITING", 0)
    rows = store.attempts("small", 0)
    assert {(row.outcome, row.reason) for row in rows} == {("ENVIRONMENT", reason.value)}


@pytest.mark.parametrize("reason", [Reason.WORKER_LOST, Reason.TIMEOUT])
def test_three_own_losses_are_counted_over_several_drivers(store: Store, reason: Reason) -> None:
    for loss in range(1, MAX_LOSSES + 1):
        study = study_of(store)
        trial = asked(study)
        study.requeue(trial.number, Fault(Reason.NODE, "no loss of its own"))
        study.requeue(asked(study).number, Fault(reason, "its worker ended"))
        failed = loss == MAX_LOSSES
        assert study.trial(0).state is (TrialState.FAILED if failed else TrialState.WAITING)
    (trial,) = store.trials("small")
    assert (trial.fail_reason, trial.fail_detail) == (reason.value, "its worker ended")
    assert trial.attempt == 2 * MAX_LOSSES


def test_an_error_that_repeats_itself_is_final(store: Store) -> None:
    study = study_of(store)
    for size in (5, 6):
        detail = traceback(f"ValueError: a size of {size}", f"/tmp/x{size}.py", size)
        study.requeue(asked(study).number, Fault(Reason.CRASH, detail))
    assert (study.trial(0).state, study.trial(0).fail_reason) == (TrialState.FAILED, "crash")
    for error in ("ValueError: 5", "KeyError: 5", "ValueError: 5"):
        study.requeue(asked(study).number, Fault(Reason.CRASH, traceback(error)))
    assert (study.trial(1).state, study.trial(1).attempt) == (TrialState.FAILED, MAX_LOSSES)


def test_an_error_that_does_not_return_costs_one_attempt(store: Store) -> None:
    study = study_of(store)
    study.requeue(asked(study).number, Fault(Reason.CRASH, traceback("RuntimeError: peer")))
    trial = asked(study)
    study.finish(trial.number, trial.attempt, DONE)
    (done,) = store.trials("small")
    assert (done.state, done.attempt, done.lost) == (TrialState.COMPLETE, 2, 1)


# ---- the circuit breaker ----


def fail(study: Study, reason: str, details: list[str]) -> None:
    """Fail one trial with each of `details`."""
    for detail in details:
        study.finish(asked(study).number, 1, Outcome(TrialState.FAILED, 1.0, reason, detail))


ALIKE = {
    "numbers": ("crash", [traceback(f"ValueError: {n} is not {n + 1}") for n in range(20)]),
    "paths": ("crash", [traceback(f"ValueError: /r/trial-{n}.x", f"/tmp/{n}") for n in range(20)]),
    "several lines": ("crash", [traceback(f"a.b.Error: at {n}:\nhint {n}") for n in range(20)]),
    "no text": ("crash", [""] * 20),
    "not a number": ("nan", [f"epoch {n}: loss nan, top1_error 0.{n}" for n in range(20)]),
    "memory": ("oom", [f"batches of {n} do not fit" for n in range(20)]),
    "silence": ("timeout", [f"no report for {n} s" for n in range(20)]),
}


@pytest.mark.parametrize(("reason", "details"), ALIKE.values(), ids=ALIKE)
def test_three_failures_of_one_class_end_the_study(
    store: Store, reason: str, details: list[str]
) -> None:
    study = study_of(store)
    with pytest.raises(StudyFailedError, match=f"all failed with {reason}"):
        fail(study, reason, details)
    assert [trial.state for trial in store.trials("small")] == [TrialState.FAILED] * SAME_FAILURES


def test_networks_that_diverge_are_no_broken_study_if_others_train(store: Store) -> None:
    study = study_of(store)
    study.finish(asked(study).number, 1, DONE)
    for number in range(1, SAME_FAILURES_OF_NETWORKS):
        study.finish(asked(study).number, 1, Outcome(TrialState.FAILED, 1.0, "nan", f"at {number}"))
    last = asked(study).number
    with pytest.raises(StudyFailedError, match=f"last {SAME_FAILURES_OF_NETWORKS} trials"):
        study.finish(last, 1, Outcome(TrialState.FAILED, 1.0, "nan", "at last"))


def test_fourteen_trials_that_all_diverge_end_after_three(store: Store, tmp_path: Path) -> None:
    plan = WorkerPlan(SPEC.to_json(), str(tmp_path), None, "", "0")
    evaluator = AnalyticEvaluator(plan, dict.fromkeys(range(14), "nan"))
    with pytest.raises(StudyFailedError, match="nan"):
        run_serial(study_of(store), evaluator)
    assert len(store.trials("small")) == SAME_FAILURES


class Broken:
    """Raises an error before the first epoch."""

    def evaluate(self, job: Job) -> Iterator[Epoch | Saved]:
        raise RuntimeError(f"no kernel for trial {job.number}")


def test_an_error_before_the_first_epoch_names_its_node(store: Store) -> None:
    with pytest.raises(StudyFailedError, match="RuntimeError: no kernel"):
        run_serial(study_of(store), Broken())
    rows = [row for number in range(SAME_FAILURES) for row in store.attempts("small", number)]
    outcomes = [AttemptOutcome.LOST, AttemptOutcome.FAILED] * SAME_FAILURES
    assert [row.outcome for row in rows] == outcomes
    assert {row.node for row in rows} == {socket.gethostname()}


# ---- repeating failed trials ----


def test_failed_trials_that_may_end_otherwise_are_repeated(store: Store, tmp_path: Path) -> None:
    study = study_of(store)
    reasons = ["worker_lost", "nan", "crash", "oom", "count_mismatch", "timeout"]
    for reason in reasons:
        study.finish(asked(study).number, 1, Outcome(TrialState.FAILED, 1.0, reason, "x"))
    before = study.trials
    resumed = study_of(store)
    assert resumed.trials == study_of(store).trials  # a plain resume repeats none
    assert resumed.retry_failed() == [0, 2, 3, 5]
    assert resumed.trials == store.trials("small")
    plan = WorkerPlan(SPEC.to_json(), str(tmp_path), None, "", "0")
    run_serial(resumed, AnalyticEvaluator(plan))
    trials = store.trials("small")
    assert len(trials) == SPEC.num_trials
    failed = [t.number for t in trials if t.state is TrialState.FAILED]
    assert failed == [1, 4]
    for old, new in zip(before, trials, strict=False):
        assert (old.arch_id, old.seed) == (new.arch_id, new.seed)
    assert [str(row.outcome) for row in store.attempts("small", 0)] == ["FAILED", "COMPLETE"]
    assert study_of(store).retry_failed() == []
