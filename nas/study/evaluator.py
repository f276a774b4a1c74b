"""Evaluators measure an architecture, epoch by epoch; `Attempt` catches their exceptions.

An `Evaluator` runs in a worker process and does not know the study: it receives a `Job` and yields
one `Epoch` after another. An `Attempt` iterates over them and returns one `Report` for each. This
is the only place where an exception of a trial becomes a `Failure` with a reason, which is recorded
and does not end the study.
"""

import importlib
import os
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol, cast

from nas.cost import Cost
from nas.errors import NasError
from nas.space import Architecture, Layer
from nas.storage import Storage, weights_storage
from nas.study import environment_faults as environment
from nas.study.attempts import PAUSING
from nas.study.end_requests import EndRequest
from nas.study.spec import StudySpec
from nas.study.time_profile import Profile
from nas.study.trial import ByClass, Reason


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network that teaches others: its weights, and how it is built for its images.

    `name` is that of its trial, STUDY#N. `file` is the absolute path or the URI of its weights,
    `sha256` their hash. `layers` begin with the size of the images that it was trained on; `mean`
    and `std` are those of their pixels scaled to [0, 1], one for each channel.
    """

    name: str
    file: str
    sha256: str
    layers: tuple[Layer, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StartWeights:
    """The weights that a training starts with; `file` is their absolute path or URI."""

    name: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """The common settings of all jobs of one study, as plain values that any process can read.

    `factory` names the callable that makes the evaluator, as `module:name`; it is called with this
    plan once in each worker process. Paths are absolute. Weights and checkpoints are written to
    `storage` (`nas.storage`), or to `results_dir` if it is empty. `profile` turns on the profile of
    each training. `loaders` is the number of processes per trial that decode streamed images; 0
    uses one for each CPU core. Neither of the two changes a result. `teachers` and `start` are
    those of the recipe. When the driver makes the request `ending`, an evaluator should save its
    training and raise `interrupted_error`; otherwise its process is killed some seconds later.
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
    teachers: tuple[Teacher, ...] = ()
    ending: EndRequest = field(default_factory=EndRequest)
    start: StartWeights | None = None
    storage: str = ""

    @property
    def files(self) -> Storage:
        """The study's folder for weights and checkpoints."""
        return weights_storage(self.storage, Path(self.results_dir)).below(self.folder)

    @property
    def spec(self) -> StudySpec:
        """The study."""
        return StudySpec.from_json(self.spec_json)


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt to measure one architecture; `seed` determines the weights and the data order.

    `halved` splits each batch into two parts; the optimiser step is that of the whole batch.
    """

    number: int
    attempt: int
    seed: int
    architecture: Architecture
    halved: bool = False

    @property
    def name(self) -> str:
        """The name by which a driver asks this attempt to end."""
        return f"trial-{self.number}-{self.attempt}"


@dataclass(frozen=True, slots=True)
class Epoch:
    """The report of an evaluator after each epoch.

    `metrics` and `by_class` are as in `nas.study.trial.Measurement`. The first epoch has `counted`,
    fvcore's count at the deployment input, the name of the `device` that trains, and the
    training-free scores `proxies` by name if the study computes them. `profile` has the seconds of
    each part (`nas.study.time_profile`) since the first epoch, if the plan requests them. `saving`
    is true for the last epoch if a `Saved` follows: the measurement is recorded before the weights
    are written. `earlier` is the time in seconds that an earlier attempt spent on this epoch,
    restored from its checkpoint.
    """

    epoch: int
    metrics: Mapping[str, float]
    train_loss: float
    counted: Cost | None = None
    proxies: Mapping[str, float] | None = None
    profile: Profile | None = None
    saving: bool = False
    earlier: float = 0.0
    device: str | None = None
    by_class: ByClass | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """The weights of the last epoch: their key in the storage, and their SHA-256."""

    path: str
    sha256: str
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt ended early: a `Reason`, or a reason of the evaluator, and the details.

    `again` is a note on a further attempt with halved batches; None if that would not help.
    """

    reason: str
    detail: str
    again: str | None = None


