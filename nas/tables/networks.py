"""Networks of a table: the rows that are one network merged, and contradictions refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from nas.architecture import StageValues
from nas.errors import SpaceError
from nas.tables.file import Ints, TableRows

Spelling: TypeAlias = tuple[StageValues, ...]


@dataclass(frozen=True)
class Networks:
    """Distinct networks, by index in the order of the file.

    `rows` is the row that spells each canonically, `spellings` maps all choices to the index,
    `trainings` are accuracies in percent, `counts` (networks, columns) the exact costs.
    """

    rows: Ints
    spellings: dict[Spelling, int]
    trainings: tuple[tuple[float, ...], ...]
    counts: Ints
    notes: tuple[str, ...]


def merge(rows: TableRows) -> Networks:
    """Merge rows with the same canonical identity, or the same choices where there is none.

    A network that was trained for several of its spellings has all those trainings; rows with equal
    ones are copies. Where its spellings differ in cost, it has the least.

    Raises:
        SpaceError: rows with the same choices differ in accuracy, cost or identity.
    """
    _check_twins(rows)
    identities: Sequence[object] = rows.canonical or rows.choices
    members: dict[object, list[int]] = {}
    for row, identity in enumerate(identities):
        members.setdefault(identity, []).append(row)
    groups = list(members.values())
    trainings = tuple(_trainings(rows, group) for group in groups)
    counts = np.array([rows.costs[group].min(axis=0) for group in groups], dtype=np.int64)
    spellings = {rows.choices[row]: index for index, group in enumerate(groups) for row in group}
    return Networks(
        rows=np.array([_canonical_row(rows, group) for group in groups]),
        spellings=spellings,
        trainings=trainings,
        counts=counts,
        notes=_notes(rows, groups, trainings),
    )


def _check_twins(rows: TableRows) -> None:
    """Refuse rows that spell the same choices and say different things of them."""
    seen: dict[Spelling, int] = {}
    for row, spelling in enumerate(rows.choices):
        first = seen.setdefault(spelling, row)
        if first == row:
            continue
        what = _difference(rows, first, row)
        if what:
            raise SpaceError(
                f"{rows.name}: lines {rows.lines[first]} and {rows.lines[row]} are the same "
                f"choices with different {what}.",
                "Keep one of them, or name the column in which they differ among the choices.",
            )


def _difference(rows: TableRows, one: int, other: int) -> str | None:
    if not np.array_equal(rows.accuracies[one], rows.accuracies[other], equal_nan=True):
        return "accuracies"
    if not np.array_equal(rows.costs[one], rows.costs[other]):
        return "costs"
    if rows.canonical and rows.canonical[one] != rows.canonical[other]:
        return "canonical identities"
    return None


def _trainings(rows: TableRows, group: Sequence[int]) -> tuple[float, ...]:
    distinct = dict.fromkeys(
        tuple(value for value in rows.accuracies[row].tolist() if value == value) for row in group
    )
    return tuple(accuracy for training in distinct for accuracy in training)


def _canonical_row(rows: TableRows, group: Sequence[int]) -> int:
    """Return the row whose name is the canonical identity, else the first of the cheapest."""
    if rows.names and rows.canonical:
        for row in group:
            if rows.names[row] == rows.canonical[row]:
                return row
    return min(group, key=lambda row: rows.costs[row].tolist())


def _notes(
    rows: TableRows, groups: Sequence[Sequence[int]], trainings: Sequence[tuple[float, ...]]
) -> tuple[str, ...]:
    notes = []
    dear = sum(bool((rows.costs[group] != rows.costs[group[0]]).any()) for group in groups)
    if dear:
        notes.append(f"{dear} networks have spellings of different costs: the least counts")
    most = max(map(len, trainings))
    pooled = sum(len(found) > rows.accuracies.shape[1] for found in trainings)
    if pooled:
        notes.append(
            f"{pooled} networks were trained in several spellings, up to {most} trainings: "
            "all of them count"
        )
    return tuple(notes)
