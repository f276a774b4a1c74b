"""Trials in the database: every change is a compare-and-swap on (state, attempt).

A change that was already made is skipped, so that a write can be repeated if its confirmation was
lost; a change that contradicts the record raises a StoreError and has no effect. To save time, the
record is read only if a change did not apply. The times of trials and attempts are those of the
driver's clock, which never goes back (nas.steady_clock). All functions need a transaction in which
the study is locked against other writers (nas.store.lease).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from nas.cost import Cost
from nas.errors import StaleWriteError, StoreError
from nas.space import Architecture
from nas.steady_clock import CLOCK
from nas.store import attempts, measurements, trial_rows
from nas.store.database import now
from nas.store.tables import MEASUREMENT, REPORT, STUDY, TRIAL
from nas.store.trial_rows import AT, OWN, key_at
from nas.study import (
    AttemptEnd,
    Fault,
    Measurement,
    Outcome,
    Trial,
    TrialAttempt,
    TrialState,
)

# Built once: most writes use them, and building one takes as long as executing it.
_FOUND = sa.select(TRIAL).where(*OWN)
_KNOWN = sa.select(*trial_rows.FIELDS).where(*OWN)
_SWAPPED = sa.update(TRIAL).where(*AT).returning(TRIAL.c.id)
_STARTED = (
    sa.update(TRIAL)
    .where(*OWN, TRIAL.c.state == sa.bindparam("from_"), TRIAL.c.attempt < sa.bindparam("before"))
    .returning(TRIAL.c.id)
)
_SCORED = sa.update(TRIAL).where(*OWN, TRIAL.c.attempt == sa.bindparam("attempt_"))
_NEW = {
    c.name: sa.bindparam(f"new_{c.name}", type_=c.type) for c in REPORT.c if c.name != "trial_id"
}
_REPORTED = (
    sa.insert(REPORT)
    .from_select(
        ["trial_id", *_NEW],
        sa.select(TRIAL.c.id, *_NEW.values()).where(
            *OWN,
            ~sa.exists().where(REPORT.c.trial_id == TRIAL.c.id, REPORT.c.kind == _NEW["kind"]),
        ),
    )
    .returning(REPORT.c.trial_id)
)
_RUNNING = TrialState.RUNNING
_ADDED = {
    name: insert(TRIAL).on_conflict_do_nothing(index_elements=["study_id", "number"])
    .returning(TRIAL.c.id)
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}  # fmt: skip


class VerifiedCost(NamedTuple):
    """fvcore's cost of a trial, with the worker and the device of its attempt."""

    counted: Cost
    worker: str
    device: str | None


def select_trials(
    connection: sa.Connection,
    study_id: int,
    architecture: Callable[[str, str], Architecture],
    curves: bool = True,
) -> list[Trial]:
    """Return the trials of a study by number, with the measurements of their current attempt.

    `architecture` makes an architecture from its text and its id. Without `curves`, the trials have
    only their last measurement.
    """
    own = TRIAL.c.study_id == study_id
    return list(select_where(connection, own, architecture, curves).values())


def select_where(
    connection: sa.Connection,
    which: sa.ColumnElement[bool],
    architecture: Callable[[str, str], Architecture],
    curves: bool = False,
) -> dict[int, Trial]:
    """Return the trials for which `which` holds, by key, in the order of their numbers."""
    measured = _measurements(connection, which, curves)
    rows = connection.execute(
        sa.select(TRIAL.c.id, *trial_rows.FIELDS).where(which).order_by(TRIAL.c.number)
    )
    names, found = list(rows.keys()), {}
    for row in rows.all():
        values = dict(zip(names, row, strict=True))  # access to a row by name is slower
        own = tuple(measured.get(values["id"], ()))
        read = architecture(values["architecture"], values["arch_id"])
        found[values["id"]] = trial_rows.read(values, read, own)
    return found


