"""Add training-free scores, the origin of reused results, and replicates to trials."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; existing trials have no scores, no origin, and are not replicates."""
    op.add_column("nas_trial", sa.Column("proxies", sa.Text()))
    op.add_column("nas_trial", sa.Column("origin", sa.Text()))
    op.add_column("nas_trial", sa.Column("replicate_of", sa.BigInteger()))
    op.add_column(
        "nas_trial",
        sa.Column("replicate", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.create_index("nas_trial_arch_id_ix", "nas_trial", ["arch_id"])
