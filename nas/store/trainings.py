"""Trainings in the database: complete trainings, with or without a study."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nas.store.database import now
from nas.store.tables import TRAINING


@dataclass(frozen=True)
class Training:
    """One network trained from one `seed`; replicates share the `name`.

    `study` and `trial` are set if the network comes from a search. `content` is the record of the
    training by `nas train`, in plain JSON values; `created_at` is None until it is stored.
    """

    name: str
    seed: int
    arch_id: str
    content: dict[str, Any]
    study: str | None = None
    trial: int | None = None
    created_at: datetime | None = None


def put(connection: sa.Connection, training: Training) -> None:
    """Add a training; one of the same name and seed is replaced, unless it is equal."""
    values = {
        "name": training.name,
        "seed": training.seed,
        "arch_id": training.arch_id,
        "study": training.study,
        "trial": training.trial,
        "content": json.dumps(training.content, sort_keys=True),
    }
    same = sa.and_(TRAINING.c.name == training.name, TRAINING.c.seed == training.seed)
    found = connection.execute(sa.select(TRAINING.c.content).where(same)).scalar_one_or_none()
    if found == values["content"]:
        return
    connection.execute(sa.delete(TRAINING).where(same))
    connection.execute(sa.insert(TRAINING).values(**values, created_at=now(connection)))


def select(connection: sa.Connection, name: str | None) -> list[Training]:
    """Return the trainings of this name, or all, by their first entry, then by seed."""
    query = sa.select(TRAINING).order_by(TRAINING.c.id)
    if name is not None:
        query = query.where(TRAINING.c.name == name)
    rows = connection.execute(query).all()
    names = list(dict.fromkeys(row.name for row in rows))
    rows = sorted(rows, key=lambda row: (names.index(row.name), row.seed))
    return [
        Training(
            row.name,
            row.seed,
            row.arch_id,
            json.loads(row.content),
            row.study,
            row.trial,
            row.created_at,
        )
        for row in rows
    ]
