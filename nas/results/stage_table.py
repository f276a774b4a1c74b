"""StageTable: an architecture as rows, one for each stage."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.space import Architecture, Value, format_value

SHORT_NAMES = {"expansion": "exp", "permute2": "P2"}  # the columns are narrower than these names


@dataclass(frozen=True, slots=True)
class StageTable:
    """An architecture by stage: `shared` has the choices that are equal in all stages with blocks.

    `header` names the columns of `rows`; the first column is the stage.
    """

    shared: tuple[tuple[str, str], ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def stage_table(architecture: Architecture, stage_names: Sequence[str]) -> StageTable:
    """Return `architecture` by stage; a dash for missing values in a stage of depth 0."""
    shared, columns = [], []
    for key in architecture.keys:
        column = architecture.column(key)
        live = {value for value in column if value is not None}
        if len(live) == 1 and key not in ("depth", "width"):
            shared.append((key, table_value(next(iter(live)))))
        else:
            columns.append((SHORT_NAMES.get(key, key), [table_value(value) for value in column]))
    rows = zip(stage_names, *(values for _, values in columns), strict=True)
    return StageTable(tuple(shared), ("stage", *(key for key, _ in columns)), tuple(rows))


def table_value(value: Value | None) -> str:
    """Return one value for a table; a dash for missing values in a stage of depth 0."""
    return "–" if value is None else format_value(value)
