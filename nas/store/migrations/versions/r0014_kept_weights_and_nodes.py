"""Add which weights a study keeps, which were removed, and the nodes that were checked for it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and the table; earlier studies keep all weights."""
    op.add_column("nas_study", sa.Column("keep", sa.Text(), nullable=False, server_default="all"))
    op.add_column("nas_trial", sa.Column("weights_removed_at", sa.DateTime(timezone=True)))
    op.create_table(
        "nas_node",
        sa.Column("study_id", _key, autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("study_id", "node", name="nas_node_pk"),
        sa.ForeignKeyConstraint(["study_id"], ["nas_study.id"], name="nas_node_study_id_fk"),
    )
