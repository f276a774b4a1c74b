"""What is kept of a trial beside its measurements: reports by kind, and what is read from them.

A store gives them by trial number and kind, {3: {"test": {"top1_error": 0.02}}}.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from nas.study import NOTE_REPORT

Reports: TypeAlias = Mapping[int, Mapping[str, Mapping[str, Any]]]


def recorded_scores(reports: Reports) -> dict[int, dict[str, Any]]:
    """Return what was measured on the test split, by trial number."""
    return {number: dict(kinds["test"]) for number, kinds in reports.items() if "test" in kinds}


def trial_notes(reports: Reports) -> dict[int, str]:
    """Return what was unusual about a trial, in words, by trial number."""
    return {
        number: str(kinds[NOTE_REPORT]["text"])
        for number, kinds in reports.items()
        if NOTE_REPORT in kinds
    }
