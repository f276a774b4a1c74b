"""Divergence: a training that is worse than guessing after its first images."""

import math
from typing import Any

from nas.study.spec import StudySpec
from nas.study.trial import WARNING_REPORT, Measurement, Trial

# An epoch of fewer images is mostly the warm-up, whose mean loss is above that of guessing in
# trainings that end well.
_IMAGES = 2_000


def not_finite(measurement: Measurement) -> str | None:
    """Return the values of a measurement if one is NaN or infinite, also the training loss."""
    found = {**measurement.metrics, "train_loss": measurement.train_loss}
    if all(map(math.isfinite, found.values())):
        return None
    values = ", ".join(f"{name} {value}" for name, value in found.items())
    return f"epoch {measurement.epoch}: {values}"


def divergence(spec: StudySpec, measurement: Measurement) -> str:
    """Return a warning if the training loss is above that of guessing after the first images.

    This is judged after the first epoch, or, where an epoch has fewer than 2,000 images, after the
    epoch in which the 2,000th is shown. Guessing has the cross entropy ln(classes), with label
    smoothing too. Empty for other epochs, where the study does not record the number of classes,
    and for taught networks, whose loss has another scale.
    """
    if spec.data is None or spec.data.classes < 2 or spec.teachers:
        return ""
    classes, loss = spec.data.classes, measurement.train_loss
    judged = -(-_IMAGES // max(1, spec.data.train))
    if measurement.epoch != judged or loss <= math.log(classes):
        return ""
    return (
        f"diverges: its training loss of {loss:.3f} in epoch {judged} is above "
        f"ln({classes}) = {math.log(classes):.3f}, the loss of guessing"
    )


def warning_reports(spec: StudySpec, trial: Trial) -> dict[str, dict[str, Any]]:
    """Return the report of a trial that diverges as {kind: values}; none for other trials."""
    texts = (divergence(spec, measurement) for measurement in trial.measurements)
    text = next(filter(None, texts), "")
    return {WARNING_REPORT: {"text": text}} if text else {}
