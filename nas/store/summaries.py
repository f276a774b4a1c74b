"""Summaries of studies for lists, computed by queries without reading the trials."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import fmean
from typing import Any, TypeAlias

import sqlalchemy as sa

from nas.errors import NasError
from nas.metrics import CLASSIFICATION, Metric
from nas.results import measured_latencies, over_budget
from nas.store.database import now
from nas.store.measurements import read_metrics
from nas.store.studies import StudyState, holder
from nas.store.tables import ATTEMPT, LEASE, MEASUREMENT, STUDY, TRIAL, Real
from nas.store.trials import select_reports
from nas.study import StudySpec, TrialState, search_time_left

_COLUMN = MEASUREMENT.c[CLASSIFICATION[0]]
_MOST_NAMED = 500  # values in one statement


@dataclass(frozen=True)
class StudySummary:
    """The summary of a study.

    `counts` is the number of trials in each state, references and further seeds included. `best` is
    the best value of the reported `metric` among the complete candidates; if some were confirmed
    with further seeds, the best of their means. `holder` is the process that runs the study now, as
    host:pid; a RUNNING study without one was killed and can be resumed.

    `seeds_of_best` are the values of the best candidate for all its seeds. `candidates` is the
    number of those that have ended, `began` the creation of the first trial, `latest` the last end
    of a trial. Finished attempts used `device_seconds`. `failures` counts the failed trials by
    reason.
    """

    name: str
    spec: StudySpec
    state: StudyState
    created_at: datetime
    counts: Mapping[TrialState, int]
    metric: Metric
    best: float | None
    holder: str | None
    seeds_of_best: tuple[float, ...] = ()
    candidates: int = 0
    began: datetime | None = None
    latest: datetime | None = None
    device_seconds: float = 0.0
    failures: Mapping[str, int] = field(default_factory=dict)

    @property
    def space(self) -> str:
        """The names of the spaces, joined by commas."""
        return ",".join((self.spec.space_name, *(name for name, _ in self.spec.more_spaces)))

    @property
    def task(self) -> str:
        """The name of the task."""
        return self.spec.task

    @property
    def budget(self) -> str:
        """The ceilings as text, joined by commas."""
        return ", ".join(map(str, self.spec.budget))

    @property
    def num_trials(self) -> int:
        """The number of candidates that the study was created for."""
        return self.spec.num_trials

    @property
    def fixed(self) -> bool:
        """Whether the study trains fixed networks, without a search."""
        return bool(self.spec.networks)

    @property
    def time_left(self) -> float | None:
        """The remaining seconds of the search as estimated by `search_time_left`; None if idle."""
        if self.holder is None or self.began is None or self.latest is None:
            return None
        took = (self.latest - self.began).total_seconds()
        return search_time_left(self.spec, self.candidates, took)


Listed: TypeAlias = dict[int, tuple[tuple[str, int], StudySummary]]  # id: (uid, seq), summary


def summaries(connection: sa.Connection, known: Listed) -> tuple[list[StudySummary], Listed]:
    """Return the summaries of all studies, oldest first, and by id for the next call.

    Studies in `known` are read again only if they have changed; their holders are always read.
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


def _summaries(connection: sa.Connection, keys: Sequence[int]) -> dict[int, StudySummary]:
    """Return the summaries of some studies by id, without their holders."""
    some = len(keys) <= _MOST_NAMED  # otherwise select all: a statement has limited values
    own = TRIAL.c.study_id.in_(keys) if some else sa.true()
    ended = _ended(connection, own)
    spent = {key: seconds for key, seconds in connection.execute(_device_seconds(own))}
    seeds = _confirmed(connection, own)
    best_errors = connection.execute(_best_errors(own))
    errors = {row[0]: row[2] for row in best_errors}  # confirmed rows come last and win
    result = {}
    for row in connection.execute(
        sa.select(STUDY).where(STUDY.c.id.in_(keys) if some else sa.true())
    ):
        spec = StudySpec.from_json(row.spec)
        best, reported = errors.get(row.id, math.nan), _reported(spec)
        values = min(seeds.get(row.id, {}).values(), key=fmean, default=[])
        if reported and (spec.metrics[0] != _COLUMN.name or spec.latency):
            values = _best_seeds(connection, row.id, spec)
            best = fmean(values) if values else math.nan
        result[row.id] = StudySummary(
            name=row.name,
            spec=spec,
            state=StudyState(row.state),
            created_at=row.created_at,
            metric=reported or Metric(spec.metrics[0], spec.metrics[0]),
            best=None if math.isnan(best) else best,
            holder=None,
            seeds_of_best=tuple(values),
            device_seconds=float(spent.get(row.id) or 0.0),
            **(ended.get(row.id) or _Ended()).fields,
        )
    return result


