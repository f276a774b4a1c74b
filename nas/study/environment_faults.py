"""Faults in the environment of a trial, and faults that end a study because they repeat.

The network does not cause a fault in its environment. Such a fault ends the attempt but not the
trial: the trial waits again, and the study pauses until the cause is removed.
"""

import errno
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from nas.errors import SpaceError, StorageError, StudyFailedError, TaskError
from nas.study.attempts import repeatable
from nas.study.trial import Fault, Reason, Trial, TrialState, last_line

# Exceptions of C++ and Rust libraries contain the text of the system error.
_NUMBER = re.compile(r"(?:os error |errno:? |error code:? )(\d+)", re.IGNORECASE)
_STORAGE_WORDS = (
    "no space left on device",
    "disk quota exceeded",
    "file too large",
    "too many open files",
    "read-only file system",
    "input/output error",
    "stale file handle",
    "pytorchstreamwriter failed",
    "file write failed",
)
# CUDA's messages for faults of a GPU or its driver. Other messages, such as a failed assertion or
# an illegal memory access, may be due to a bug in a program.
_DEVICE_WORDS = (
    "uncorrectable ecc error",
    "uncorrectable nvlink error",
    "or a hardware error",
    "unspecified launch failure",
    "cuda error: unknown error",
    "busy or unavailable",
    "no cuda-capable device",
    "no cuda gpus are available",
    "cuda error: initialization error",
    "driver shutting down",
    "system not yet initialized",
)


def reason_of(error: BaseException) -> Reason | None:
    """Return the reason that pauses a study if the environment caused `error`, else None.

    The causes of `error` are checked too. Exhausted memory is not a fault of the environment,
    because a smaller network might fit.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StorageError):
            return Reason.STORAGE
        if isinstance(cause, OSError):
            return None if cause.errno == errno.ENOMEM else Reason.STORAGE
        if _is_storage_error(cause):
            return Reason.STORAGE
        if isinstance(cause, RuntimeError) and _contains(cause, _DEVICE_WORDS):
            return Reason.DEVICE
        cause = cause.__cause__
    return Reason.SETUP if isinstance(error, SpaceError | TaskError) else None


def _is_storage_error(error: BaseException) -> bool:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if not kinds & {"RuntimeError", "SafetensorError"}:
        return False
    number = _NUMBER.search(str(error))
    memory = number is not None and int(number[1]) == errno.ENOMEM
    return not memory and (number is not None or _contains(error, _STORAGE_WORDS))


def _contains(error: BaseException, phrases: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(phrase in text for phrase in phrases)


SAME_FAILURES = 3
SAME_FAILURES_OF_NETWORKS = 10  # if at least one trial of the study did not fail
_OF_NETWORKS = frozenset({Reason.NAN, Reason.OOM})


def break_circuit(study: str, trials: Sequence[Trial]) -> None:
    """End `study` if its last finished trials all failed with faults of one class.

    Three failures in a row are enough. Divergence and exhausted memory may be faults of single
    networks, although the recipe is right: ten in a row are needed, unless all trials failed.

    Raises:
        StudyFailedError: the last trials failed in this way.
    """
    here = [trial for trial in trials if trial.origin is None]
    ended = [trial for trial in here if trial.state.finished and trial.finished_at]
    ended.sort(key=lambda trial: trial.finished_at or datetime.min.replace(tzinfo=UTC))
    if not ended or ended[-1].state is not TrialState.FAILED:
        return
    last = ended[-1]
    worked = any(trial.state is not TrialState.FAILED for trial in ended)
    of_networks = worked and last.fail_reason in _OF_NETWORKS
    number = SAME_FAILURES_OF_NETWORKS if of_networks else SAME_FAILURES
    tail = ended[-number:]
    if len(tail) == number and len({_kind(trial) for trial in tail}) == 1:
        raise StudyFailedError(
            f"the last {number} trials of {study} all failed with "
            f"{last.fail_reason}: {last_line(last.fail_detail)[:200].rstrip('.')}.",
            "All measurements are kept. Remove the cause before you continue"
            + ("; --retry-failed repeats these trials." if repeatable(last) else "."),
        )


def _kind(trial: Trial) -> str | None:
    """Return the class of a trial's failure; None if it did not fail."""
    if trial.fail_reason is None:
        return None
    return Fault(trial.fail_reason, trial.fail_detail or "").kind
