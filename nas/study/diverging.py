"""Divergence: a training that is worse than guessing after its first images."""

import math
from typing import Any

from nas.study.spec import StudySpec
from nas.study.trial import WARNING_REPORT, Measurement, Trial

# An epoch with fewer images is mostly warm-up; its mean loss may be above that of guessing even if
# the training does not diverge.
_IMAGES = 2_000


def not_finite(measurement: Measurement) -> str | None:
    """Return the metrics and the training loss as text if one is NaN or infinite; else None."""
    found = {**measurement.metrics, "train_loss": measurement.train_loss}
    if all(map(math.isfinite, found.values())):
        return None
    values = ", ".join(f"{name} {value}" for name, value in found.items())
    return f"epoch {measurement.epoch}: {values}"


def divergence(spec: StudySpec, measurement: Measurement) -> str:
    """Return a warning if the training loss is above that of guessing after the first images.

    The loss of the epoch that contains the 2,000th image is compared with ln(classes), the cross
    entropy of guessing with or without label smoothing. The result is empty for other epochs, for
    studies that do not record the number of classes, and for taught networks, whose loss has
    another scale.
    """
    if spec.data is None or spec.data.classes < 2 or spec.teachers:
        return ""
    classes, loss = spec.data.classes, measurement.train_loss
    judged = -(-_IMAGES // max(1, spec.epoch_images or spec.data.train))
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
