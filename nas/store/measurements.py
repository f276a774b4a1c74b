"""Measurements as rows: the two metrics of classification in columns, others as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nas.metrics import CLASSIFICATION
from nas.store.tables import MEASUREMENT, TRIAL, Real
from nas.store.trial_rows import AT
from nas.study import ByClass, Measurement

COLUMNS = tuple(c for c in MEASUREMENT.c if c.name not in ("trial_id", "attempt"))
# Values as the driver returns them, None for NaN: converting each in Python would take longer.
READ = tuple(
    sa.type_coerce(c, sa.Double).label(c.name) if isinstance(c.type, Real) else c for c in COLUMNS
)
_ERROR, _LOSS = CLASSIFICATION
_NAMES = frozenset(CLASSIFICATION)
_BY_CLASS = "by_class"  # a key of the JSON that is not a metric
# Prefixed, because SQLAlchemy reserves the names of columns for its own parameters.
_NEW = {c.name: sa.bindparam(f"new_{c.name}", type_=c.type) for c in COLUMNS}
_ADDED = (
    sa.insert(MEASUREMENT)
    .from_select(
        ["trial_id", "attempt", *_NEW],
        sa.select(TRIAL.c.id, TRIAL.c.attempt, *_NEW.values()).where(
            *AT,
            ~sa.exists().where(
                MEASUREMENT.c.trial_id == TRIAL.c.id,
                MEASUREMENT.c.attempt == TRIAL.c.attempt,
                MEASUREMENT.c.epoch == _NEW["epoch"],
            ),
        ),
    )
    .returning(MEASUREMENT.c.trial_id)
)


def add(connection: sa.Connection, at: Mapping[str, Any], measurement: Measurement) -> bool:
    """Add a measurement to the trial `at`; False if there is none, or the epoch is recorded."""
    values = {f"new_{name}": value for name, value in row(measurement).items()}
    return connection.execute(_ADDED, {**at, **values}).scalar() is not None


def row(measurement: Measurement) -> dict[str, Any]:
    """Return the values of the `COLUMNS` by name, in their order.

    The two metrics of classification have columns, with NaN if not measured. If a measurement has
    other metrics, only one of the two, or metrics by class, the JSON column contains all metrics.
    """
    metrics = measurement.metrics
    return {
        "epoch": measurement.epoch,
        "rung": measurement.rung,
        **{name: metrics.get(name, math.nan) for name in CLASSIFICATION},
        "train_loss": measurement.train_loss,
        "seconds": measurement.seconds,
        "metrics": _text(measurement),
    }


def read(values: Sequence[Any]) -> Measurement:
    """Return the measurement with these values of the columns `READ`."""
    epoch, rung, error, loss, train_loss, seconds, text = values
    if text:
        metrics, by_class = _read(text)
    else:
        by_class = None
        metrics = {
            _ERROR: math.nan if error is None else error,
            _LOSS: math.nan if loss is None else loss,
        }
    trained = math.nan if train_loss is None else train_loss
    return Measurement(epoch, rung, metrics, trained, seconds, by_class)


def read_metrics(text: str) -> dict[str, float]:
    """Return the metrics of a JSON text in a row."""
    return _read(text)[0]


def _read(text: str) -> tuple[dict[str, float], ByClass | None]:
    found: dict[str, Any] = json.loads(text)
    by_class = found.pop(_BY_CLASS, None)
    return {name: math.nan if value is None else value for name, value in found.items()}, by_class


def _text(measurement: Measurement) -> str | None:
    """Return the metrics as JSON, with null for NaN; None if the two columns are sufficient."""
    metrics, by_class = measurement.metrics, measurement.by_class
    if metrics.keys() == _NAMES and not by_class:
        return None
    plain = {name: None if math.isnan(value) else value for name, value in metrics.items()}
    return json.dumps(plain | ({_BY_CLASS: by_class} if by_class else {}), sort_keys=True)
