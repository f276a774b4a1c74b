"""Measurements and epochs of a classification, written with fewer words."""

from dataclasses import replace
from typing import Any

from nas.study import Epoch, Measurement


def classified(
    epoch: int, rung: int | None, error: float, loss: float, train_loss: float, seconds: float
) -> Measurement:
    """Return what an epoch gave: the top-1 error and the cross-entropy on validation."""
    return Measurement(epoch, rung, {"top1_error": error, "loss": loss}, train_loss, seconds)


def with_metrics(one: Measurement, **metrics: float) -> Measurement:
    """Return a measurement with other values of some metrics."""
    return replace(one, metrics={**one.metrics, **metrics})


def classified_epoch(number: int, error: float, loss: float, *rest: Any, **more: Any) -> Epoch:
    """Return what an evaluator gives after an epoch."""
    return Epoch(number, {"top1_error": error, "loss": loss}, *rest, **more)
