"""Evaluators: what measures an architecture, epoch by epoch, and the boundary around it.

An `Evaluator` lives in a worker process and knows nothing of the study: it gets a `Job` and yields
one `Epoch` after another. An `Attempt` steps through them, one `Report` for each; here, and nowhere
else, any exception of a trial becomes a `Failure` with a reason, so that it is recorded instead of
ending the study.
"""

import importlib
import os
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast

from nas.cost import Cost
from nas.errors import NasError
from nas.space import Architecture
from nas.study import environment_faults as environment
from nas.study.spec import StudySpec
from nas.study.time_profile import Profile


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What all the jobs of one study share; plain text, so that it travels to any process.

    `factory` names the callable that makes the evaluator, as `module:name`; it is called with this
    plan once in each worker process. Paths are absolute. `profile` asks for the time of the parts
    of each training, `loaders` for so many processes that decode streamed images for each trial, 0
    for its own threads; neither changes a result.
    """

    spec_json: str
    results_dir: str
    data_dir: str | None
    factory: str
    version: str
    profile: bool = False
    loaders: int = 0
    folder: str = ""
    study_id: str = ""

    @property
    def spec(self) -> StudySpec:
        """The study."""
        return StudySpec.from_json(self.spec_json)


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt to measure one architecture; `seed` starts the weights and the data's order.

    `halved` asks for each batch in two parts, the step being that of the whole batch.
    """

    number: int
    attempt: int
    seed: int
    architecture: Architecture
    halved: bool = False


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an evaluator gives after each epoch: errors as in `nas.study.trial.Measurement`.

    `counted` is fvcore's count at the deployment input; the first epoch carries it, and the
    training-free scores by name where the study wants them. `profile` holds the laps of
    `nas.study.time_profile` since the first epoch, where the plan asks for them. `saving` says of
    the last epoch that its weights follow, as a `Saved`: what was measured is recorded before a
    disk is asked for anything.
    """

    epoch: int
    top1_error: float
    loss: float
    train_loss: float
    counted: Cost | None = None
    proxies: Mapping[str, float] | None = None
    profile: Profile | None = None
    saving: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """The weights of the last epoch: their path below the results folder, and its SHA-256."""

    path: str
    sha256: str
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt ended early: `oom`, `crash` or a reason of the environment; what led to it.

    `again` says what an attempt with its batches halved would do, where that may help.
    """

    reason: str
    detail: str
    again: str | None = None


class TrialError(NasError):
    """A trial that ends for a known `reason`; told in one line, without a traceback.

    `again` is that of `Failure`.
    """

    def __init__(self, reason: str, cause: str, remedy: str, again: str | None = None) -> None:
        """Keep the four."""
        super().__init__(cause, remedy)
        self.reason = reason
        self.again = again


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker sends for each epoch; `seconds` since the attempt began, `worker` host:pid."""

    content: Epoch | Saved | Failure
    seconds: float
    worker: str


class Evaluator(Protocol):
    """Measures architectures; may keep what they share, such as the data, between calls."""

    def evaluate(self, job: Job) -> Iterator[Epoch | Saved]:
        """Yield the epochs of one training from the first; a closed iterator stops training.

        Where the last epoch says so, the weights follow it.
        """
        ...


Factory = Callable[[WorkerPlan], Evaluator]


class Attempt:
    """One attempt in progress: each `advance` is one epoch, or the failure that ends it."""

    def __init__(self, job: Job, evaluator: Callable[[], Evaluator]) -> None:
        """Wait for the first `advance`; only then is `evaluator` called, inside the boundary."""
        self._job = job
        self._evaluator = evaluator
        self._epochs: Iterator[Epoch | Saved] | None = None
        self._began: float | None = None

    def advance(self) -> Report:
        """Run one epoch; whatever goes wrong in it is returned as a `Failure`, never raised."""
        if self._began is None:
            self._began = time.monotonic()
        content: Epoch | Saved | Failure
        try:
            if self._epochs is None:
                self._epochs = iter(self._evaluator().evaluate(self._job))
            content = next(self._epochs)
        except StopIteration:
            content = Failure("crash", "the evaluator ended before the last epoch")
        except Exception as error:  # noqa: BLE001  the boundary: a trial may fail in any way
            again = error.again if isinstance(error, TrialError) else None
            content = Failure(failure_reason(error), _describe(error), again)
        if isinstance(content, Failure):
            self.close()
        return Report(
            content, time.monotonic() - self._began, f"{socket.gethostname()}:{os.getpid()}"
        )

    def close(self) -> None:
        """Let go of the training, its memory included."""
        close = getattr(self._epochs, "close", None)
        self._epochs = iter(())
        if close is not None:
            close()


def make_evaluator(plan: WorkerPlan) -> Evaluator:
    """Return the evaluator of `plan`, the same one for equal plans within this process.

    Raises:
        TrialError: `plan.factory` names nothing that can be imported.
    """
    return _make_evaluator(plan)


def failure_reason(error: BaseException) -> str:
    """Return the error's own reason, `oom` for any kind of exhausted memory, else `crash`.

    Or a reason of `nas.study.environment_faults`, where that caused it.
    """
    if isinstance(error, TrialError):
        return error.reason
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"MemoryError", "OutOfMemoryError"}:
        return "oom"
    text = str(error).lower()
    starved = "out of memory" in text or "can't allocate memory" in text
    if starved and isinstance(error, RuntimeError | OSError):
        return "oom"
    return environment.reason_of(error) or "crash"


@lru_cache(maxsize=1)
def _make_evaluator(plan: WorkerPlan) -> Evaluator:
    module, _, name = plan.factory.partition(":")
    try:
        factory = cast(Factory, getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        raise TrialError(
            environment.SETUP_FAULT,
            f"the evaluator {plan.factory!r} cannot be imported: {error}.",
            "Give module:name of a callable that every worker can import.",
        ) from error
    return factory(plan)


def _describe(error: Exception) -> str:
    """Return the error in one line if a person can mend it, else its traceback, which ends in it.

    The last line is what the study compares, or gives as the reason of its pause.
    """
    if isinstance(error, NasError) and failure_reason(error) in environment.REASONS:
        return str(error)
    if isinstance(error, TrialError):
        return str(error)
    if isinstance(error, NasError):
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(error)).rstrip()