@dataclass
class _Ended:
    """Counts and times of the trials of one study."""

    counts: dict[TrialState, int] = field(default_factory=lambda: dict.fromkeys(TrialState, 0))
    failures: dict[str, int] = field(default_factory=dict)
    candidates: int = 0
    began: datetime | None = None
    latest: datetime | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a summary."""
        return dict(vars(self))

    def add(self, row: sa.Row[Any]) -> None:
        """Add a row of the query: the trials with one state, failure reason and kind."""
        state = TrialState(row.state)
        self.counts[state] += row.number
        self.candidates += row.number if row.candidate and state.finished else 0
        if state is TrialState.FAILED:
            reason = row.fail_reason or "unknown"
            self.failures[reason] = self.failures.get(reason, 0) + row.number
        self.began = min(filter(None, (self.began, row.began)), default=None)
        self.latest = max(filter(None, (self.latest, row.latest)), default=None)


def _ended(connection: sa.Connection, own: sa.ColumnElement[bool]) -> dict[int, _Ended]:
    """Return the counts and times of trials, by study."""
    candidate = sa.and_(TRIAL.c.reference.is_(None), TRIAL.c.replicate_of.is_(None))
    kinds = (
        TRIAL.c.study_id, TRIAL.c.state, TRIAL.c.fail_reason, sa.case((candidate, 1), else_=0)
    )  # fmt: skip
    query = sa.select(
        *kinds[:3],
        kinds[3].label("candidate"),
        sa.func.count().label("number"),
        sa.func.min(TRIAL.c.created_at).label("began"),
        sa.func.max(TRIAL.c.finished_at).label("latest"),
    )
    found: dict[int, _Ended] = {}
    for row in connection.execute(query.where(own).group_by(*kinds)):
        found.setdefault(row.study_id, _Ended()).add(row)
    return found


def _device_seconds(own: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select (study, seconds on devices) of the attempts that ended."""
    seconds = sa.func.sum(ATTEMPT.c.device_seconds)
    joined = sa.select(TRIAL.c.study_id, seconds).join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
    return joined.where(own).group_by(TRIAL.c.study_id)


def _confirmed(
    connection: sa.Connection, own: sa.ColumnElement[bool]
) -> dict[int, dict[int, list[float]]]:
    """Return the values of each confirmed candidate for its seeds, by study and number."""
    further = sa.select(TRIAL.c.study_id, TRIAL.c.replicate_of).where(
        own, TRIAL.c.replicate_of.is_not(None), TRIAL.c.state == TrialState.COMPLETE.value
    )
    pairs = {(row.study_id, row.replicate_of) for row in connection.execute(further)}
    numbers = {number for _, number in pairs}
    if len(numbers) <= _MOST_NAMED:
        own = sa.and_(own, sa.func.coalesce(TRIAL.c.replicate_of, TRIAL.c.number).in_(numbers))
    last, final = _last_epochs(own)
    rows = sa.select(last.c.study_id, last.c.candidate, _COLUMN).join(MEASUREMENT, final)
    found: dict[int, dict[int, list[float]]] = {}
    for study_id, candidate, value in connection.execute(rows) if pairs else ():
        if (study_id, candidate) in pairs:
            found.setdefault(study_id, {}).setdefault(candidate, []).append(value)
    return found


