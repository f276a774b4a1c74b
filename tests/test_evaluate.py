"""The trial boundary: every evaluation returns a report."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from nas.errors import NasError, TaskError
from nas.space.architecture import Architecture
from nas.study.evaluator import (
    Attempt,
    Epoch,
    Failure,
    Job,
    TrialError,
    WorkerPlan,
    failure_reason,
    make_evaluator,
)
from tests.classified import classified_epoch
from tests.tuner.fakes import spec_of

JOB = Job(0, 1, 7, Architecture("none", (), ()))


class Scripted:
    """Yields or raises what it is told."""

    def __init__(self, *steps: Epoch | Exception) -> None:
        self.steps = steps
        self.closed = False

    def evaluate(self, job: Job) -> Iterator[Epoch]:
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            self.closed = True


def test_epochs_pass_through_with_the_time_and_the_worker() -> None:
    epochs = [classified_epoch(1, 0.5, 1.0, 1.1), classified_epoch(2, 0.4, 0.9, 1.0)]
    attempt = Attempt(JOB, lambda: Scripted(*epochs))
    reports = [attempt.advance(), attempt.advance()]
    assert [report.content for report in reports] == epochs
    assert 0 <= reports[0].seconds <= reports[1].seconds
    host, _, pid = reports[0].worker.rpartition(":")
    assert host
    assert pid.isdigit()


def test_an_exception_becomes_a_failure_with_its_traceback_and_ends_the_attempt() -> None:
    evaluator = Scripted(ZeroDivisionError("by nothing"))
    attempt = Attempt(JOB, lambda: evaluator)
    content = attempt.advance().content
    assert isinstance(content, Failure)
    assert content.reason == "crash"
    assert "Traceback" in content.detail
    assert content.detail.splitlines()[-1] == "ZeroDivisionError: by nothing"
    assert evaluator.closed
    assert isinstance(attempt.advance().content, Failure)


def test_an_evaluator_that_cannot_be_made_is_a_failure_too() -> None:
    def make() -> Scripted:
        raise TaskError("there is no task 'x'.", "Write digits.")

    content = Attempt(JOB, make).advance().content
    assert isinstance(content, Failure)
    assert content == Failure("setup", "there is no task 'x'. Write digits.")


def test_a_worker_without_the_package_of_a_block_kind_cannot_run_the_study() -> None:
    """As on a node of a cluster where it is not installed: the study pauses."""
    spec = spec_of()
    gone = replace(spec, space_text=spec.space_text.replace('"igcv3"', '"of-a-package"'))

    def make() -> Scripted:
        assert gone.space
        return Scripted()

    content = Attempt(JOB, make).advance().content
    assert isinstance(content, Failure)
    assert content.reason == "setup"
    assert "'of-a-package'" in content.detail


def test_a_known_reason_is_told_in_one_line() -> None:
    error = TrialError("oom", "no memory.", "Give it more.", "in halves")
    content = Attempt(JOB, lambda: Scripted(error)).advance().content
    assert content == Failure("oom", "no memory. Give it more.", "in halves")


def test_an_evaluator_that_ends_too_soon_is_a_failure() -> None:
    content = Attempt(JOB, Scripted).advance().content
    assert isinstance(content, Failure)
    assert "before the last epoch" in content.detail


def test_closing_lets_go_of_the_training() -> None:
    evaluator = Scripted(classified_epoch(1, 0.5, 1.0, 1.1), classified_epoch(2, 0.4, 0.9, 1.0))
    attempt = Attempt(JOB, lambda: evaluator)
    attempt.advance()
    attempt.close()
    assert evaluator.closed


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "oom"),
        (OutOfMemoryError("anything"), "oom"),
        (RuntimeError("CUDA error: out of memory"), "oom"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "oom"),
        (OSError(12, "Cannot allocate memory: out of memory"), "oom"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "crash"),
        (KeyError("out of memory"), "crash"),
    ],
)
def test_exhausted_memory_is_told_from_other_failures(error: Exception, reason: str) -> None:
    assert failure_reason(error) == reason


@pytest.mark.parametrize(
    "factory", ["no.such.module:make", "nas.study.evaluator:nothing", "words", ""]
)
def test_a_factory_that_cannot_be_imported_is_named(factory: str, tmp_path: object) -> None:
    plan = WorkerPlan(spec_of().to_json(), str(tmp_path), None, factory, "0")
    with pytest.raises(NasError, match="cannot be imported") as raised:
        make_evaluator(plan)
    assert repr(factory) in raised.value.cause
