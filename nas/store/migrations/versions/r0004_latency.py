"""Add the latency by the table to trials, in nanoseconds."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; existing studies have no latency table, so that the value is 0."""
    op.add_column(
        "nas_trial",
        sa.Column("latency", sa.BigInteger(), nullable=False, server_default="0"),
    )
