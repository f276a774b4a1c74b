"""Trials get the latency by which they were counted, in nanoseconds."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; studies of before have no latency table, so that theirs is 0."""
    op.add_column(
        "nas_trial",
        sa.Column("latency", sa.BigInteger(), nullable=False, server_default="0"),
    )
