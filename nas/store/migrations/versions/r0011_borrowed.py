"""Add a table of trainings that a study learnt from before its first trial."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table; existing studies have learnt nothing beforehand, and will not."""
    op.create_table(
        "nas_borrowed",
        sa.Column("study_id", _key, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("architecture", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "number", name="nas_borrowed_pk"),
        sa.ForeignKeyConstraint(["study_id"], ["nas_study.id"], name="nas_borrowed_study_id_fk"),
    )
