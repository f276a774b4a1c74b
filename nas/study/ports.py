"""Ports: the interfaces of samplers and stores that a study uses, as small Protocols."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nas.cost import Cost
from nas.space import Architecture
from nas.storage import File
from nas.study.attempts import AttemptEnd
from nas.study.spec import StudySpec
from nas.study.trial import Measurement, Outcome, Trial


@runtime_checkable
class Sampler(Protocol):
    """Proposes architectures; results depend only on the arguments, so that replays agree."""

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a canonical member of the space within the budget, or None if there is none left.

        `history` comes from `nas.study.proposals.seen`: every candidate and reference by number,
        running ones without measurements. `number` is that of the new trial. Times, machines and
        attempts must not affect the result.
        """
        ...

    def expected_losses(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return estimated losses of the first objective, by the number of a COMPLETE candidate.

        The observed loss is used for candidates without an estimate.
        """
        ...


class StudyStore(Protocol):
    """The durable record of one or more studies.

    Every call is committed when it returns; within `together`, when the block ends.
    """

    def together(self, study: str) -> AbstractContextManager[None]:
        """Commit all writes to `study` within the block together, at its end.

        They are committed even if the block raises. Do not read the study within the block.
        """
        ...

    def trials(self, study: str) -> list[Trial]:
        """Return the trials of `study` with their measurements, by number."""
        ...

    def complete_trials(self, study: str, arch_id: str) -> list[tuple[StudySpec, Trial]]:
        """Return the COMPLETE trials of an architecture, each with the spec of its study.

        They come from `study` and from all studies that the same version of nas measures in the
        same way; the oldest study comes first, then the lowest number.
        """
        ...

    def borrowed(self, study: str) -> list[Trial]:
        """Return the trainings of earlier studies that were borrowed when `study` was created."""
        ...

    def weights_file(self, study: str, trial: Trial) -> File | None:
        """Return the file of a trial's weights; None if it has none, or they are missing."""
        ...

    def exhausted(self, study: str) -> bool:
        """Tell whether `record_exhausted` was called for `study`."""
        ...

    def record_exhausted(self, study: str) -> None:
        """Record that the sampler of `study` had no further candidate."""
        ...

    def notes(self, study: str) -> Mapping[int, str]:
        """Return the texts of the reports of kind `NOTE_REPORT`, by trial number."""
        ...

    def insert_trial(self, study: str, trial: Trial) -> None:
        """Add a trial; its number must be new in the study."""
        ...

    def start_trial(self, study: str, number: int, attempt: int) -> None:
        """Set a WAITING trial to RUNNING in a new attempt, without its earlier measurements."""
        ...

    def requeue_trial(self, study: str, number: int, attempt: int, end: AttemptEnd) -> None:
        """Set a RUNNING trial to WAITING again, and record the `end` of its attempt."""
        ...

    def reopen_trial(self, study: str, number: int, attempt: int) -> None:
        """Set a FAILED trial to WAITING again, and its lost workers to 0."""
        ...

    def record_measurement(
        self, study: str, number: int, attempt: int, measurement: Measurement
    ) -> None:
        """Add one measurement to a RUNNING trial in this attempt."""
        ...

    def record_count(
        self,
        study: str,
        number: int,
        attempt: int,
        counted: Cost,
        worker: str,
        device: str | None = None,
    ) -> None:
        """Record fvcore's count of a RUNNING trial, its worker, and the device of the attempt."""
        ...

    def record_proxies(
        self, study: str, number: int, attempt: int, values: Mapping[str, float]
    ) -> None:
        """Record the training-free scores of a trial in this attempt."""
        ...

    def finish_trial(self, study: str, number: int, attempt: int, outcome: Outcome) -> None:
        """Set a RUNNING trial in this attempt to its final state."""
        ...

    def record_report(self, name: str, number: int, kind: str, values: Mapping[str, Any]) -> None:
        """Record a final report of a trial of the study `name`, at most one of each kind."""
        ...