def select_complete(
    connection: sa.Connection, arch_id: str
) -> list[tuple[sa.Row[Any], Callable[[Architecture], Trial]]]:
    """Return the COMPLETE trials of an architecture, oldest study first, then by number.

    Each is a row with the `name` and `versions` of the study and the `architecture` as text, and a
    function that makes the trial from the parsed architecture.
    """
    which = sa.and_(TRIAL.c.arch_id == arch_id, TRIAL.c.state == TrialState.COMPLETE.value)
    measured = _measurements(connection, which)
    rows = connection.execute(
        sa.select(STUDY.c.name, STUDY.c.versions, TRIAL.c.id, *trial_rows.FIELDS)
        .join(STUDY, TRIAL.c.study_id == STUDY.c.id)
        .where(which)
        .order_by(STUDY.c.created_at, STUDY.c.id, TRIAL.c.number)
    ).all()
    return [
        (row, partial(trial_rows.read, row._asdict(), measurements=tuple(measured.get(row.id, ()))))
        for row in rows
    ]


def select_weights(connection: sa.Connection, sha256: str) -> tuple[str, int] | None:
    """Return (study, number) of the first trial whose weights have this hash; None without one."""
    row = connection.execute(
        sa.select(STUDY.c.name, TRIAL.c.number)
        .join(STUDY, TRIAL.c.study_id == STUDY.c.id)
        .where(TRIAL.c.weights_sha256 == sha256)
        .order_by(STUDY.c.created_at, STUDY.c.id, TRIAL.c.number)
    ).first()
    return None if row is None else (row.name, row.number)


def select_curves(
    connection: sa.Connection, study_id: int, numbers: Sequence[int]
) -> dict[int, tuple[Measurement, ...]]:
    """Return the measurements of the current attempt of some trials of a study, by number."""
    which = sa.and_(TRIAL.c.study_id == study_id, TRIAL.c.number.in_(numbers))
    measured = _measurements(connection, which)
    keys = connection.execute(sa.select(TRIAL.c.id, TRIAL.c.number).where(which)).all()
    return {number: tuple(measured.get(key, ())) for key, number in keys}


def select_attempts(connection: sa.Connection, study_id: int, number: int) -> list[TrialAttempt]:
    """Return the attempts of a trial, oldest first."""
    return attempts.select(connection, _find(connection, study_id, number).id)


def select_prefix(connection: sa.Connection, prefix: str) -> list[tuple[str, int]]:
    """Return (study, lowest number) of the architectures whose id begins with `prefix`.

    There is one for each architecture and study; the newest study comes first.
    """
    rows = connection.execute(
        sa.select(STUDY.c.name, sa.func.min(TRIAL.c.number))
        .join(STUDY, TRIAL.c.study_id == STUDY.c.id)
        .where(TRIAL.c.arch_id.startswith(prefix, autoescape=True))
        .group_by(STUDY.c.id, STUDY.c.name, STUDY.c.created_at, TRIAL.c.arch_id)
        .order_by(STUDY.c.created_at.desc(), STUDY.c.id.desc())
    )
    return [(name, number) for name, number in rows]


def _measurements(
    connection: sa.Connection, which: sa.ColumnElement[bool], curves: bool = True
) -> dict[int, list[Measurement]]:
    """Return the measurements of the current attempts by trial id, in the order of the epochs.

    Without `curves`, only the last one of each.
    """
    current = sa.and_(
        MEASUREMENT.c.trial_id == TRIAL.c.id, MEASUREMENT.c.attempt == TRIAL.c.attempt
    )
    wanted = sa.select(MEASUREMENT.c.trial_id, *measurements.READ).join(TRIAL, current).where(which)
    if curves:
        wanted = wanted.order_by(MEASUREMENT.c.trial_id, MEASUREMENT.c.epoch)
    else:  # the key finds each last epoch without reading the others
        epochs = MEASUREMENT.alias()
        own = (epochs.c.trial_id == TRIAL.c.id, epochs.c.attempt == TRIAL.c.attempt)
        last = sa.select(sa.func.max(epochs.c.epoch)).where(*own).correlate(TRIAL)
        wanted = wanted.where(MEASUREMENT.c.epoch == last.scalar_subquery())
    measured: dict[int, list[Measurement]] = {}
    for trial_id, *values in connection.execute(wanted).all():
        measured.setdefault(trial_id, []).append(measurements.read(values))
    return measured


