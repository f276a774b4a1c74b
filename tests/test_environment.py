"""Faults of disks, folders and data: they pause the study, and fail no network."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nas.errors import NasError, StudyPausedError, TaskError
from nas.study import environment_faults as environment
from nas.study.attempts import MAX_LOSSES
from nas.study.evaluator import Epoch, Job, Saved, WorkerPlan, failure_reason
from nas.study.execution import Event, TrialFinished, TrialRequeued
from nas.study.study import Study
from nas.study.trial import Reason, TrialState
from tests.memory_store import MemoryStore
from tests.studies import run_serial
from tests.tuner.fakes import AnalyticEvaluator, Wanderer, spec_of


class SafetensorError(Exception):
    """Named like that of the library, which is no OSError."""


def wrapped(inner: Exception) -> TaskError:
    """Return a TaskError that was raised from `inner`."""
    try:
        raise TaskError("the weights cannot be written.", "Free the disk.") from inner
    except TaskError as error:
        return error


SYSTEM = [
    OSError(number, "what the system says", "/results/trial-3")
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.ENOENT,
                   errno.ESTALE, errno.EMFILE, errno.EFBIG, errno.ENOTCONN)
]  # fmt: skip
LIBRARIES = [
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    RuntimeError("[enforce fail at inline_container.cc:858] PytorchStreamWriter failed writing"),
    RuntimeError("unable to write to file </torch_1_2>: No space left on device (28)"),
    RuntimeError("unable to open shared memory object </torch_1> in read-write mode: errno: 24"),
    RuntimeError("Input/output error"),
]


@pytest.mark.parametrize("error", [*SYSTEM, *LIBRARIES], ids=repr)
def test_what_a_disk_or_a_folder_does_is_no_fault_of_the_network(error: Exception) -> None:
    assert failure_reason(error) == failure_reason(wrapped(error)) == Reason.STORAGE


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ZeroDivisionError("by nothing"), "crash"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (64x28 and 32x10)"), "crash"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "crash"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "oom"),
        (RuntimeError("unable to mmap 10 bytes: Cannot allocate memory (12)"), "crash"),
        (NasError("what one network does.", "Draw another."), "crash"),
        (TaskError("there is no task 'x'.", "Write digits."), "setup"),
    ],
    ids=repr,
)
def test_other_faults_keep_their_reason(error: Exception, reason: str) -> None:
    if reason == "oom":
        assert environment.reason_of(error) is None
    else:
        assert failure_reason(error) == reason


class Broken:
    """Measures like the analytic evaluator; `fault(job, stage)` raises what befalls a trial.

    The stage is the epoch that has just been measured, or "save".
    """

    def __init__(self, study: Study, fault: Callable[[Job, int | str], None]) -> None:
        self._inner = AnalyticEvaluator(WorkerPlan(study.spec.to_json(), "", None, "", "0"))
        self._fault = fault

    def evaluate(self, job: Job) -> Iterator[Epoch | Saved]:
        for content in self._inner.evaluate(job):
            self._fault(job, "save" if isinstance(content, Saved) else content.epoch)
            yield content


def study_of(store: MemoryStore) -> Study:
    spec = spec_of(num_trials=5, rungs=(3,))
    return Study(spec, store, Wanderer(spec))


@pytest.mark.parametrize("error", [SYSTEM[0], LIBRARIES[1], wrapped(LIBRARIES[0])], ids=repr)
@pytest.mark.parametrize("stage", [2, "save"])
def test_the_trial_waits_again_and_a_resume_repeats_it_alone(
    error: Exception, stage: int | str
) -> None:
    store, events = MemoryStore(), list[Event]()
    study = study_of(store)

    def fault(job: Job, at: int | str) -> None:
        if (job.number, job.attempt, at) == (1, 1, stage):
            raise error

    broken = Broken(study, fault)
    with pytest.raises(StudyPausedError, match="small is paused: ") as paused:
        run_serial(study, broken, events.append)
    assert len(paused.value.cause.splitlines()) == 1
    assert paused.value.exit_code == 7
    first, second = store.trials("small")
    assert (first.state, second.state) == (TrialState.COMPLETE, TrialState.WAITING)
    assert (second.lost, second.fail_reason) == (0, None)
    assert len(second.measurements) == (1 if stage == 2 else 3)  # before anything was saved
    assert store.reasons == [(1, 1, Reason.STORAGE)]
    assert isinstance(events[-1], TrialRequeued)

    events.clear()
    run_serial(study_of(store), broken, events.append)
    trials = store.trials("small")
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 5
    assert [trial.attempt for trial in trials] == [1, 2, 1, 1, 1]
    assert trials[0] == first
    assert all(trial.weights_path for trial in trials)
    assert sum(isinstance(event, TrialFinished) for event in events) == 4


def test_pauses_and_dead_drivers_are_no_losses_however_many() -> None:
    store = MemoryStore()

    def full(job: Job, at: int | str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for attempt in range(1, MAX_LOSSES + 2):
        study = study_of(store)
        with pytest.raises(StudyPausedError):
            run_serial(study, Broken(study, full))
        assert store.trials("small")[0].attempt == attempt
    for _ in range(MAX_LOSSES + 1):
        started = study_of(store).ask()  # and the driver dies: the next one finds it RUNNING
        assert started is not None
        assert (started.number, started.lost) == (0, 0)
    assert {reason for _, _, reason in store.reasons} == {Reason.STORAGE, Reason.DRIVER}


def test_the_record_has_the_attempt_and_its_reason(tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    from nas.store import open_store
    from tests.store.rows import VERSIONS

    spec = spec_of(num_trials=1, rungs=(2,))
    with open_store(str(tmp_path / "nas.db")) as store:
        store.create_study(spec, VERSIONS)
        study = Study(spec, store, Wanderer(spec))

        def full(job: Job, at: int | str) -> None:
            if at == "save" and job.attempt == 1:
                raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(StudyPausedError, match="No space left"):
            run_serial(study, Broken(study, full))
        assert store.trials("small")[0].state is TrialState.WAITING
        assert len(store.trials("small")[0].measurements) == 2
        run_serial(Study(spec, store, Wanderer(spec)), Broken(study, full))
        assert store.trials("small")[0].state is TrialState.COMPLETE
    with create_engine(f"sqlite:///{tmp_path / 'nas.db'}").connect() as connection:
        rows = connection.execute(text("SELECT number, outcome, reason FROM nas_attempt")).all()
        measured = connection.execute(text("SELECT count(*) FROM nas_measurement")).scalar()
    assert rows == [(1, "ENVIRONMENT", "storage"), (2, "COMPLETE", None)]
    assert measured == 4  # those of the first attempt too
