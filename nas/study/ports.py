"""Ports: what a study needs of a sampler and of a store, as small Protocols."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nas.cost import Cost
from nas.space import Architecture
from nas.study.spec import StudySpec
from nas.study.trial import Fault, Measurement, Outcome, Trial


class Sampler(Protocol):
    """Proposes architectures; a function of its arguments alone, so that a replay agrees."""

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a canonical member of the space within the budget, or None where none is left.

        `history` is what `nas.study.history.seen` gives: every candidate and reference by number,
        those on their way without measurements. Times, places and attempts must not matter.
        """
        ...

    def believe(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return the believed loss of the first objective by number of COMPLETE candidate.

        Those that it leaves out are taken at their observed value.
        """
        ...


class StudyStore(Protocol):
    """The durable record of one or more studies.

    Every call has been committed when it returns; those within `together` when that ends.
    """

    def together(self, study: str) -> AbstractContextManager[None]:
        """Take what is written of `study` within the block as one write, at its end.

        However the block ends. Nothing is to be read of the study within.
        """
        ...

    def trials(self, study: str) -> list[Trial]:
        """Return the trials of `study` with their measurements, by number."""
        ...

    def complete_trials(self, study: str, arch_id: str) -> list[tuple[StudySpec, Trial]]:
        """Return the COMPLETE trials of an architecture, each with the spec of its study.

        In all studies that the same version of nas measures as `study`, itself included; oldest
        study first, then by number.
        """
        ...

    def weights_file(self, study: str, trial: Trial) -> Path | None:
        """Return where the weights of a trial lie; None where it has none, or they are gone."""
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
        """Turn a WAITING trial RUNNING under a new attempt, its earlier measurements set aside."""
        ...

    def requeue_trial(
        self, study: str, number: int, attempt: int, lost: bool, fault: Fault | None = None
    ) -> None:
        """Turn a RUNNING trial WAITING again, one loss richer where the attempt was `lost`.

        `fault` is what in the environment ended the attempt.
        """
        ...

    def record_measurement(
        self, study: str, number: int, attempt: int, measurement: Measurement
    ) -> None:
        """Add one measurement to a RUNNING trial of that attempt."""
        ...

    def record_count(
        self, study: str, number: int, attempt: int, counted: Cost, worker: str
    ) -> None:
        """Keep fvcore's count of a RUNNING trial, and where it runs."""
        ...

    def record_proxies(
        self, study: str, number: int, attempt: int, values: Mapping[str, float]
    ) -> None:
        """Keep the training-free scores of a trial of that attempt."""
        ...

    def finish_trial(self, study: str, number: int, attempt: int, outcome: Outcome) -> None:
        """Give a RUNNING trial of that attempt its final state."""
        ...

    def record_report(self, name: str, number: int, kind: str, values: Mapping[str, Any]) -> None:
        """Keep a final result of a trial of the study `name`, once for each kind."""
        ...
