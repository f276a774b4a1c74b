"""Attempts at measuring a trial: why they end, and whether the trial ends with them.

Only a fault of the network ends a trial: a loss that is not a number, exhausted memory, a count
that differs from fvcore's, or three losses of its worker. A worker counts as lost if its process
ends, sends no report or raises an error while its driver and its node still run. Every other fault
ends only the attempt, and the trial waits again.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from nas.study.trial import Fault, Reason, Trial, TrialState

MAX_LOSSES = 3
MAX_NODES = 5  # nodes that a trial may lose in a row without measuring an epoch

LOSSES = frozenset({Reason.WORKER_LOST, Reason.TIMEOUT, Reason.CRASH})
PAUSING = frozenset({Reason.STORAGE, Reason.DATA, Reason.SETUP, Reason.DEVICE})
_NODES = frozenset({Reason.NODE, Reason.PREEMPTED})
INTERRUPTIONS = frozenset({Reason.USER, Reason.DRIVER, Reason.ENDED, Reason.YIELDED, Reason.HALVED})
_FINAL = frozenset({Reason.NAN, Reason.COUNT})  # a repetition would end in the same way


class AttemptOutcome(StrEnum):
    """How an attempt ended; the first three are also the final states of its trial."""

    COMPLETE = "COMPLETE"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    LOST = "LOST"  # its worker ended, sent no report or raised an error
    INTERRUPTED = "INTERRUPTED"  # by a user, the end of its driver, another study, halved batches
    ENVIRONMENT = "ENVIRONMENT"  # by a disk, a folder, data, a device, the database, Ray or a node


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """The end of an attempt whose trial waits again.

    `lost` is the number of workers that the trial has lost so far, this one included.
    `device_seconds` is the time for which the attempt held its devices, times their number; None
    if unknown. `worker` is host:pid if the worker sent its error; None keeps the one that was
    recorded with the first epoch.
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

    `worker` is host:pid, `device` the name of the CPU or GPU. `outcome` is None while the attempt
    runs. `reason` and `detail` say why it ended, if it neither completed nor stopped at a rung.
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
    """The consequence of the end of an attempt: the trial waits, it fails, or the study pauses."""

    WAIT = "wait"
    FAIL = "fail"
    PAUSE = "pause"


class RunningAttempts:
    """The attempts of one driver: the time for which they hold devices, and their consequences.

    Each attempt holds `devices`: a number of GPUs, or of CPU cores if it uses no GPU.
    """

    def __init__(self, continues: bool) -> None:
        """Start without lost workers; if `continues`, attempts start from the last checkpoint."""
        self.devices = 1.0
        self._continues = continues
        self._began: dict[int, float] = {}  # monotonic seconds
        self._reached: dict[int, int] = {}  # the epoch at which a trial last lost its worker
        self._errors: dict[int, str] = {}  # the class of a trial's last error
        self._nodes: dict[int, int] = {}  # the nodes that a trial lost since its last epoch

    def begin(self, number: int) -> None:
        """Record that an attempt at trial `number` begins."""
        self._began[number] = time.monotonic()

    def device_seconds(self, number: int) -> float | None:
        """Return the device-seconds of the attempt at trial `number`.

        None if another driver began it.
        """
        began = self._began.get(number)
        return None if began is None else self.devices * (time.monotonic() - began)

    def progressed(self, number: int) -> None:
        """Record that trial `number` measured an epoch."""
        self._nodes.pop(number, None)

    def judge(self, trial: Trial, fault: Fault) -> tuple[FaultDecision, int]:
        """Return the consequence of `fault` for a running trial, and its lost workers so far.

        An error of the same type as that of the previous attempt fails the trial, because a further
        attempt would repeat it. If attempts continue from checkpoints, an attempt that reached a
        later epoch than the previous ones does not count as lost.
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
    """Tell whether a failed trial may succeed if it is repeated.

    Values that are not finite and a wrong count follow from the network, its seed and the recipe.
    The machine may have caused a lost worker, a timeout, an error or exhausted memory.
    """
    return trial.state is TrialState.FAILED and trial.fail_reason not in _FINAL
