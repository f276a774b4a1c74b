"""The environment of a trial: faults of disks, folders, data and settings.

No network is to blame for them. They end an attempt, never a trial: it waits again, and the study
pauses until a person has mended the cause.
"""

import errno
import re

from nas.errors import TaskError

STORAGE_FAULT = "storage"  # a disk or a folder could not be read or written
DATA_FAULT = "data"  # the images are gone or broken
SETUP_FAULT = "setup"  # the worker cannot run this study at all
REASONS = frozenset({STORAGE_FAULT, DATA_FAULT, SETUP_FAULT})

# Libraries in C++ and Rust have errors of their own, which hold the system's as text.
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

    What it was raised from counts too. Exhausted memory is no fault of the environment: a smaller
    network would have fitted.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return None if cause.errno == errno.ENOMEM else STORAGE_FAULT
        if _is_of_storage(cause):
            return STORAGE_FAULT
        cause = cause.__cause__
    return SETUP_FAULT if isinstance(error, TaskError) else None


def _is_of_storage(error: BaseException) -> bool:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if not kinds & {"RuntimeError", "SafetensorError"}:
        return False
    text = str(error).lower()
    number = _NUMBER.search(text)
    memory = number is not None and int(number[1]) == errno.ENOMEM
    return not memory and (number is not None or any(words in text for words in _WORDS))
