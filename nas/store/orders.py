"""Orders: requests that a study runs or pauses, which its driver reads and carries out.

Writing an order needs no lease, because another process may hold the study.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa

from nas.store import studies
from nas.store.database import now
from nas.store.record import TrialRecord
from nas.store.tables import LEASE, MEASUREMENT, ORDER, STUDY, TRIAL

T = TypeVar("T")

MAX_FAILURES = 5  # starts of a driver in a row without progress


class DesiredState(StrEnum):
    """The state that a user requests for a study."""

    RUN = "RUN"
    PAUSE = "PAUSE"


@dataclass(frozen=True, slots=True)
class Order:
    """The order for one study.

    `settings` are the settings of its run as JSON; None if no driver was requested. `failures` is
    the number of successive starts without progress, `note` says how the last one ended. `holder`
    is the process that runs the study now, as host:pid.
    """

    study: str
    desired: DesiredState
    settings: str | None
    failures: int
    note: str | None
    holder: str | None

    @property
    def open(self) -> bool:
        """Whether the study needs a driver, and has none."""
        wanted = self.desired is DesiredState.RUN and self.settings is not None
        return wanted and self.holder is None and self.failures < MAX_FAILURES


class OrderRecord(TrialRecord):
    """The orders of a database; none of the writes needs the lease of the study."""

    def order(self, study: str) -> Order | None:
        """Return the order for a study; None without one."""
        return next(iter(self._database.read(lambda c: _select(c, STUDY.c.name == study))), None)

    def orders(self) -> list[Order]:
        """Return all orders, the oldest study first."""
        return self._database.read(lambda connection: _select(connection, sa.true()))

    def desired_state(self, study: str) -> DesiredState | None:
        """Return the state that a user requests for a study; None without an order."""
        found = self._database.read(
            lambda connection: connection.execute(
                sa.select(ORDER.c.wish).join(STUDY).where(STUDY.c.name == study)
            ).scalar()
        )
        return None if found is None else DesiredState(found)

    def submit(self, study: str, settings: str | None = None) -> None:
        """Request a driver for a study, which is QUEUED until the driver starts.

        `settings` are those of its run; None keeps those of an earlier order.
        """

        def write(connection: sa.Connection, key: int) -> None:
            values: dict[str, Any] = {"wish": DesiredState.RUN, "failures": 0, "note": None}
            values["reached"] = _progress(connection, key)
            found = sa.select(ORDER.c.settings).where(ORDER.c.study_id == key)
            kept = settings or connection.execute(found).scalar() or "{}"
            _put(connection, key, {**values, "settings": kept})
            studies.change(connection, key, state=studies.StudyState.QUEUED)

        self._write(study, write)

    def pause(self, study: str) -> None:
        """Request that a study pauses; a queued one becomes INTERRUPTED at once."""

        def write(connection: sa.Connection, key: int) -> None:
            _put(connection, key, {"wish": DesiredState.PAUSE})
            queued = (STUDY.c.id == key, STUDY.c.state == studies.StudyState.QUEUED.value)
            paused = {"state": studies.StudyState.INTERRUPTED.value}
            connection.execute(sa.update(STUDY).where(*queued).values(paused))

        self._order(study, write)

    def unpause(self, study: str) -> None:
        """Withdraw a request to pause; do nothing without an order."""
        self._order(study, lambda c, key: c.execute(_own(key).values(wish=DesiredState.RUN)))

    def fulfil(self, study: str) -> None:
        """Delete the order for a study that is complete."""
        delete = sa.delete(ORDER)
        self._order(study, lambda c, key: c.execute(delete.where(ORDER.c.study_id == key)))

    def record_end(self, study: str, note: str | None) -> int:
        """Record that a driver ended, and how; return the number of starts without progress."""

        def write(connection: sa.Connection, key: int) -> int:
            row = connection.execute(sa.select(ORDER).where(ORDER.c.study_id == key)).one_or_none()
            if row is None:
                return 0
            reached = _progress(connection, key)
            failures = 0 if reached > row.reached else row.failures + 1
            values = {"reached": reached, "failures": failures, "note": note}
            connection.execute(_own(key).values(values))
            return int(failures)

        return self._order(study, write)

    def _order(self, study: str, work: Callable[[sa.Connection, int], T]) -> T:
        def write(connection: sa.Connection) -> T:
            return work(connection, studies.find(connection, study, self._address).id)

        return self._database.write(write)


def _own(key: int) -> sa.Update:
    return sa.update(ORDER).where(ORDER.c.study_id == key)


def _put(connection: sa.Connection, key: int, values: dict[str, Any]) -> None:
    if not connection.execute(_own(key).values(values)).rowcount:
        connection.execute(sa.insert(ORDER).values(study_id=key, **values))


def _select(connection: sa.Connection, those: sa.ColumnElement[bool]) -> list[Order]:
    leases = {row.study_id: row for row in connection.execute(sa.select(LEASE))}
    rows = connection.execute(
        sa.select(STUDY.c.name, ORDER)
        .join(ORDER, ORDER.c.study_id == STUDY.c.id)
        .where(those)
        .order_by(STUDY.c.created_at, STUDY.c.id)
    ).all()
    moment = now(connection)
    return [
        Order(
            row.name,
            DesiredState(row.wish),
            row.settings,
            row.failures,
            row.note,
            studies.holder(leases.get(row.study_id), moment),
        )
        for row in rows
    ]


def _progress(connection: sa.Connection, key: int) -> int:
    """Return the sum of the last epochs of all trials, as a measure of progress."""
    last = (
        sa.select(sa.func.max(MEASUREMENT.c.epoch).label("epoch"))
        .join(TRIAL, MEASUREMENT.c.trial_id == TRIAL.c.id)
        .where(TRIAL.c.study_id == key)
        .group_by(TRIAL.c.id)
        .subquery()
    )
    return int(connection.execute(sa.select(sa.func.sum(last.c.epoch))).scalar() or 0)
