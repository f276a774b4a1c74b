"""Trial: one architecture being measured, and its measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from nas.cost import Cost
from nas.space import Architecture

NOTE_REPORT = "note"  # kind of the report on a trial whose batches were halved
WARNING_REPORT = "warning"  # kind of the report on a trial that diverges
ByClass: TypeAlias = Mapping[str, Mapping[str, float]]  # metrics by name, of each class by name
Reports: TypeAlias = Mapping[int, Mapping[str, Mapping[str, Any]]]  # by trial number and kind


class TrialState(StrEnum):
    """The states of a trial; the last three are final.

    WAITING ─► RUNNING ─► COMPLETE   measured to the last rung
       ▲          ├─────► STOPPED    ended at a lower rung: a censored measurement
       └──────────┤                  (back to WAITING if its worker, its driver, a disk or data
                  │                  is lost, which ends the attempt but not the trial)
                  └─────► FAILED     cannot be trained; `fail_reason` says why

    COMPLETE and STOPPED never change; the user can repeat a FAILED trial.
    """

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    STOPPED = "STOPPED"
    FAILED = "FAILED"

    @property
    def finished(self) -> bool:
        """Whether a trial in this state is over."""
        return self in (TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The results of one epoch of training.

    `metrics` holds the metrics of the validation split by the names of `nas.metrics`; `train_loss`
    is the mean training loss of the epoch, `seconds` the time since this attempt began. `rung` is
    the index of the rung at the end of this epoch, or None between rungs. `by_class` has the
    metrics of each class, if the task measures them; only in the last epoch.
    """

    epoch: int
    rung: int | None
    metrics: Mapping[str, float]
    train_loss: float
    seconds: float
    by_class: ByClass | None = None

    def value(self, name: str) -> float | None:
        """Return one of the metrics; None where it was not measured."""
        return self.metrics.get(name)


class Reason(StrEnum):
    """Why an attempt ended early; an evaluator may report further reasons, which fail the trial."""

    NAN = "nan"  # a metric or the loss was not finite
    OOM = "oom"  # neither batches nor half batches fit in memory
    COUNT = "count_mismatch"  # fvcore counts another cost
    CRASH = "crash"  # any other exception was raised
    TIMEOUT = "timeout"  # no report within the time limit
    WORKER_LOST = "worker_lost"  # the process of the worker ended
    STORAGE = "storage"  # a disk or a folder could not be read or written
    DATA = "data"  # the images are missing or broken
    SETUP = "setup"  # the worker cannot run this study at all
    DEVICE = "device"  # a GPU failed
    DATABASE = "database"  # the record could not be written
    NODE = "node"  # the machine of the worker was lost
    UNFIT = "unfit_node"  # the machine of the worker cannot train this study
    PREEMPTED = "preempted"  # the machine of the worker was taken back
    RAY = "ray_lost"  # Ray ended or did not answer
    DRIVER = "driver_lost"  # the driver ended without recording a reason
    ENDED = "study_ended"  # the study paused or ended early because of another trial
    USER = "user"  # the study was interrupted
    YIELDED = "yielded"  # its worker was given to another study
    HALVED = "halved"  # the next attempt halves the batches


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt ended early: a `Reason`, or a reason of the evaluator, and details."""

    reason: str
    detail: str

    @property
    def kind(self) -> str:
        """The class of the fault: the reason, and for an error also the type of the exception.

        Numbers, paths and other details of the text have no effect on it.
        """
        if self.reason != Reason.CRASH:
            return self.reason
        return f"{self.reason} {_error_type(self.detail)}"


def _error_type(detail: str) -> str:
    """Return the exception type at the end of a traceback; of other text, the last line's start."""
    _, frame, end = f"\n{detail}".rpartition('\n  File "')
    lines = [line for line in end.splitlines() if line and not line[0].isspace()]
    error = lines[min(1, len(lines) - 1)] if frame and lines else last_line(detail)
    return error.partition(":")[0].strip()[:200]


