"""What failures of workers mean: the one that says most is told, in one line."""

import pytest
from ray.exceptions import ActorDiedError
from ray.train import WorkerGroupError

from nas.errors import NasError, TaskError
from nas.training.loop.devices import is_out_of_memory
from nas.tuner.worker_errors import LostWorkerError, explain
from tests.messages import carries

GONE = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1")


def group(*failures: BaseException) -> WorkerGroupError:
    """Return the error of a group whose workers failed so, by rank."""
    return WorkerGroupError("they failed", dict(enumerate(failures)))


class UnhealthyError(Exception):
    """As Ray Train wraps the loss of a worker; its own class is no public one."""

    health_check_failure = ActorDiedError()


DIED = UnhealthyError("unhealthy")


@pytest.mark.parametrize("others", [[], [GONE], [DIED]])
def test_an_error_of_ours_comes_first(others, tmp_path):
    ours = TaskError("the training diverged.", "Lower the learning rate.")
    assert explain(group(*others, ours), tmp_path) is ours


def test_a_lack_of_memory_is_told_as_such(tmp_path):
    lack = RuntimeError("CUDA error: out of memory")
    found = explain(group(GONE, lack), tmp_path)
    assert is_out_of_memory(found)
    assert "worker 1" in str(found)


@pytest.mark.parametrize(
    ("failures", "rank"),
    [([GONE, DIED], 1), ([DIED, GONE], 0), ([GONE], 0)],
)
def test_a_dead_worker_is_lost(failures, rank, tmp_path):
    found = explain(group(*failures), tmp_path)
    assert isinstance(found, LostWorkerError)
    assert f"worker {rank} was lost" in found.cause


def test_a_fault_is_one_line_and_its_traceback_a_file(tmp_path):
    found = explain(group(GONE, ZeroDivisionError("by\nzero")), tmp_path)
    assert isinstance(found, NasError)
    assert not isinstance(found, LostWorkerError)
    assert found.cause == "worker 1 failed: ZeroDivisionError: zero."
    assert (tmp_path / "worker-error.txt").read_text()
    assert "worker-error.txt" in found.remedy


def test_what_is_no_failure_of_workers_is_told_too(tmp_path):
    found = explain(ValueError("no room\nfor 4 workers"), tmp_path)
    assert carries(str(found), "for 4 workers")
