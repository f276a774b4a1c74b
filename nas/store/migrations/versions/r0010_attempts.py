"""Attempts have a device, and the time for which they held their devices."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns; they stay empty for existing attempts."""
    op.add_column("nas_attempt", sa.Column("device", sa.Text()))
    op.add_column("nas_attempt", sa.Column("device_seconds", sa.Double()))
