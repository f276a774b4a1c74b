"""Add orders: studies that shall be driven by another process; and the state QUEUED."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = "state IN ('QUEUED', 'RUNNING', 'INTERRUPTED', 'COMPLETE', 'FAILED')"


def upgrade() -> None:
    """Create the table, and allow the new state."""
    op.create_table(
        "nas_order",
        sa.Column("study_id", _key, autoincrement=False, nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text()),
        sa.Column("reached", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("failures", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("study_id", name="nas_order_pk"),
        sa.ForeignKeyConstraint(["study_id"], ["nas_study.id"], name="nas_order_study_id_fk"),
        sa.CheckConstraint("wish IN ('RUN', 'PAUSE')", name=op.f("nas_order_wish_ck")),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"  # which copies the table, and drops the check
    if not sqlite:
        op.drop_constraint(op.f("nas_study_state_ck"), "nas_study", type_="check")
    with op.batch_alter_table("nas_study", recreate="always" if sqlite else "never") as table:
        table.create_check_constraint(op.f("nas_study_state_ck"), _STATES)
