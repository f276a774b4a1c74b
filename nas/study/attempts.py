"""Attempts: the tries at measuring a trial, why they end, and what this means for the trial.

Only a fault of the network ends a trial: a loss that is not a number, exhausted memory, a wrong
count, or three own losses. A worker's death, silence or error is an own loss while its driver and
its node live. Everything else ends the attempt alone, and the trial waits again.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from nas.study.trial import Fault, Reason, Trial, TrialState

MAX_LOSSES = 3
MAX_NODES = 5  # nodes that a trial loses in a row before it measures an epoch

LOSSES = frozenset({Reason.WORKER_LOST, Reason.TIMEOUT, Reason.CRASH})
PAUSING = frozenset({Reason.STORAGE, Reason.DATA, Reason.SETUP, Reason.DEVICE})
_NODES = frozenset({Reason.NODE, Reason.PREEMPTED})
INTERRUPTIONS = frozenset({Reason.USER, Reason.DRIVER, Reason.ENDED, Reason.YIELDED, Reason.HALVED})
_FINAL = frozenset({Reason.NAN, Reason.COUNT})  # a repetition would end in the same way


class AttemptOutcome(StrEnum):
    """How an attempt ended; the first three also are the final states of its trial."""

    COMPLETE = "COMPLETE"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    LOST = "LOST"  # its worker died, was silent or raised an error
    INTERRUPTED = "INTERRUPTED"  # by a user, the end of its driver, another study, halved batches
    ENVIRONMENT = "ENVIRONMENT"  # by a disk, a folder, data, a device, the database, Ray or a node


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """The end of an attempt whose trial waits again.

    `lost` counts the trial's own losses so far, this one included. `device_seconds` is the time for
    which the attempt held its devices, times their number; None if unknown. `worker` is host:pid
    if the worker sent its error; None keeps the one that was recorded with the first epoch.
    """

    fault: Fault
    lost: int
    device_seconds: float | None = None
    worker: str | None = None

    @property
    def outcome(self) -> AttemptOutcome:
        """The outcome of the attempt, by the reason of its end."""
        if self.fault.reason in LOSSES:
            return AttemptOutcome.LOST
        if self.fault.reason in INTERRUPTIONS:
            return AttemptOutcome.INTERRUPTED
        return AttemptOutcome.ENVIRONMENT


@dataclass(frozen=True, slots=True)
class TrialAttempt:
    """The record of one attempt, numbered from 1; times are timezone-aware UTC.

    `worker` is host:pid, `device` the name of what trained. `outcome` is None while it runs.
    `reason` and `detail` say why it ended, if it neither completed nor stopped at a rung.
    """

    number: int
    began: datetime
    ended: datetime | None = None
    worker: str | None = None
    device: str | None = None
    outcome: AttemptOutcome | None = None
    reason: str | None = None
    detail: str | None = None
    device_seconds: float | None = None

    @property
    def node(self) -> str | None:
        """The host of the worker."""
        return self.worker.partition(":")[0] if self.worker else None


class FaultDecision(Enum):
    """The consequence of the end of an attempt: the trial waits, fails, or waits in a pause."""

    WAIT = "wait"
    FAIL = "fail"
    PAUSE = "pause"


class RunningAttempts:
    """The attempts of one driver: how long they held their devices, and what their ends mean.

    Each holds `devices`: GPUs, or CPU cores without a GPU.
    """

    def __init__(self, continues: bool) -> None:
        """Start without losses; a trial that `continues` does so from its last checkpoint."""
        self.devices = 1.0
        self._continues = continues
        self._began: dict[int, float] = {}  # monotonic seconds
        self._reached: dict[int, int] = {}  # the epoch at which a trial lost its worker last
        self._errors: dict[int, str] = {}  # the class of a trial's last error
        self._nodes: dict[int, int] = {}  # the nodes that a trial lost since its last epoch

    def begin(self, number: int) -> None:
        """Note that an attempt at trial `number` begins."""
        self._began[number] = time.monotonic()

    def device_seconds(self, number: int) -> float | None:
        """Return the device-seconds of the attempt at trial `number`; None if another driver's."""
        began = self._began.get(number)
        return None if began is None else self.devices * (time.monotonic() - began)

    def progressed(self, number: int) -> None:
        """Note that trial `number` measured an epoch."""
        self._nodes.pop(number, None)

    def judge(self, trial: Trial, fault: Fault) -> tuple[FaultDecision, int]:
        """Return the consequence of `fault` for a running trial, and its losses so far.

        An error that repeats the one of the attempt before is final, because a further attempt
        would repeat it too. A training that continues from a checkpoint has not lost an attempt
        that went further than those before.
        """
        if fault.reason in LOSSES:
            return self._lost(trial, fault)
        if fault.reason in PAUSING:
            return FaultDecision.PAUSE, trial.lost
        if fault.reason not in _NODES:
            return FaultDecision.WAIT, trial.lost
        nodes = self._nodes[trial.number] = self._nodes.get(trial.number, 0) + 1
        return FaultDecision.PAUSE if nodes >= MAX_NODES else FaultDecision.WAIT, trial.lost

    def _lost(self, trial: Trial, fault: Fault) -> tuple[FaultDecision, int]:
        epoch = trial.last.epoch if trial.last else 0
        if self._continues and epoch > self._reached.get(trial.number, 0):
            self._reached[trial.number] = epoch
            return FaultDecision.WAIT, trial.lost
        before, lost = self._errors.pop(trial.number, None), trial.lost + 1
        if fault.reason == Reason.CRASH:
            kind = self._errors[trial.number] = fault.kind
            if before == kind:
                return FaultDecision.FAIL, lost
        return FaultDecision.FAIL if lost >= MAX_LOSSES else FaultDecision.WAIT, lost


def repeatable(trial: Trial) -> bool:
    """Tell whether a failed trial may end in another way if it is repeated.

    Numbers that are not finite and a wrong count follow from the network, its seed and the recipe.
    A lost worker, silence, an error and exhausted memory may be of the machine.
    """
    return trial.state is TrialState.FAILED and trial.fail_reason not in _FINAL
