"""Divergence: a training that is worse than guessing after its first epoch."""

import math
from typing import Any

from nas.study.spec import StudySpec
from nas.study.trial import WARNING_REPORT, Measurement, Trial


def divergence(spec: StudySpec, measurement: Measurement) -> str:
    """Return a warning if a first epoch ends with a training loss above that of guessing.

    Guessing has the cross entropy ln(classes), with label smoothing too. Empty for other epochs,
    where the study does not record the number of classes, and for taught networks, whose loss has
    another scale.
    """
    classes = spec.data.classes if spec.data else 0
    loss = measurement.train_loss
    if spec.teachers or measurement.epoch != 1 or classes < 2 or not loss > math.log(classes):
        return ""
    return (
        f"diverges: its training loss of {loss:.3f} in the first epoch is above "
        f"ln({classes}) = {math.log(classes):.3f}, the loss of guessing"
    )


def warning_reports(spec: StudySpec, trial: Trial) -> dict[str, dict[str, Any]]:
    """Return the report of a trial that diverges as {kind: values}; none for other trials."""
    text = divergence(spec, trial.measurements[0]) if trial.measurements else ""
    return {WARNING_REPORT: {"text": text}} if text else {}
