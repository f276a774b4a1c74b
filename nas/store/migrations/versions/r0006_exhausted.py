"""Record in studies that their sampler had no further candidate."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; 1 for a study that confirmed fewer candidates than it had planned."""
    op.add_column(
        "nas_study", sa.Column("exhausted", sa.BigInteger(), nullable=False, server_default="0")
    )
    study = sa.table("nas_study", *map(sa.column, ("id", "spec", "exhausted")))
    trial = sa.table("nas_trial", *map(sa.column, ("study_id", "reference", "replicate_of")))
    connection = op.get_bind()
    for key, text in connection.execute(sa.select(study.c.id, study.c.spec)).all():
        spec = json.loads(text)
        own = sa.select(trial.c.reference, trial.c.replicate_of).where(trial.c.study_id == key)
        rows = connection.execute(own).all()
        candidates = sum(row.reference is None and row.replicate_of is None for row in rows)
        confirming = any(row.replicate_of is not None for row in rows)
        if confirming and candidates < spec["num_trials"] and not spec.get("time_limit"):
            connection.execute(sa.update(study).where(study.c.id == key).values(exhausted=1))
