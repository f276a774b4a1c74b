"""Reports of trials by kind, in addition to their measurements.

A store returns them by trial number and kind, {3: {"test": {"top1_error": 0.02}}}.
"""

from typing import Any

from nas.study import Reports, trial_notes

__all__ = ["MOST_CLASSES", "Reports", "recorded_scores", "trial_notes"]

MOST_CLASSES = 120  # of a recorded confusion matrix; a larger one cannot be read on a screen


def recorded_scores(reports: Reports) -> dict[int, dict[str, Any]]:
    """Return the results on the test split, by trial number."""
    return {number: dict(kinds["test"]) for number, kinds in reports.items() if "test" in kinds}
