"""Borrowed trainings in the database: the trials of earlier studies that a study learns from.

Each row contains all fields that a sampler reads, so that the earlier study may be deleted.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from nas.cost import Cost
from nas.space import Architecture
from nas.store import measurements
from nas.store.tables import BORROWED
from nas.study import Measurement, Trial, TrialState


def insert(connection: sa.Connection, study_id: int, borrowed: Sequence[Trial]) -> None:
    """Add the borrowed trainings of a new study."""
    if borrowed:
        rows = [{"study_id": study_id, **_row(trial)} for trial in borrowed]
        connection.execute(sa.insert(BORROWED), rows)


def select(
    connection: sa.Connection, study_id: int, architecture: Callable[[str, str], Architecture]
) -> list[Trial]:
    """Return the borrowed trainings of a study, by number."""
    own = sa.select(BORROWED).where(BORROWED.c.study_id == study_id).order_by(BORROWED.c.number)
    return [_trial(row, architecture) for row in connection.execute(own)]


def _row(trial: Trial) -> dict[str, Any]:
    content = {
        "arch_id": trial.arch_id,
        "cost": asdict(trial.cost),
        "state": trial.state.value,
        "seed": trial.seed,
        "fail_reason": trial.fail_reason,
        "measurements": [measurements.row(m) for m in trial.measurements],
    }
    return {
        "number": trial.number,
        "origin": trial.borrowed,
        "architecture": f"{trial.architecture.space}:{trial.architecture.text}",
        "content": json.dumps(content),
    }


def _trial(row: sa.Row[Any], architecture: Callable[[str, str], Architecture]) -> Trial:
    content = json.loads(row.content)
    return Trial(
        row.number,
        architecture(row.architecture, content["arch_id"]),
        Cost(**content["cost"]),
        TrialState(content["state"]),
        content["seed"],
        measurements=tuple(map(_measurement, content["measurements"])),
        fail_reason=content["fail_reason"],
        borrowed=row.origin,
    )


def _measurement(values: Mapping[str, Any]) -> Measurement:
    return measurements.read([values.get(column.name) for column in measurements.COLUMNS])
