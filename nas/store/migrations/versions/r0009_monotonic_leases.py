"""Leases have the monotonic time of their last renewal, which no change of the clock affects."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; a lease without it is judged by the clock of the database."""
    op.add_column("nas_lease", sa.Column("ticks", sa.Double()))
