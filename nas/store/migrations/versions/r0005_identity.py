"""Add identity and file locations to studies, and the reason of their end to attempts."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_OUTCOMES = "outcome IN ('LOST', 'INTERRUPTED', 'ENVIRONMENT', 'COMPLETE', 'STOPPED', 'FAILED')"


def upgrade() -> None:
    """Add the columns; existing studies get an identity now, and a folder at the next run."""
    op.add_column("nas_study", sa.Column("uid", sa.Text(), nullable=False, server_default=""))
    op.add_column("nas_study", sa.Column("folder", sa.Text()))
    op.add_column("nas_study", sa.Column("places", sa.Text(), nullable=False, server_default="[]"))
    study = sa.table("nas_study", sa.column("id"), sa.column("uid"))
    connection = op.get_bind()
    for key in connection.execute(sa.select(study.c.id)).scalars().all():
        own = sa.update(study).where(study.c.id == key)
        connection.execute(own.values(uid=secrets.token_hex(8)))
    op.create_index("nas_study_uid_ix", "nas_study", ["uid"], unique=True)
    op.add_column("nas_attempt", sa.Column("reason", sa.Text()))
    op.add_column("nas_attempt", sa.Column("detail", sa.Text()))
    sqlite = connection.dialect.name == "sqlite"  # which copies the table, and drops the check
    if not sqlite:
        op.drop_constraint(op.f("nas_attempt_outcome_ck"), "nas_attempt", type_="check")
    with op.batch_alter_table("nas_attempt", recreate="always" if sqlite else "never") as table:
        table.create_check_constraint(op.f("nas_attempt_outcome_ck"), _OUTCOMES)