class TrialError(NasError):
    """A trial that ends for a known `reason`, shown in one line without a traceback.

    `again` is as in `Failure`.
    """

    def __init__(self, reason: str, cause: str, remedy: str, again: str | None = None) -> None:
        """Keep the four values."""
        super().__init__(cause, remedy)
        self.reason = reason
        self.again = again


def interrupted_error() -> TrialError:
    """Return the error of a training that ends because its driver asks for it."""
    return TrialError(Reason.USER, "the study was interrupted.", "Resume it.")


@dataclass(frozen=True, slots=True)
class Report:
    """The message of a worker after each epoch.

    `seconds` is the time since the attempt began, `worker` is host:pid.
    """

    content: Epoch | Saved | Failure
    seconds: float
    worker: str


class Evaluator(Protocol):
    """Measures architectures; may keep shared objects, such as the data, between calls."""

    def evaluate(self, job: Job) -> Iterator[Epoch | Saved]:
        """Yield the epochs of one training from the first on; closing the iterator stops training.

        A `Saved` follows the last epoch if its `saving` is true.
        """
        ...


Factory = Callable[[WorkerPlan], Evaluator]


class Attempt:
    """One attempt in progress: each `advance` runs one epoch, or returns a `Failure`."""

    def __init__(self, job: Job, evaluator: Callable[[], Evaluator]) -> None:
        """Store the arguments; the first `advance` calls `evaluator` and catches its errors."""
        self._job = job
        self._evaluator = evaluator
        self._epochs: Iterator[Epoch | Saved] | None = None
        self._began: float | None = None

    def advance(self) -> Report:
        """Run one epoch; any error is returned as a `Failure`, never raised."""
        if self._began is None:
            self._began = time.monotonic()
        content: Epoch | Saved | Failure
        try:
            if self._epochs is None:
                self._epochs = iter(self._evaluator().evaluate(self._job))
            content = next(self._epochs)
        except StopIteration:
            content = Failure(Reason.CRASH, "the evaluator ended before the last epoch")
        except Exception as error:  # noqa: BLE001  a trial may fail in any way
            again = error.again if isinstance(error, TrialError) else None
            content = Failure(failure_reason(error), _describe(error), again)
        if isinstance(content, Failure):
            self.close()
        if isinstance(content, Epoch):
            self._began -= content.earlier
        return Report(
            content, time.monotonic() - self._began, f"{socket.gethostname()}:{os.getpid()}"
        )

    def close(self) -> None:
        """Stop the training and release its memory."""
        close = getattr(self._epochs, "close", None)
        self._epochs = iter(())
        if close is not None:
            close()


def make_evaluator(plan: WorkerPlan) -> Evaluator:
    """Return the evaluator of `plan`; the same object for equal plans within this process.

    Raises:
        TrialError: `plan.factory` cannot be imported.
    """
    return _make_evaluator(plan)


def failure_reason(error: BaseException) -> str:
    """Return the reason of a failure from its exception.

    It is the reason of a `TrialError`, `oom` for exhausted memory of any kind, the reason that
    pauses a study if the environment caused the error, and otherwise `crash`.
    """
    if isinstance(error, TrialError):
        return error.reason
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"MemoryError", "OutOfMemoryError"}:
        return Reason.OOM
    text = str(error).lower()
    starved = "out of memory" in text or "can't allocate memory" in text
    if starved and isinstance(error, RuntimeError | OSError):
        return Reason.OOM
    return environment.reason_of(error) or Reason.CRASH


@lru_cache(maxsize=1)
def _make_evaluator(plan: WorkerPlan) -> Evaluator:
    module, _, name = plan.factory.partition(":")
    try:
        factory = cast(Factory, getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        raise TrialError(
            Reason.SETUP,
            f"the evaluator {plan.factory!r} cannot be imported: {error}.",
            "Give module:name of a callable that every worker can import.",
        ) from error
    return factory(plan)


def _describe(error: Exception) -> str:
    """Return the error in one line if the user can correct it, else its traceback.

    The study compares failures by the last line, and shows it as the reason of a pause.
    """
    if isinstance(error, NasError) and failure_reason(error) in PAUSING:
        return str(error)
    if isinstance(error, TrialError):
        return str(error)
    if isinstance(error, NasError):
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(error)).rstrip()
