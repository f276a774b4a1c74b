"""Rows to write into a store, for the tests of it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from nas.cost.model import Cost
from nas.study.spec import StudySpec
from nas.study.trial import Outcome, Trial, TrialState
from tests.classified import classified

VERSIONS = {"torch": "2.10.0", "nas": "0.1"}
EPOCHS = [classified(epoch, rung, 0.9 / epoch, 2.0, 2.5, epoch * 1.5)
          for epoch, rung in [(1, 0), (2, None), (3, 1)]]  # fmt: skip
COMPLETE = Outcome(TrialState.COMPLETE, 7.25, None, None, "weights/3.safetensors", "ab" * 32)


def trial(spec: StudySpec, number: int = 0, **fields: Any) -> Trial:
    """Return a RUNNING trial of the first published architecture, with `fields` replaced."""
    plain = Trial(
        number,
        spec.space.published[0].architecture,
        Cost(312_970_000, 3_491_688, 6_000_000),
        TrialState.RUNNING,
        2**32 - 1,
        attempt=1,
        created_at=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
    )
    return replace(plain, **fields)