def last_line(detail: str | None) -> str:
    """Return the last line of a failure's detail, which names the error in a traceback."""
    return detail.strip().splitlines()[-1] if detail and detail.strip() else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended; `device_seconds` and `worker` as in `nas.study.attempts.AttemptEnd`."""

    state: TrialState
    seconds: float
    fail_reason: str | None = None
    fail_detail: str | None = None
    weights_path: str | None = None
    weights_sha256: str | None = None
    device_seconds: float | None = None
    worker: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of a study. `reference` names a published architecture; None for a candidate.

    `cost` is our count and `counted` fvcore's, both at the deployment input. `seed` determines the
    weights and the order of the data. `attempt` is the number of attempts, `lost` the number of
    lost workers (`nas.study.attempts`). Times are timezone-aware UTC.

    `proxies` are training-free scores by name. `origin` is the `study/number` whose result a trial
    reuses; such a trial was never started. A further training of a candidate or reference with
    another seed has the number of that trial in `replicate_of`, and 1, 2, … in `replicate`; it is
    not a candidate. `weights_removed_at` is the time at which the study deleted the weights,
    because it keeps only those of its best trials (`nas.storage.Keep`).

    `borrowed` is the `study/number` of a training of an earlier study, from which the sampler
    learns (`nas.study.borrowing`). It is not a trial of this study, and its number is negative.
    """

    number: int
    architecture: Architecture
    cost: Cost
    state: TrialState
    seed: int
    reference: str | None = None
    attempt: int = 0
    lost: int = 0
    measurements: tuple[Measurement, ...] = ()
    counted: Cost | None = None
    fail_reason: str | None = None
    fail_detail: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float | None = None
    worker: str | None = None
    weights_path: str | None = None
    weights_sha256: str | None = None
    weights_removed_at: datetime | None = None
    proxies: Mapping[str, float] | None = None
    origin: str | None = None
    replicate_of: int | None = None
    replicate: int = 0
    borrowed: str | None = None

    @property
    def arch_id(self) -> str:
        """The identity of the architecture."""
        return self.architecture.arch_id

    @property
    def candidate(self) -> bool:
        """Whether the trial can win: it is not a reference, a further seed or borrowed."""
        return self.reference is None and self.replicate_of is None and self.borrowed is None

    @property
    def has_weights(self) -> bool:
        """Whether weights were recorded and not removed after the study."""
        return bool(self.weights_path) and self.weights_removed_at is None

    @property
    def reused(self) -> str | None:
        """The trial whose result this one reuses, as users type it: STUDY#N."""
        return self.origin and self.origin.replace("/", "#")

    @property
    def last(self) -> Measurement | None:
        """The measurement at the highest fidelity so far."""
        return self.measurements[-1] if self.measurements else None

    @property
    def final(self) -> Measurement | None:
        """The measurement at full fidelity; None unless the trial is COMPLETE."""
        return self.last if self.state is TrialState.COMPLETE else None

    def value(self, name: str) -> float | None:
        """Return a cost, or a metric of the last measurement; None if it was not measured."""
        cost = getattr(self.cost, name, None)  # a table of networks may have other costs
        if cost is not None:
            return float(cost)
        return None if self.last is None else self.last.value(name)


def ended(trial: Trial, outcome: Outcome, at: datetime) -> Trial:
    """Return `trial` in its final state."""
    return replace(
        trial,
        state=outcome.state,
        fail_reason=outcome.fail_reason,
        fail_detail=outcome.fail_detail,
        seconds=outcome.seconds,
        weights_path=outcome.weights_path,
        weights_sha256=outcome.weights_sha256,
        finished_at=at,
    )


def reopened(trial: Trial) -> Trial:
    """Return a failed `trial` in the state WAITING, with its lost workers set to 0."""
    return replace(
        trial,
        state=TrialState.WAITING,
        lost=0,
        fail_reason=None,
        fail_detail=None,
        seconds=None,
        finished_at=None,
    )


def trial_notes(
    reports: Reports, kinds: Sequence[str] = (NOTE_REPORT, WARNING_REPORT)
) -> dict[int, str]:
    """Return the texts of the reports of `kinds`, joined for each trial, by trial number."""
    found = {
        number: [str(own[kind]["text"]) for kind in kinds if kind in own]
        for number, own in reports.items()
    }
    return {number: "; ".join(texts) for number, texts in found.items() if texts}
