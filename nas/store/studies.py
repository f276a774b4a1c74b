"""Studies in the database: specification, state and summary."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from statistics import fmean
from typing import Any, TypeAlias

import sqlalchemy as sa

from nas.errors import NameTakenError, NasError, StoreError
from nas.metrics import CLASSIFICATION, Metric
from nas.space import BLOCK_KINDS
from nas.store.database import now
from nas.store.database_url import Address
from nas.store.lease import is_live
from nas.store.measurements import read_metrics
from nas.store.tables import LEASE, MEASUREMENT, STUDY, TRIAL, Real
from nas.study import StudySpec, TrialState
from nas.suggestion import did_you_mean

_COLUMN = MEASUREMENT.c[CLASSIFICATION[0]]
_MOST_NAMED = 500
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class StudyState(StrEnum):
    """The state of a study after its last driver released it; RUNNING while a driver holds it.

    A QUEUED one was submitted, and has not had a driver since.
    """

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    INTERRUPTED = "INTERRUPTED"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


@dataclass(frozen=True)
class StudySummary:
    """The summary of a study.

    `counts` has every trial state, references and further seeds included. `best` is the best value
    of the reported `metric` among the complete candidates; where some were confirmed under further
    seeds, the best of their means. `holder` is the process that runs the study now,
    as host:pid; a study that is RUNNING without one was killed and can be resumed. `fixed` is true
    if it searches nothing.
    """

    name: str
    space: str
    task: str
    budget: str
    state: StudyState
    created_at: datetime
    num_trials: int
    counts: Mapping[TrialState, int]
    metric: Metric
    best: float | None
    holder: str | None
    fixed: bool = False


Listed: TypeAlias = dict[int, tuple[tuple[str, int], StudySummary]]  # by id; (uid, seq), summary


def create(
    connection: sa.Connection, spec: StudySpec, versions: Mapping[str, str], uid: str
) -> int:
    """Add a new study with the identity `uid`, and return its key.

    Raises:
        IntegrityError: its name is taken.
    """
    values = {
        "name": spec.name,
        "spec": spec.to_json(),
        "versions": json.dumps(dict(versions)),
        "uid": uid,
    }
    fresh = {"state": StudyState.RUNNING, "created_at": now(connection), "seq": 1}
    added = connection.execute(sa.insert(STUDY).values(**values, **fresh))
    assert added.inserted_primary_key is not None
    return int(added.inserted_primary_key[0])


def is_name(name: str) -> bool:
    """Tell whether this is a valid name of a study."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Check the name of a new study.

    Raises:
        NasError: it has invalid characters, or too many.
    """
    if not is_name(name):
        raise NasError(
            f"{name!r} is not a valid name of a study.",
            "Use up to 64 lower-case letters, digits, - and _, beginning with a letter or digit.",
        )


def conflict(spec: StudySpec, stored: StudySpec) -> NameTakenError:
    """Return the error for a new study whose name `stored` already has."""
    differences = spec.differences(stored)
    if differences:
        cause = f"the study {spec.name} exists with other settings ({'; '.join(differences)})."
        remedy = "Search under another name with --study NAME, or continue it with its settings."
        return NameTakenError(cause, remedy)
    return NameTakenError(
        f"the study {spec.name} exists already.",
        "Continue it, or search under another name with --study NAME.",
    )


def taken(name: str) -> NameTakenError:
    """Return the error for a new name that another study already has."""
    return NameTakenError(f"there is already a study {name}.", "Give another name.")


def find(connection: sa.Connection, name: str, address: Address) -> sa.Row[Any]:
    """Return the row of a study.

    Raises:
        StoreError: there is no study of that name; the message suggests similar names.
    """
    if is_name(name):
        row = connection.execute(sa.select(STUDY).where(STUDY.c.name == name)).one_or_none()
        if row is not None:
            return row
    raise unknown(connection, name, address)


def unknown(connection: sa.Connection, name: str, address: Address) -> StoreError:
    """Return the error for an unknown name of a study; it suggests similar names."""
    hint = did_you_mean(name, names(connection))
    return StoreError(
        f"there is no study {name!r} in {address.shown}.",
        f"{hint}To see its studies type: {address.command('list')}",
    )


def names(connection: sa.Connection) -> list[str]:
    """Return the names of all studies."""
    return list(connection.execute(sa.select(STUDY.c.name)).scalars())


def set_state(connection: sa.Connection, study_id: int, state: StudyState) -> None:
    """Set the state of a study."""
    connection.execute(sa.update(STUDY).where(STUDY.c.id == study_id).values(state=state.value))


def set_exhausted(connection: sa.Connection, study_id: int) -> None:
    """Record that the sampler of a study had no further candidate."""
    connection.execute(sa.update(STUDY).where(STUDY.c.id == study_id).values(exhausted=1))


def set_folder(connection: sa.Connection, study_id: int, folder: str, places: list[str]) -> None:
    """Record the location of a study's files: a folder of that name in results folders."""
    values = {"folder": folder, "places": json.dumps(places)}
    connection.execute(sa.update(STUDY).where(STUDY.c.id == study_id).values(**values))


