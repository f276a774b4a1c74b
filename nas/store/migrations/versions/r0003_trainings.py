"""Add a table of complete trainings: one row for each network, recipe and seed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table; earlier trainings keep their record next to their weights."""
    op.create_table(
        "nas_training",
        sa.Column("id", _key, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("arch_id", sa.Text(), nullable=False),
        sa.Column("study", sa.Text()),
        sa.Column("trial", sa.BigInteger()),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="nas_training_pk"),
        sa.UniqueConstraint("name", "seed", name="nas_training_name_seed_uq"),
    )
