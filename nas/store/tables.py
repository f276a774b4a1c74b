"""The tables in SQLAlchemy; `migrations` creates them, and a test compares the two.

    study ─┬─ lease          the process that runs it: one row, whose epoch grows with each holder
           ├─ order          a request to run or pause it, and the settings of its run
           ├─ borrowed       trainings of earlier studies that its sampler sees from the start
           ├─ node           a node of a cluster: its versions and data, and why it gets no trial
           └─ trial ─┬─ attempt      each start of a trial: its worker, device, end and reason
                     ├─ measurement  one row for each attempt and epoch
                     └─ report       final results on the test split, once for each kind

States and JSON are stored as text, and booleans as integers, so that SQLite and PostgreSQL store
the same values.
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from nas.metrics import CLASSIFICATION
from nas.study import AttemptOutcome, TrialState

VERSION_TABLE = "nas_alembic_version"
STUDY_STATES = ("QUEUED", "RUNNING", "INTERRUPTED", "COMPLETE", "FAILED")

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER auto-increments there


class UtcTime(TypeDecorator[datetime]):
    """A point in time: timezone-aware UTC in Python, although SQLite stores no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return `value` in UTC; raises a ValueError for a naive time."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"the time {value} has no time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return `value` in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Real(TypeDecorator[float]):
    """A float that may be NaN, which is stored as NULL because SQLite has no NaN."""

    impl = sa.Double()
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: sa.Dialect) -> float | None:
        """Return None for NaN."""
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: float | None, dialect: sa.Dialect) -> float:
        """Return NaN for NULL."""
        return math.nan if value is None else float(value)


class FreeText(TypeDecorator[str]):
    """Any text, such as a traceback; characters that a database refuses are escaped."""

    impl = sa.Text()
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        r"""Return `value` with NUL and lone surrogates written as \x00 and \udc80."""
        if value is None:
            return None
        return value.replace("\0", r"\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def _one_of(column: str, values: Iterable[str]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def _parent(table: str, **options: Any) -> sa.Column[int]:
    return sa.Column(
        f"{table}_id", _Key, sa.ForeignKey(f"nas_{table}.id"), nullable=False, **options
    )


METADATA = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
    }
)

STUDY = sa.Table(
    "nas_study",
    METADATA,
    sa.Column("id", _Key, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("spec", sa.Text, nullable=False),  # StudySpec as JSON
    sa.Column("versions", sa.Text, nullable=False),  # {library: version} as JSON
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),  # grows with every write to the study
    sa.Column("uid", sa.Text, nullable=False, server_default="", index=True, unique=True),
    sa.Column("folder", FreeText),  # name of its folder in `places`; NULL before its first run
    sa.Column("places", FreeText, nullable=False, server_default="[]"),  # results folders, as JSON
    sa.Column("storage", FreeText),  # place of the weights; NULL: the results folders
    sa.Column("exhausted", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("keep", sa.Text, nullable=False, server_default="all"),  # weights: front or all
    _one_of("state", STUDY_STATES),
)

LEASE = sa.Table(
    "nas_lease",
    METADATA,
    _parent("study", primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("token", sa.Text),  # of the holder; NULL once released
    sa.Column("host", FreeText, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("place", FreeText, nullable=False),
    sa.Column("born", FreeText, nullable=False),
    sa.Column("acquired_at", UtcTime, nullable=False),
    sa.Column("renewed_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("ticks", sa.Double),  # the holder's monotonic clock at the last renewal
)

ORDER = sa.Table(
    "nas_order",
    METADATA,
    _parent("study", primary_key=True, autoincrement=False),
    sa.Column("wish", sa.Text, nullable=False),
    sa.Column("settings", FreeText),  # of its run, as JSON; NULL if no driver was requested
    sa.Column("reached", sa.BigInteger, nullable=False, server_default="0"),  # epochs so far
    sa.Column("failures", sa.BigInteger, nullable=False, server_default="0"),  # in a row
    sa.Column("note", FreeText),  # how the last driver ended
    _one_of("wish", ("RUN", "PAUSE")),
)

BORROWED = sa.Table(
    "nas_borrowed",
    METADATA,
    _parent("study", primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("origin", FreeText, nullable=False),  # study/number as it was at the creation
    sa.Column("architecture", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # the fields that a sampler reads, as JSON
)

NODE = sa.Table(
    "nas_node",
    METADATA,
    _parent("study", primary_key=True, autoincrement=False),
    sa.Column("node", sa.Text, primary_key=True),  # Ray's id of it
    sa.Column("host", FreeText, nullable=False),
    sa.Column("checked_at", UtcTime, nullable=False),
    sa.Column("fingerprint", FreeText, nullable=False),  # {name: version or digest} as JSON
    sa.Column("problem", FreeText),  # why it gets no trial; NULL if it does
)

TRIAL = sa.Table(
    "nas_trial",
    METADATA,
    sa.Column("id", _Key, primary_key=True),
    _parent("study"),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("architecture", sa.Text, nullable=False),
    sa.Column("arch_id", sa.Text, nullable=False, index=True),
    sa.Column("madds", sa.BigInteger, nullable=False),
    sa.Column("params", sa.BigInteger, nullable=False),
    sa.Column("acts", sa.BigInteger, nullable=False),
    sa.Column("counted_madds", sa.BigInteger),
    sa.Column("counted_params", sa.BigInteger),
    sa.Column("counted_acts", sa.BigInteger),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.BigInteger, nullable=False),
    sa.Column("lost", sa.BigInteger, nullable=False),  # lost workers
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("reference", FreeText),
    sa.Column("worker", FreeText),
    sa.Column("created_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("seconds", sa.Double),
    sa.Column("fail_reason", FreeText),
    sa.Column("fail_detail", FreeText),
    sa.Column("weights_path", FreeText),
    sa.Column("weights_sha256", sa.Text),
    sa.Column("proxies", sa.Text),  # {name: score} as JSON
    sa.Column("origin", FreeText),  # study/number of the trial whose result is reused
    sa.Column("replicate_of", sa.BigInteger),
    sa.Column("replicate", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("latency", sa.BigInteger, nullable=False, server_default="0"),  # ns, by the table
    sa.Column("weights_removed_at", UtcTime),  # NULL if the weights are kept
    sa.UniqueConstraint("study_id", "number"),
    _one_of("state", (state.value for state in TrialState)),
)

ATTEMPT = sa.Table(
    "nas_attempt",
    METADATA,
    _parent("trial", primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("worker", FreeText),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("outcome", sa.Text),  # NULL while it runs
    sa.Column("reason", FreeText),  # why it ended, if it did not complete or stop at a rung
    sa.Column("detail", FreeText),
    sa.Column("device", FreeText),
    sa.Column("device_seconds", sa.Double),
    _one_of("outcome", (outcome.value for outcome in AttemptOutcome)),
)

MEASUREMENT = sa.Table(
    "nas_measurement",
    METADATA,
    _parent("trial", primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("rung", sa.BigInteger),
    *(sa.Column(name, Real) for name in CLASSIFICATION),
    sa.Column("train_loss", Real),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("metrics", sa.Text),  # {name: value} as JSON, if the two columns are not sufficient
)

REPORT = sa.Table(
    "nas_report",
    METADATA,
    _parent("trial", primary_key=True, autoincrement=False),
    sa.Column("kind", FreeText, primary_key=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # JSON
)