def summaries(connection: sa.Connection, known: Listed) -> tuple[list[StudySummary], Listed]:
    """Return all studies, oldest first, and these by id with their sequence numbers.

    Those `known` are read again only if they were changed; their holders always are.
    """
    order = (STUDY.c.created_at, STUDY.c.id)
    columns = (STUDY.c.id, STUDY.c.uid, STUDY.c.seq)
    heads = {
        key: (uid, seq)
        for key, uid, seq in connection.execute(sa.select(*columns).order_by(*order))
    }
    changed = [key for key, head in heads.items() if key not in known or known[key][0] != head]
    fresh = _summaries(connection, changed) if changed else {}
    leases = {row.study_id: row for row in connection.execute(sa.select(LEASE))}
    moment, listed = now(connection), {}
    for key, head in heads.items():
        runs = holder(leases.get(key), moment)
        listed[key] = head, replace(fresh.get(key) or known[key][1], holder=runs)
    return [summary for _, summary in listed.values()], listed


def holder(lease: sa.Row[Any] | None, moment: datetime) -> str | None:
    """Return the process that runs a study with this lease, as host:pid; None without one."""
    live = lease is not None and is_live(lease, moment)
    return f"{lease.host}:{lease.pid}" if lease is not None and live else None


def select_activity(connection: sa.Connection, row: sa.Row[Any]) -> tuple[StudyState, str | None]:
    """Return the state and the holder of the study in a row."""
    found = sa.select(LEASE).where(LEASE.c.study_id == row.id)
    lease = connection.execute(found).one_or_none()
    return StudyState(row.state), holder(lease, now(connection))


def _summaries(connection: sa.Connection, keys: Sequence[int]) -> dict[int, StudySummary]:
    """Return some studies by id, without their holders."""
    some = len(keys) <= _MOST_NAMED  # a statement has a limited number of values
    own = TRIAL.c.study_id.in_(keys) if some else sa.true()
    counts = _counts(connection, own)
    best_errors = connection.execute(_best_errors(own))
    errors = {row[0]: row[2] for row in best_errors}  # the confirmed last
    result = {}
    for row in connection.execute(
        sa.select(STUDY).where(STUDY.c.id.in_(keys) if some else sa.true())
    ):
        spec = StudySpec.from_json(row.spec)
        best, reported = errors.get(row.id, math.nan), _reported(spec)
        if spec.metrics[0] != _COLUMN.name:
            best = _best_other(connection, row.id, reported) if reported else math.nan
        result[row.id] = StudySummary(
            name=row.name,
            space=",".join((spec.space_name, *(name for name, _ in spec.more_spaces))),
            task=spec.task,
            budget=", ".join(map(str, spec.budget)),
            state=StudyState(row.state),
            created_at=row.created_at,
            num_trials=spec.num_trials,
            counts=counts.get(row.id, dict.fromkeys(TrialState, 0)),
            metric=reported or Metric(spec.metrics[0], spec.metrics[0]),
            best=None if math.isnan(best) else best,
            holder=None,
            fixed=bool(spec.networks),
        )
    return result


def _counts(
    connection: sa.Connection, own: sa.ColumnElement[bool]
) -> dict[int, dict[TrialState, int]]:
    columns = (TRIAL.c.study_id, TRIAL.c.state)
    counts: dict[int, dict[TrialState, int]] = {}
    for study_id, state, count in connection.execute(
        sa.select(*columns, sa.func.count()).where(own).group_by(*columns)
    ):
        counts.setdefault(study_id, dict.fromkeys(TrialState, 0))[TrialState(state)] = count
    return counts


