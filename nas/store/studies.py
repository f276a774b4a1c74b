"""Studies in the database: specification, name and state."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from nas.errors import NameTakenError, NasError, StoreError
from nas.space import BLOCK_KINDS
from nas.storage import Keep
from nas.store.database import now
from nas.store.database_url import Address
from nas.store.lease import is_live
from nas.store.tables import LEASE, STUDY
from nas.study import StudySpec
from nas.suggestion import did_you_mean

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class StudyState(StrEnum):
    """The state of a study.

    RUNNING means that a driver holds it, or was killed. A QUEUED study was submitted and has no
    driver yet. The other states are those in which its last driver released it.
    """

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    INTERRUPTED = "INTERRUPTED"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


def create(
    connection: sa.Connection, spec: StudySpec, versions: Mapping[str, str], uid: str
) -> int:
    """Add a new study with the identity `uid`, and return its key.

    Raises:
        IntegrityError: the name is taken.
    """
    values = {
        "name": spec.name,
        "spec": spec.to_json(),
        "versions": json.dumps(dict(versions)),
        "uid": uid,
        "keep": (Keep.ALL if spec.networks else Keep.FRONT).value,
    }
    fresh = {"state": StudyState.RUNNING, "created_at": now(connection), "seq": 1}
    added = connection.execute(sa.insert(STUDY).values(**values, **fresh))
    assert added.inserted_primary_key is not None
    return int(added.inserted_primary_key[0])


def is_name(name: str) -> bool:
    """Tell whether `name` is a valid name of a study."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Check the name of a new study.

    Raises:
        NasError: the name has invalid characters, or is too long.
    """
    if not is_name(name):
        raise NasError(
            f"{name!r} is not a valid name of a study.",
            "Use up to 64 lower-case letters, digits, - and _, beginning with a letter or digit.",
        )


def conflict(spec: StudySpec, stored: StudySpec) -> NameTakenError:
    """Return the error for a new study whose name `stored` already has."""
    differences = spec.differences(stored)
    if differences:
        cause = f"the study {spec.name} exists with other settings ({'; '.join(differences)})."
        remedy = "Search under another name with --study NAME, or continue it with its settings."
        return NameTakenError(cause, remedy)
    return NameTakenError(
        f"the study {spec.name} exists already.",
        "Continue it, or search under another name with --study NAME.",
    )


def taken(name: str) -> NameTakenError:
    """Return the error for a new name that another study already has."""
    return NameTakenError(f"there is already a study {name}.", "Give another name.")


def find(connection: sa.Connection, name: str, address: Address) -> sa.Row[Any]:
    """Return the row of a study.

    Raises:
        StoreError: there is no study of that name; the message suggests similar names.
    """
    if is_name(name):
        row = connection.execute(sa.select(STUDY).where(STUDY.c.name == name)).one_or_none()
        if row is not None:
            return row
    raise unknown(connection, name, address)


def unknown(connection: sa.Connection, name: str, address: Address) -> StoreError:
    """Return the error for an unknown name of a study; it suggests similar names."""
    hint = did_you_mean(name, names(connection))
    return StoreError(
        f"there is no study {name!r} in {address.shown}.",
        f"{hint}To see its studies type: {address.command('list')}",
    )


def names(connection: sa.Connection) -> list[str]:
    """Return the names of all studies."""
    return list(connection.execute(sa.select(STUDY.c.name)).scalars())


def change(connection: sa.Connection, study_id: int, **values: object) -> None:
    """Change columns of a study: its state, its files, or what is known of it."""
    connection.execute(sa.update(STUDY).where(STUDY.c.id == study_id).values(**values))


def holder(lease: sa.Row[Any] | None, moment: datetime) -> str | None:
    """Return the process that holds a lease, as host:pid; None if no process holds it."""
    live = lease is not None and is_live(lease, moment)
    return f"{lease.host}:{lease.pid}" if lease is not None and live else None


def select_activity(connection: sa.Connection, row: sa.Row[Any]) -> tuple[StudyState, str | None]:
    """Return the state of the study in `row`, and the process that runs it."""
    found = sa.select(LEASE).where(LEASE.c.study_id == row.id)
    lease = connection.execute(found).one_or_none()
    return StudyState(row.state), holder(lease, now(connection))


def read_versions(row: sa.Row[Any]) -> dict[str, str]:
    """Return the library versions in a study's row."""
    versions: dict[str, str] = json.loads(row.versions)
    return versions


def all_versions(connection: sa.Connection) -> dict[str, dict[str, str]]:
    """Return the library versions of each study by name, oldest first."""
    rows: sa.Select[Any] = sa.select(STUDY.c.name, STUDY.c.versions)
    rows = rows.order_by(STUDY.c.created_at, STUDY.c.id)
    return {row.name: read_versions(row) for row in connection.execute(rows)}


def package_differences(
    spec: StudySpec, mine: Mapping[str, str], theirs: Mapping[str, str]
) -> list[str]:
    """Return the differing versions that affect a training, as `package: mine, not theirs`.

    They are those of nas, and of the packages that add the block kinds of `spec`.
    """
    kinds = {space.kind.name for space in spec.spaces.values()}
    providers = [provider for kind in kinds if (provider := BLOCK_KINDS.provider(kind))]
    return [
        f"{name}: {mine.get(name)}, not {theirs.get(name)}"
        for name in ("nas", *(name for name, _ in providers))
        if theirs.get(name) != mine.get(name)
    ]
