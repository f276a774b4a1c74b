"""Measurements as rows: the two metrics of classification in columns, others as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nas.metrics import CLASSIFICATION
from nas.store.tables import MEASUREMENT, Real
from nas.study import Measurement

COLUMNS = tuple(c for c in MEASUREMENT.c if c.name not in ("trial_id", "attempt"))
# As the driver returns them, None for NaN: a function of ours for each value would take longer.
READ = tuple(
    sa.type_coerce(c, sa.Double).label(c.name) if isinstance(c.type, Real) else c for c in COLUMNS
)
_ERROR, _LOSS = CLASSIFICATION
_NAMES = frozenset(CLASSIFICATION)


def row(measurement: Measurement) -> dict[str, Any]:
    """Return the values of the `COLUMNS`, in their order.

    A metric of classification is in its column, NaN if it was not measured. If a measurement has
    other metrics, or not all of these, the JSON contains all of them.
    """
    metrics = measurement.metrics
    return {
        "epoch": measurement.epoch,
        "rung": measurement.rung,
        **{name: metrics.get(name, math.nan) for name in CLASSIFICATION},
        "train_loss": measurement.train_loss,
        "seconds": measurement.seconds,
        "metrics": None if metrics.keys() == _NAMES else _text(metrics),
    }


def read(values: Sequence[Any]) -> Measurement:
    """Return the measurement with these values of the columns `READ`."""
    epoch, rung, error, loss, train_loss, seconds, text = values
    if text:
        metrics = read_metrics(text)
    else:
        metrics = {
            _ERROR: math.nan if error is None else error,
            _LOSS: math.nan if loss is None else loss,
        }
    return Measurement(
        epoch, rung, metrics, math.nan if train_loss is None else train_loss, seconds
    )


def read_metrics(text: str) -> dict[str, float]:
    """Return the metrics of a JSON text in a row."""
    found: dict[str, float | None] = json.loads(text)
    return {name: math.nan if value is None else value for name, value in found.items()}


def _text(metrics: Mapping[str, float]) -> str:
    """Return the metrics as JSON, with null for NaN, which JSON does not have."""
    plain = {name: None if math.isnan(value) else value for name, value in metrics.items()}
    return json.dumps(plain, sort_keys=True)