def _reported(spec: StudySpec) -> Metric | None:
    """Return the reported metric of a study; None if its package is not installed."""
    try:
        return spec.reported
    except NasError:
        return None


def _best_seeds(connection: sa.Connection, study_id: int, spec: StudySpec) -> list[float]:
    """Return the values of the best candidate for its seeds, for any metric; empty if none.

    Candidates whose measured latency is over the budget are left out if others are within it.
    """
    last, final = _last_epochs(TRIAL.c.study_id == study_id)
    columns = (last.c.candidate, _COLUMN, MEASUREMENT.c.metrics)
    name, values = spec.reported.name, dict[int, list[float]]()
    for candidate, error, text in connection.execute(sa.select(*columns).join(MEASUREMENT, final)):
        metrics = read_metrics(text) if text else {_COLUMN.name: error}
        if name in metrics:
            values.setdefault(candidate, []).append(metrics[name])
    over = over_budget(spec, measured_latencies(spec, select_reports(connection, study_id)))
    within = [own for number, own in values.items() if number not in over] or [*values.values()]
    several = [own for own in within if len(own) > 1]
    return min(several or within, key=lambda own: spec.reported.loss(fmean(own)), default=[])


def _last_epochs(own: sa.ColumnElement[bool]) -> tuple[sa.Subquery, sa.ColumnElement[bool]]:
    """Return a subquery of the last epochs of complete trainings, and its join to measurements.

    It has the candidates and their further seeds for which `own` holds, without references and
    their further seeds. `candidate` is the number of the network, which its further seeds share.
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
    """Select (study, confirmed, lowest error), by the mean over the seeds of each candidate.

    `confirmed` is 1 for the candidates with two trainings or more.
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


Finished: TypeAlias = tuple[datetime, dict[str, float]]  # end of a trial, and values by metric


def select_finished(
    connection: sa.Connection, known: Mapping[str, datetime | None]
) -> dict[str, list[Finished]]:
    """Return the complete candidates of some studies in the order of their ends, by study.

    They are those that ended after the time in `known`, or all for None. The values are the costs,
    and the metrics of the first seed at the last epoch.
    """
    rows = connection.execute(sa.select(STUDY.c.name, STUDY.c.id))
    names = {key: name for name, key in rows if name in known}
    fresh = [key for key, name in names.items() if known[name] is None]
    whole: sa.ColumnElement[bool] = (
        TRIAL.c.study_id.in_(fresh) if len(fresh) <= _MOST_NAMED else sa.true()
    )
    conditions = [whole] if fresh else []
    conditions += [
        sa.and_(TRIAL.c.study_id == key, TRIAL.c.finished_at > known[name])
        for key, name in names.items()
        if known[name] is not None
    ]
    found: dict[str, list[Finished]] = {name: [] for name in names.values()}
    for own in conditions:
        for row in connection.execute(_finished(own)):
            if row.study_id in names and row.finished_at is not None:
                found[names[row.study_id]].append((row.finished_at, _values(row)))
    return found


def _finished(own: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select the complete candidates for which `own` holds, with their last measurement."""
    last, final = _last_epochs(sa.and_(own, TRIAL.c.replicate_of.is_(None)))
    costs = (TRIAL.c.madds, TRIAL.c.params, TRIAL.c.acts, TRIAL.c.latency)
    measured = (*(MEASUREMENT.c[name] for name in CLASSIFICATION), MEASUREMENT.c.metrics)
    rows = sa.select(TRIAL.c.study_id, TRIAL.c.finished_at, *costs, *measured)
    return (
        rows.join(last, last.c.id == TRIAL.c.id)
        .join(MEASUREMENT, final)
        .order_by(TRIAL.c.finished_at, TRIAL.c.number)
    )


def _values(row: sa.Row[Any]) -> dict[str, float]:
    names = ("madds", "params", "acts", "latency", *CLASSIFICATION)
    return {name: float(getattr(row, name)) for name in names} | (
        read_metrics(row.metrics) if row.metrics else {}
    )
