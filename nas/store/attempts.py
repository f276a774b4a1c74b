"""Attempts in the database: one row for each start of a trial, with its end and the reason."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from nas.store.tables import ATTEMPT, TRIAL
from nas.study import AttemptOutcome, Fault, TrialAttempt

_BEGUN = sa.insert(ATTEMPT)
_OWN = sa.update(ATTEMPT).where(
    ATTEMPT.c.trial_id == sa.bindparam("trial"), ATTEMPT.c.number == sa.bindparam("attempt")
)


class Ended(NamedTuple):
    """The end of an attempt; `fault` says why, if it neither completed nor stopped at a rung.

    A `worker` of None keeps the recorded one.
    """

    at: datetime | None
    outcome: str
    device_seconds: float | None = None
    fault: Fault | None = None
    worker: str | None = None


def select(connection: sa.Connection, trial_id: int) -> list[TrialAttempt]:
    """Return the attempts of one trial, oldest first."""
    rows = connection.execute(
        sa.select(ATTEMPT).where(ATTEMPT.c.trial_id == trial_id).order_by(ATTEMPT.c.number)
    )
    return [_attempt(row) for row in rows]


def select_latest(
    connection: sa.Connection, study_id: int, most: int
) -> list[tuple[int, TrialAttempt]]:
    """Return the latest attempts of a study with the numbers of their trials, oldest first."""
    rows = connection.execute(
        sa.select(ATTEMPT, TRIAL.c.number.label("trial"))
        .join(TRIAL, ATTEMPT.c.trial_id == TRIAL.c.id)
        .where(TRIAL.c.study_id == study_id)
        .order_by(ATTEMPT.c.started_at.desc(), TRIAL.c.number.desc())
        .limit(most)
    ).all()
    return [(row.trial, _attempt(row)) for row in reversed(rows)]


def select_device_seconds(connection: sa.Connection, study_id: int) -> list[tuple[datetime, float]]:
    """Return (end, device-seconds) of each attempt of a study that recorded them, oldest first."""
    rows = connection.execute(
        sa.select(ATTEMPT.c.ended_at, ATTEMPT.c.device_seconds)
        .join(TRIAL, ATTEMPT.c.trial_id == TRIAL.c.id)
        .where(TRIAL.c.study_id == study_id)
        .where(ATTEMPT.c.ended_at.is_not(None), ATTEMPT.c.device_seconds.is_not(None))
        .order_by(ATTEMPT.c.ended_at)
    )
    return [(row.ended_at, row.device_seconds) for row in rows]


def begin(
    connection: sa.Connection, trial_id: int, attempt: int, began: datetime, worker: str | None
) -> None:
    """Add a running attempt."""
    values = {"trial_id": trial_id, "number": attempt, "started_at": began, "worker": worker}
    connection.execute(_BEGUN, values)


def note_worker(
    connection: sa.Connection, trial_id: int, attempt: int, worker: str, device: str | None
) -> None:
    """Record the worker and the device of an attempt."""
    key = {"trial": trial_id, "attempt": attempt}
    connection.execute(_OWN, {**key, "worker": worker, "device": device})


def end(connection: sa.Connection, trial_id: int, attempt: int, ended: Ended) -> None:
    """Record the end of an attempt."""
    values = {
        "ended_at": ended.at,
        "outcome": ended.outcome,
        "device_seconds": ended.device_seconds,
        "reason": ended.fault.reason if ended.fault else None,
        "detail": ended.fault.detail if ended.fault else None,
    }
    if ended.worker is not None:
        values["worker"] = ended.worker
    connection.execute(_OWN, {"trial": trial_id, "attempt": attempt, **values})


def _attempt(row: sa.Row[Any]) -> TrialAttempt:
    return TrialAttempt(
        number=row.number,
        began=row.started_at,
        ended=row.ended_at,
        worker=row.worker,
        device=row.device,
        outcome=None if row.outcome is None else AttemptOutcome(row.outcome),
        reason=row.reason,
        detail=row.detail,
        device_seconds=row.device_seconds,
    )
