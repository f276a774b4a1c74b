"""Networks of a table: rows of the same network are merged; contradictions are errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from nas.errors import SpaceError
from nas.prove.table.file import Ints, TableRows
from nas.space import StageValues

_COUNTED = ("madds", "params", "acts")  # equal for equal networks, unlike measured costs

Spelling: TypeAlias = tuple[StageValues, ...]


@dataclass(frozen=True)
class Networks:
    """Distinct networks, by index in the order of the file.

    `rows` (networks,) are the rows with their canonical spelling, `spellings` maps the choices of
    every row to the index. `trainings` are accuracies in percent; `origins` has the row of each
    training and its position in the row. `counts` (networks, columns) are the exact costs.
    """

    rows: Ints
    spellings: dict[Spelling, int]
    trainings: tuple[tuple[float, ...], ...]
    origins: tuple[tuple[tuple[int, int], ...], ...]
    counts: Ints
    notes: tuple[str, ...]


def merge(rows: TableRows) -> Networks:
    """Merge rows with the same canonical identity, or with the same choices if there is none.

    Rows with the same choices are further trainings of one network. If a network has several
    spellings, it has the trainings of all; spellings with equal trainings are copies, which count
    once. If its rows differ in cost, the lowest cost is used.

    Raises:
        SpaceError: rows with the same choices differ in identity, or in a counted cost.
    """
    _check_contradictions(rows)
    identities: Sequence[object] = rows.canonical or rows.choices
    members: dict[object, list[int]] = {}
    for row, identity in enumerate(identities):
        members.setdefault(identity, []).append(row)
    groups = list(members.values())
    origins = tuple(_origins(rows, group) for group in groups)
    trainings = tuple(tuple(float(rows.accuracies[at]) for at in own) for own in origins)
    counts = np.array([rows.costs[group].min(axis=0) for group in groups], dtype=np.int64)
    spellings = {rows.choices[row]: index for index, group in enumerate(groups) for row in group}
    return Networks(
        rows=np.array([_canonical_row(rows, group) for group in groups]),
        spellings=spellings,
        trainings=trainings,
        origins=origins,
        counts=counts,
        notes=_notes(rows, groups, trainings),
    )


def _check_contradictions(rows: TableRows) -> None:
    """Refuse rows with the same choices that cannot be the same network."""
    counted = [i for i, cost in enumerate(rows.columns.costs) if cost.name in _COUNTED]
    seen: dict[Spelling, int] = {}
    for row, spelling in enumerate(rows.choices):
        first = seen.setdefault(spelling, row)
        what = None
        if rows.canonical and rows.canonical[first] != rows.canonical[row]:
            what = "canonical identities"
        elif not np.array_equal(rows.costs[first, counted], rows.costs[row, counted]):
            what = "costs"
        if what:
            raise SpaceError(
                f"{rows.name}: lines {rows.lines[first]} and {rows.lines[row]} have the same "
                f"choices but different {what}.",
                "Keep one of them, or add the column in which they differ to the choices.",
            )


def _origins(rows: TableRows, group: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return the row and place of every training of one network.

    Trainings of a copied spelling count once.
    """
    spelled: dict[Spelling, list[tuple[int, int]]] = {}
    for row in group:
        places = np.flatnonzero(~np.isnan(rows.accuracies[row])).tolist()
        spelled.setdefault(rows.choices[row], []).extend((row, place) for place in places)
    distinct: dict[tuple[float, ...], list[tuple[int, int]]] = {}
    for found in spelled.values():
        distinct.setdefault(tuple(float(rows.accuracies[at]) for at in found), found)
    return tuple(at for found in distinct.values() for at in found)


def _canonical_row(rows: TableRows, group: Sequence[int]) -> int:
    """Return the row whose name is the canonical identity, otherwise the first cheapest row."""
    if rows.names and rows.canonical:
        for row in group:
            if rows.names[row] == rows.canonical[row]:
                return row
    return min(group, key=lambda row: rows.costs[row].tolist())


def _notes(
    rows: TableRows, groups: Sequence[Sequence[int]], trainings: Sequence[tuple[float, ...]]
) -> tuple[str, ...]:
    notes = []
    differing = sum(bool((rows.costs[group] != rows.costs[group[0]]).any()) for group in groups)
    if differing:
        notes.append(f"{differing} networks have rows of different costs: the lowest cost is used")
    repeated = len(rows.lines) - len(set(rows.choices))
    if repeated:
        notes.append(f"{repeated} rows repeat the choices of another row: they are its trainings")
    fewest, most = min(map(len, trainings)), max(map(len, trainings))
    pooled = sum(len(found) > rows.accuracies.shape[1] for found in trainings)
    if pooled:
        notes.append(
            f"{pooled} networks have trainings in several rows: all of them are used, "
            f"{fewest} to {most} for each network"
        )
    return tuple(notes)