def insert(connection: sa.Connection, study_id: int, trial: Trial) -> None:
    """Add a trial with its measurements so far."""
    values = trial_rows.values_of(trial)
    key = {"study": study_id, "number_": trial.number}
    adding = _ADDED[connection.dialect.name]
    trial_id = connection.execute(adding, {"study_id": study_id, **values}).scalar_one_or_none()
    if trial_id is None:
        row = connection.execute(_KNOWN, key).one()
        if row._asdict() == values:
            return
        raise StoreError(
            f"there is another trial {trial.number} in this study ({row.state}).",
            "Another driver has changed the study: stop this one before you continue.",
        )
    if trial.attempt > 0:
        created = trial.created_at if trial.state.finished else None
        started = created or CLOCK.now()
        attempts.begin(connection, trial_id, trial.attempt, started, trial.worker)
    if trial.state.finished:
        fault = _fault(trial.fail_reason, trial.fail_detail)
        ended = attempts.Ended(trial.finished_at, trial.state.value, fault=fault)
        attempts.end(connection, trial_id, trial.attempt, ended)
    if trial.measurements:
        key = {"trial_id": trial_id, "attempt": trial.attempt}
        rows = [{**key, **measurements.row(measurement)} for measurement in trial.measurements]
        connection.execute(sa.insert(MEASUREMENT), rows)


def start(connection: sa.Connection, study_id: int, number: int, attempt: int) -> None:
    """Set a WAITING trial to RUNNING in a higher attempt."""
    waiting = {"study": study_id, "number_": number, "from_": TrialState.WAITING.value}
    values = {"state": TrialState.RUNNING.value, "attempt": attempt}
    started = connection.execute(_STARTED, {**waiting, "before": attempt, **values}).scalar()
    if started is not None:
        attempts.begin(connection, started, attempt, CLOCK.now(), None)
        return
    row = _find(connection, study_id, number)
    if _at(row) != (TrialState.RUNNING, attempt):
        raise _stale(row, attempt, "start")


def requeue(
    connection: sa.Connection, study_id: int, number: int, attempt: int, end: AttemptEnd
) -> None:
    """Set a RUNNING trial to WAITING, and record the `end` of its attempt."""
    running = key_at(study_id, number, attempt, _RUNNING)
    values = {"state": TrialState.WAITING.value, "lost": end.lost}
    waiting = connection.execute(_SWAPPED, {**running, **values}).scalar()
    if waiting is not None:
        ended = attempts.Ended(
            CLOCK.now(), end.outcome.value, end.device_seconds, end.fault, end.worker
        )
        attempts.end(connection, waiting, attempt, ended)
        return
    row = _find(connection, study_id, number)
    if _at(row) != (TrialState.WAITING, attempt):
        raise _stale(row, attempt, "be queued again")


def reopen(connection: sa.Connection, study_id: int, number: int, attempt: int) -> None:
    """Set a FAILED trial to WAITING, without lost workers; its attempts are kept."""
    failed = key_at(study_id, number, attempt, TrialState.FAILED)
    cleared = ("fail_reason", "fail_detail", "finished_at", "seconds")
    values = {"state": TrialState.WAITING.value, "lost": 0, **dict.fromkeys(cleared)}
    if connection.execute(_SWAPPED, {**failed, **values}).scalar() is not None:
        return
    row = _find(connection, study_id, number)
    if _at(row) != (TrialState.WAITING, attempt):
        raise _stale(row, attempt, "be repeated")


def add_measurement(
    connection: sa.Connection, study_id: int, number: int, attempt: int, measurement: Measurement
) -> None:
    """Add one measurement to a RUNNING trial in this attempt."""
    if measurements.add(connection, key_at(study_id, number, attempt, _RUNNING), measurement):
        return
    row = _find(connection, study_id, number)
    key = {"trial_id": row.id, "attempt": attempt, "epoch": measurement.epoch}
    same = [MEASUREMENT.c[name] == value for name, value in key.items()]
    known = connection.execute(sa.select(*measurements.COLUMNS).where(*same)).one_or_none()
    values = measurements.row(measurement)
    if known is None or repr(known._asdict()) != repr(values):  # by repr, because NaN != NaN
        raise _stale(row, attempt, f"record epoch {measurement.epoch}")


def add_count(
    connection: sa.Connection, study_id: int, number: int, attempt: int, count: VerifiedCost
) -> None:
    """Record fvcore's cost of a RUNNING trial, its worker and its device."""
    running = key_at(study_id, number, attempt, _RUNNING)
    counted, worker, device = count
    values = {**trial_rows.counted_values(counted), "worker": worker}
    trial_id = connection.execute(_SWAPPED, {**running, **values}).scalar()
    if trial_id is None:
        raise _stale(_find(connection, study_id, number), attempt, "record its count")
    attempts.note_worker(connection, trial_id, attempt, worker, device)


