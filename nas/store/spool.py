"""Spool: results that could not be written to the database, in a file.

The file is in the folder of the study and outlives this process. Its entries are calls of
`TrialRecord`, which may be repeated: they change nothing if the result is already recorded.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from nas.cost import Cost
from nas.files import write_bytes, write_whole
from nas.study import Measurement, Outcome, TrialState

SPOOL_FILE = "unrecorded.json"
_METHODS = frozenset(
    {"record_count", "record_measurement", "record_proxies", "record_report", "finish_trial"}
)
_TYPES: Mapping[str, type[Any]] = {kind.__name__: kind for kind in (Cost, Measurement, Outcome)}


@dataclass(frozen=True)
class SpooledCall:
    """One write of a result: the name of a method of `TrialRecord`, and its further arguments."""

    method: str
    arguments: tuple[Any, ...]


def keep(folder: Path, entries: Sequence[SpooledCall]) -> Path | None:
    """Write the entries to the spool in a study's folder; return its path, or None on an error."""
    path = folder / SPOOL_FILE
    text = json.dumps([[e.method, [_encoded(a) for a in e.arguments]] for e in entries], indent=1)

    with suppress(OSError):  # the results are then only in memory
        write_whole(path, lambda part: write_bytes(part, text.encode()))
        return path
    return None


def kept(folder: Path) -> list[SpooledCall]:
    """Return the entries of a spool in order; none if there is no readable spool."""
    try:
        rows = json.loads((folder / SPOOL_FILE).read_text("utf-8"))
        found = [SpooledCall(method, tuple(map(_decoded, arguments))) for method, arguments in rows]
        return [entry for entry in found if entry.method in _METHODS]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def clear(folder: Path) -> None:
    """Delete the spool, after its entries were recorded."""
    with suppress(OSError):
        (folder / SPOOL_FILE).unlink(missing_ok=True)


def _encoded(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__, "fields": asdict(value)}
    return dict(value) if isinstance(value, Mapping) else value


def _decoded(value: Any) -> Any:
    if not isinstance(value, dict) or set(value) != {"type", "fields"}:
        return value
    kind = _TYPES[value["type"]]
    known = {each.name for each in fields(kind)}
    found = {name: each for name, each in value["fields"].items() if name in known}
    if "state" in found:
        found["state"] = TrialState(found["state"])
    return kind(**found)
