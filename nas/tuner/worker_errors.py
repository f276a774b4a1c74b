"""Errors of a worker group of Ray Train, explained for the user."""

import traceback
from contextlib import suppress
from pathlib import Path

from ray.exceptions import RayActorError, RayError, RaySystemError
from ray.train import WorkerGroupError

from nas.errors import NasError
from nas.training import is_out_of_memory

_TRACE = "worker-error.txt"
_CONNECTION = ("connection", "gloo", "nccl", "timed out", "timeout", "socket", "peer")
_RESUME = "Repeat the command with --resume to continue from the last checkpoint."


class LostWorkerError(NasError):
    """A worker's process or connection is lost; the training can continue from a checkpoint."""


def explain(error: BaseException, folder: Path) -> Exception:
    """Return the exception to raise for `error`, the end of a training on workers.

    An error of one worker makes the others lose their connection to it. The most informative error
    is used: first an error of nas, then exhausted memory, then other errors, then a loss. The
    traceback of an error is written to `folder`.
    """
    if not isinstance(error, WorkerGroupError):
        return NasError(f"Ray Train failed: {_line(error)}.", _RESUME)
    failures = [(rank, _inner(failure)) for rank, failure in sorted(error.worker_failures.items())]
    for _, failure in failures:
        if isinstance(failure, NasError):
            return failure
    for rank, failure in failures:
        if is_out_of_memory(failure):
            return MemoryError(f"worker {rank}: {_line(failure)}")
    for rank, failure in failures:
        if not _is_loss(failure):
            return _fault(rank, failure, error, folder)
    rank = next((r for r, f in failures if isinstance(f, RayError)), failures[0][0])
    return LostWorkerError(f"worker {rank} was lost.", _RESUME)


def _inner(failure: BaseException) -> BaseException:
    """Return the cause of a lost worker, if Ray Train wraps one; otherwise its error."""
    inner = getattr(failure, "health_check_failure", None)
    return inner if isinstance(inner, BaseException) else failure


def _is_loss(failure: BaseException) -> bool:
    if isinstance(failure, RayActorError | RaySystemError | RayError):
        return True
    text = str(failure).lower()
    return isinstance(failure, RuntimeError) and any(word in text for word in _CONNECTION)


def _fault(rank: int, failure: BaseException, error: BaseException, folder: Path) -> NasError:
    path = folder / _TRACE
    with suppress(OSError):
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return NasError(
        f"worker {rank} failed: {type(failure).__name__}: {_line(failure)}.",
        f"The traceback is in {path}. {_RESUME}",
    )


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip()[:200] if lines else type(error).__name__
