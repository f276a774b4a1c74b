"""Faults in the environment of a trial: disks, folders, data and settings.

A network does not cause them. They end an attempt but not the trial: it waits again, and the study
pauses until the cause is removed.
"""

import errno
import re

from nas.errors import SpaceError, TaskError

STORAGE_FAULT = "storage"  # a disk or a folder could not be read or written
DATA_FAULT = "data"  # the images are gone or broken
SETUP_FAULT = "setup"  # the worker cannot run this study at all
REASONS = frozenset({STORAGE_FAULT, DATA_FAULT, SETUP_FAULT})

# Errors of C++ and Rust libraries contain the text of the system error.
_NUMBER = re.compile(r"(?:os error |errno:? |error code:? )(\d+)", re.IGNORECASE)
_WORDS = (
    "no space left on device",
    "disk quota exceeded",
    "read-only file system",
    "input/output error",
    "stale file handle",
    "pytorchstreamwriter failed",
    "file write failed",
)


def reason_of(error: BaseException) -> str | None:
    """Return the reason in `REASONS` if the environment caused `error`, else None.

    The causes of `error` are checked too. Exhausted memory is not a fault of the environment: a
    smaller network would have fitted.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return None if cause.errno == errno.ENOMEM else STORAGE_FAULT
        if _is_of_storage(cause):
            return STORAGE_FAULT
        cause = cause.__cause__
    return SETUP_FAULT if isinstance(error, SpaceError | TaskError) else None


def _is_of_storage(error: BaseException) -> bool:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if not kinds & {"RuntimeError", "SafetensorError"}:
        return False
    text = str(error).lower()
    number = _NUMBER.search(text)
    memory = number is not None and int(number[1]) == errno.ENOMEM
    return not memory and (number is not None or any(words in text for words in _WORDS))
