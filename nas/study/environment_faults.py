"""Faults in the environment of a trial: disks, folders, data, settings and devices.

The network does not cause them. They end the attempt but not the trial: the trial waits again, and
the study pauses until the cause is removed.
"""

import errno
import re

from nas.errors import SpaceError, StorageError, TaskError
from nas.study.trial import Reason

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
