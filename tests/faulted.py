"""Ends of attempts for the tests: a lost worker, and an interruption by the user."""

from nas.study.attempts import AttemptEnd
from nas.study.trial import Fault, Reason

LOST = Fault(Reason.WORKER_LOST, "its worker ended")
INTERRUPTED = Fault(Reason.USER, "the study was interrupted")
FULL = Fault(Reason.STORAGE, "No space left on device")
NODE_LOST = Fault(Reason.NODE, "its node ended")


def lost(losses: int = 1) -> AttemptEnd:
    """Return the end of an attempt that was the trial's `losses`-th loss."""
    return AttemptEnd(LOST, losses, 1.5)


def interrupted(losses: int = 0) -> AttemptEnd:
    """Return the end of an attempt by a signal."""
    return AttemptEnd(INTERRUPTED, losses, 1.5)
