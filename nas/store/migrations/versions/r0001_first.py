"""The first schema: studies, leases, trials, attempts, measurements and reports."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create every table."""
    _create_study()
    _create_trial()
    _create_parts_of_trial()


def _create_study() -> None:
    op.create_table(
        "nas_study",
        sa.Column("id", _key, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="nas_study_pk"),
        sa.UniqueConstraint("name", name="nas_study_name_uq"),
        sa.CheckConstraint(
            "state IN ('RUNNING', 'INTERRUPTED', 'COMPLETE', 'FAILED')",
            name=op.f("nas_study_state_ck"),
        ),
    )
    op.create_table(
        "nas_lease",
        sa.Column("study_id", _key, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.Text()),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("born", sa.Text(), nullable=False),
        sa.Column("acquired_at", _time, nullable=False),
        sa.Column("renewed_at", _time, nullable=False),
        sa.Column("expires_at", _time, nullable=False),
        sa.PrimaryKeyConstraint("study_id", name="nas_lease_pk"),
        sa.ForeignKeyConstraint(["study_id"], ["nas_study.id"], name="nas_lease_study_id_fk"),
    )


def _create_trial() -> None:
    op.create_table(
        "nas_trial",
        sa.Column("id", _key, nullable=False),
        sa.Column("study_id", _key, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("architecture", sa.Text(), nullable=False),
        sa.Column("arch_id", sa.Text(), nullable=False),
        sa.Column("madds", sa.BigInteger(), nullable=False),
        sa.Column("params", sa.BigInteger(), nullable=False),
        sa.Column("acts", sa.BigInteger(), nullable=False),
        sa.Column("counted_madds", sa.BigInteger()),
        sa.Column("counted_params", sa.BigInteger()),
        sa.Column("counted_acts", sa.BigInteger()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("worker", sa.Text()),
        sa.Column("created_at", _time),
        sa.Column("finished_at", _time),
        sa.Column("seconds", sa.Double()),
        sa.Column("fail_reason", sa.Text()),
        sa.Column("fail_detail", sa.Text()),
        sa.Column("weights_path", sa.Text()),
        sa.Column("weights_sha256", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="nas_trial_pk"),
        sa.UniqueConstraint("study_id", "number", name="nas_trial_study_id_number_uq"),
        sa.ForeignKeyConstraint(["study_id"], ["nas_study.id"], name="nas_trial_study_id_fk"),
        sa.CheckConstraint(
            "state IN ('WAITING', 'RUNNING', 'COMPLETE', 'STOPPED', 'FAILED')",
            name=op.f("nas_trial_state_ck"),
        ),
    )


def _create_parts_of_trial() -> None:
    op.create_table(
        "nas_attempt",
        sa.Column("trial_id", _key, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text()),
        sa.Column("started_at", _time, nullable=False),
        sa.Column("ended_at", _time),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("trial_id", "number", name="nas_attempt_pk"),
        sa.ForeignKeyConstraint(["trial_id"], ["nas_trial.id"], name="nas_attempt_trial_id_fk"),
        sa.CheckConstraint(
            "outcome IN ('LOST', 'INTERRUPTED', 'COMPLETE', 'STOPPED', 'FAILED')",
            name=op.f("nas_attempt_outcome_ck"),
        ),
    )
    op.create_table(
        "nas_measurement",
        sa.Column("trial_id", _key, nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("rung", sa.BigInteger()),
        sa.Column("top1_error", sa.Double()),
        sa.Column("loss", sa.Double()),
        sa.Column("train_loss", sa.Double()),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("trial_id", "attempt", "epoch", name="nas_measurement_pk"),
        sa.ForeignKeyConstraint(["trial_id"], ["nas_trial.id"], name="nas_measurement_trial_id_fk"),
    )
    op.create_table(
        "nas_report",
        sa.Column("trial_id", _key, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("trial_id", "kind", name="nas_report_pk"),
        sa.ForeignKeyConstraint(["trial_id"], ["nas_trial.id"], name="nas_report_trial_id_fk"),
    )
