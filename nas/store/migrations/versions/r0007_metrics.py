"""Measurements can have other metrics than the top-1 error and the cross-entropy."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column; existing measurements keep their two metrics in their columns."""
    op.add_column("nas_measurement", sa.Column("metrics", sa.Text()))
