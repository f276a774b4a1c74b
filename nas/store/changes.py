"""The changes of a study since it was read, for a reader that follows it.

Rows have no sequence number. Finished trials rarely change, so that only new trials and those that
were unfinished at the last reading are read again. A reader must compare the totals of the study to
notice any other change, for instance a failed trial that is repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from nas.space import Architecture
from nas.store import trials
from nas.store.tables import REPORT, TRIAL
from nas.study import Trial, TrialState

Totals: TypeAlias = Mapping[TrialState, tuple[int, int, int]]
KeptReports: TypeAlias = dict[int, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Bookmark:
    """The point up to which a study was read: its identity, and its newest trial and report.

    `open_trials` are the keys of the trials that were not finished.
    """

    uid: str
    trial_key: int = 0
    open_trials: tuple[int, ...] = ()
    report_time: datetime | None = None
    num_reports: int = 0


@dataclass(frozen=True)
class Changes:
    """The changes since a bookmark, and the `bookmark` for the next call.

    `trials` are the new and the changed ones, without curves; `reports` contains the new ones.
    `totals` has for each state the number of trials of the study, the sum of their attempts, and
    the number of trials with training-free scores. `whole` is true if the whole study was read.
    """

    bookmark: Bookmark
    trials: Sequence[Trial]
    reports: KeptReports
    totals: Totals
    whole: bool


def select_changes(
    connection: sa.Connection,
    study: sa.Row[Any],
    known: Bookmark | None,
    architecture: Callable[[str, str], Architecture],
) -> Changes:
    """Return the changes of a study since the bookmark `known`; all of it for None.

    `architecture` makes an architecture from its text and its id.
    """
    own = TRIAL.c.study_id == study.id
    if known is None or known.uid != study.uid:
        known, which = Bookmark(study.uid), own
    else:
        fresh = TRIAL.c.id > known.trial_key
        which = sa.and_(own, sa.or_(fresh, TRIAL.c.id.in_(known.open_trials)))
    found = trials.select_where(connection, which, architecture)
    newest, count = connection.execute(
        sa.select(sa.func.max(REPORT.c.created_at), sa.func.count())
        .join(TRIAL, REPORT.c.trial_id == TRIAL.c.id)
        .where(own)
    ).one()
    since = known.report_time
    reports = {}
    if count != known.num_reports:
        reports = trials.select_reports(connection, study.id, since)
    mark = Bookmark(
        study.uid,
        max([known.trial_key, *found]),
        tuple(key for key, trial in found.items() if not trial.state.finished),
        newest,
        count,
    )
    totals = _totals(connection, own)
    return Changes(mark, tuple(found.values()), reports, totals, known.trial_key == 0)


def _totals(connection: sa.Connection, own: sa.ColumnElement[bool]) -> Totals:
    sums = (sa.func.count(), sa.func.sum(TRIAL.c.attempt), sa.func.count(TRIAL.c.proxies))
    rows = connection.execute(sa.select(TRIAL.c.state, *sums).where(own).group_by(TRIAL.c.state))
    return {
        TrialState(state): (int(number), int(attempts), int(scored))
        for state, number, attempts, scored in rows
    }