def _reported(spec: StudySpec) -> Metric | None:
    """Return the reported metric of a study; None where its package is not installed."""
    try:
        return spec.reported
    except NasError:
        return None


def _best_other(connection: sa.Connection, study_id: int, metric: Metric) -> float:
    """Return the best mean of a metric without its own column, NaN if there is none."""
    last, final = _last_epochs(TRIAL.c.study_id == study_id)
    rows = sa.select(last.c.candidate, MEASUREMENT.c.metrics).join(MEASUREMENT, final)
    values: dict[int, list[float]] = {}
    for candidate, text in connection.execute(rows):
        metrics = read_metrics(text) if text else {}
        if metric.name in metrics:
            values.setdefault(candidate, []).append(metrics[metric.name])
    several = [own for own in values.values() if len(own) > 1]
    return min(map(fmean, several or values.values()), key=metric.loss, default=math.nan)


def _last_epochs(own: sa.ColumnElement[bool]) -> tuple[sa.Subquery, sa.ColumnElement[bool]]:
    """Return the last epoch of each complete training of a candidate, and how to join it.

    Of the trials for which `own` holds. `candidate` is the number of the network, which its further
    seeds share. References and their further seeds are left out.
    """
    network = TRIAL.alias("network")  # the trial itself, or the one with its first seed
    number = sa.func.coalesce(TRIAL.c.replicate_of, TRIAL.c.number)
    same = sa.and_(network.c.study_id == TRIAL.c.study_id, network.c.number == number)
    epochs = MEASUREMENT.alias()  # the key finds each last epoch without reading the others
    current = (epochs.c.trial_id == TRIAL.c.id, epochs.c.attempt == TRIAL.c.attempt)
    epoch = sa.select(sa.func.max(epochs.c.epoch)).where(*current).correlate(TRIAL)
    columns = (TRIAL.c.id, TRIAL.c.study_id, TRIAL.c.attempt, number.label("candidate"))
    last = (
        sa.select(*columns, epoch.scalar_subquery().label("epoch"))
        .join(network, same)
        .where(own, TRIAL.c.state == TrialState.COMPLETE.value, network.c.reference.is_(None))
    ).subquery("last")
    final = sa.and_(
        MEASUREMENT.c.trial_id == last.c.id,
        MEASUREMENT.c.attempt == last.c.attempt,
        MEASUREMENT.c.epoch == last.c.epoch,
    )
    return last, final


def _best_errors(own: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select (study, confirmed, lowest error): the mean of each complete candidate's seeds counts.

    `confirmed` is 1 where a candidate has two trainings or more.
    """
    last, final = _last_epochs(own)
    study_id, candidate = last.c.study_id, last.c.candidate
    several = sa.case((sa.func.count() > 1, 1), else_=0)
    means = (
        sa.select(
            study_id, several.label("confirmed"), sa.func.avg(_COLUMN, type_=Real()).label("mean")
        )
        .select_from(last)
        .join(MEASUREMENT, final)
        .group_by(study_id, candidate)
    ).subquery("means")
    study, confirmed, mean = means.c
    lowest = sa.func.min(mean)
    return sa.select(study, confirmed, lowest).group_by(study, confirmed).order_by(confirmed)


def read_versions(row: sa.Row[Any]) -> dict[str, str]:
    """Return the library versions in a study's row."""
    versions: dict[str, str] = json.loads(row.versions)
    return versions


def all_versions(connection: sa.Connection) -> dict[str, dict[str, str]]:
    """Return the library versions of each study by name, oldest first."""
    rows: sa.Select[Any] = sa.select(STUDY.c.name, STUDY.c.versions)
    rows = rows.order_by(STUDY.c.created_at, STUDY.c.id)
    return {row.name: read_versions(row) for row in connection.execute(rows)}


def package_differences(
    spec: StudySpec, mine: Mapping[str, str], theirs: Mapping[str, str]
) -> list[str]:
    """Return the versions that differ, as `package: mine, not theirs`, and affect a training.

    They are those of nas, and of the packages that add the block kinds of `spec`.
    """
    kinds = {space.kind.name for space in spec.spaces.values()}
    providers = [provider for kind in kinds if (provider := BLOCK_KINDS.provider(kind))]
    return [
        f"{name}: {mine.get(name)}, not {theirs.get(name)}"
        for name in ("nas", *(name for name, _ in providers))
        if theirs.get(name) != mine.get(name)
    ]