def add_proxies(
    connection: sa.Connection, study_id: int, number: int, attempt: int, values: Mapping[str, float]
) -> None:
    """Record the training-free scores of a trial in any state.

    The scores depend only on its architecture and seed, so that a later attempt writes the same
    ones, and a finished trial may get them, too.
    """
    own = {"study": study_id, "number_": number, "attempt_": attempt}
    if connection.execute(_SCORED, {**own, "proxies": trial_rows.scores_text(values)}).rowcount < 1:
        raise _stale(_find(connection, study_id, number), attempt, "record its scores")


def finish(
    connection: sa.Connection, study_id: int, number: int, attempt: int, outcome: Outcome
) -> None:
    """Set a RUNNING trial in this attempt to a final state; ValueError for any other state."""
    if not outcome.state.finished:
        raise ValueError(f"{outcome.state} is not a final state")
    running = key_at(study_id, number, attempt, _RUNNING)
    values = {**asdict(outcome), "state": outcome.state.value}
    spent, worker = values.pop("device_seconds"), values.pop("worker")
    moment = CLOCK.now()
    finished = connection.execute(_SWAPPED, {**running, **values, "finished_at": moment}).scalar()
    if finished is not None:
        fault = _fault(outcome.fail_reason, outcome.fail_detail)
        ended = attempts.Ended(moment, outcome.state.value, spent, fault, worker)
        attempts.end(connection, finished, attempt, ended)
        return
    row = _find(connection, study_id, number)
    same = all(getattr(row, name) == value for name, value in values.items())
    if row.attempt != attempt or not same:
        raise _stale(row, attempt, f"become {outcome.state}")


def add_report(
    connection: sa.Connection, study_id: int, number: int, kind: str, values: Mapping[str, Any]
) -> None:
    """Record a final report of a trial, once for each kind."""
    content = json.dumps(dict(values), sort_keys=True)
    new = {"new_kind": kind, "new_content": content, "new_created_at": now(connection)}
    own = {"study": study_id, "number_": number}
    if connection.execute(_REPORTED, {**own, **new}).scalar() is not None:
        return
    row = _find(connection, study_id, number)
    same = (REPORT.c.trial_id == row.id, REPORT.c.kind == kind)
    if connection.execute(sa.select(REPORT.c.content).where(*same)).scalar() != content:
        raise StaleWriteError(
            f"trial {number} already has its {kind} result.",
            "Use the recorded result (nas show), or search under another name with --study.",
        )


def select_reports(
    connection: sa.Connection, study_id: int, since: datetime | None = None
) -> dict[int, dict[str, dict[str, Any]]]:
    """Return the final reports of a study as {trial number: {kind: values}}.

    With `since`, only those that were recorded then or later.
    """
    reports: dict[int, dict[str, dict[str, Any]]] = {}
    later = sa.true() if since is None else REPORT.c.created_at >= since
    for number, kind, content in connection.execute(
        sa.select(TRIAL.c.number, REPORT.c.kind, REPORT.c.content)
        .join(TRIAL, REPORT.c.trial_id == TRIAL.c.id)
        .where(TRIAL.c.study_id == study_id, later)
        .order_by(TRIAL.c.number, REPORT.c.kind)
    ):
        reports.setdefault(number, {})[kind] = json.loads(content)
    return reports


def _fault(reason: str | None, detail: str | None) -> Fault | None:
    return None if reason is None else Fault(reason, detail or "")


def _find(connection: sa.Connection, study_id: int, number: int) -> sa.Row[Any]:
    row = connection.execute(_FOUND, {"study": study_id, "number_": number}).one_or_none()
    if row is None:
        raise StoreError(f"the study has no trial {number}.", "To see its trials type: nas show")
    return row


def _at(row: sa.Row[Any]) -> tuple[TrialState, int]:
    return TrialState(row.state), row.attempt


def _stale(row: sa.Row[Any], attempt: int, action: str) -> StaleWriteError:
    return StaleWriteError(
        f"trial {row.number} is {row.state} at attempt {row.attempt}: "
        f"attempt {attempt} cannot {action}.",
        "Another driver has changed the study: stop this one before you continue.",
    )
