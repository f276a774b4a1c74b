"""Add the storage of a study: where its weights are, if not in its results folders."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column; earlier studies have their weights in their results folders."""
    op.add_column("nas_study", sa.Column("storage", sa.Text()))
