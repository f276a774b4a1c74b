"""The nodes of a cluster that were checked for a study: one row for the last check of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from nas.store.database import now
from nas.store.tables import NODE
from nas.study import NodeChecked


@dataclass(frozen=True)
class StudyNode:
    """A node by its id in the cluster.

    `fingerprint` has its versions by name. `problem` says why it gets no trial; None if it does.
    """

    node: str
    host: str
    checked_at: datetime
    fingerprint: Mapping[str, str]
    problem: str | None


def record(connection: sa.Connection, study_id: int, found: NodeChecked) -> None:
    """Record the check of a node, and delete that of an earlier check."""
    own = (NODE.c.study_id == study_id, NODE.c.node == found.node)
    connection.execute(sa.delete(NODE).where(*own))
    values = {
        "study_id": study_id,
        "node": found.node,
        "host": found.host,
        "checked_at": now(connection),
        "fingerprint": json.dumps(dict(found.fingerprint), sort_keys=True),
        "problem": found.problem,
    }
    connection.execute(sa.insert(NODE).values(**values))


def select(connection: sa.Connection, study_id: int) -> list[StudyNode]:
    """Return the nodes of a study in the order of their checks."""
    found = sa.select(NODE).where(NODE.c.study_id == study_id)
    rows = connection.execute(found.order_by(NODE.c.checked_at, NODE.c.node))
    return [
        StudyNode(row.node, row.host, row.checked_at, json.loads(row.fingerprint), row.problem)
        for row in rows
    ]
