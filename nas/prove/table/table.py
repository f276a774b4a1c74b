"""Tables of trained networks, whose accuracies and costs are looked up.

Rows of the same network (same canonical identity, or same choices) are merged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np

from nas.cost import COST_NAMES, Constraint, Cost, split_amount
from nas.errors import BudgetError, SpaceError
from nas.metrics import TOP1_ERROR, cost_metric
from nas.prove.table.columns import ALIASES, CostColumn, cost_name
from nas.prove.table.file import Floats, Ints, TableRows, read_table
from nas.space import Architecture, StageValues
from nas.study import Objective
from nas.suggestion import did_you_mean
from nas.units import PREFIXES

ACCURACY = TOP1_ERROR  # 1 minus the accuracy of the table


@dataclass(frozen=True, slots=True)
class TableCost(Cost):
    """The costs of a network in a table; a cost of `Cost` without a column is 0.

    Other columns are attributes with their own names. All are integers in units of the last decimal
    place of their column.
    """

    others: tuple[tuple[str, int], ...] = ()

    def __getattr__(self, name: str) -> int:
        """Return the cost of a column that `Cost` does not have."""
        if name != "others":
            for own, count in self.others:
                if own == name:
                    return count
        raise AttributeError(name)


class Table:
    """The distinct networks of one table, by index, with all their data."""

    def __init__(self, rows: TableRows) -> None:
        """Merge rows of the same network.

        Raises:
            SpaceError: two rows contradict each other.
        """
        self.name, self.columns = rows.name, rows.columns
        self.costs: tuple[CostColumn, ...] = rows.columns.costs
        self.scales = rows.scales
        self._rows = rows
        self._networks: Networks = merge(rows)
        self.notes = (*rows.notes, *self._networks.notes)
        keys = tuple(rows.columns.choices)
        self.architectures = [
            Architecture(self.name, keys, rows.choices[row]) for row in self._networks.rows
        ]

    @classmethod
    def read(cls, path: Path, toml: Path | None = None) -> "Table":
        """Read a CSV and the TOML of the same stem in the same folder, or `toml`.

        Raises:
            SpaceError: a file cannot be used; the message names line and column.
        """
        return cls(read_table(path, toml))

    def __len__(self) -> int:
        """Return the number of distinct networks."""
        return len(self.architectures)

    @property
    def num_rows(self) -> int:
        """The number of rows of the file."""
        return len(self._rows.lines)

    @property
    def spellings(self) -> Mapping[tuple[StageValues, ...], int]:
        """The choices of every distinct row, with the index of its network."""
        return self._networks.spellings

    @cached_property
    def accuracy(self) -> Floats:
        """The mean accuracy of each network over its trainings, in percent."""
        return np.array([np.mean(trainings) for trainings in self._networks.trainings])

    def trainings(self, index: int) -> tuple[float, ...]:
        """Return the accuracy of each training of one network, in percent."""
        return self._networks.trainings[index]

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs of the learning curves; empty if the table has none."""
        curves = self._rows.curves
        return curves.epochs if curves and TOP1_ERROR.name in curves.values else ()

    def curve(self, index: int, training: int) -> dict[int, dict[str, float]]:
        """Return the measurements of one training by epoch and quantity.

        The quantities are `top1_error`, `loss` and `train_loss`; infinity means diverged.
        """
        assert self._rows.curves is not None
        return self._rows.curves.of(*self._networks.origins[index][training])

    def lacks(self, index: int, epochs: Sequence[int]) -> bool:
        """Tell whether the error of a network is missing after one of `epochs`."""
        curves = [self.curve(index, which) for which in range(len(self.trainings(index)))]
        return any(
            ACCURACY.name not in curve.get(epoch, {}) for curve in curves for epoch in epochs
        )

    @property
    def replicated(self) -> bool:
        """Whether any network was trained more than once."""
        return any(len(trainings) > 1 for trainings in self._networks.trainings)

    def title(self, index: int) -> str:
        """Return the name of a network in the table."""
        row = self._networks.rows[index]
        return self._rows.names[row] if self._rows.names else self.architectures[index].text

    @cached_property
    def seconds(self) -> Floats | None:
        """The time of one training of each network; None if the table has no times.

        It is the mean over the rows with the choices of the canonical spelling.
        """
        if self._rows.seconds is None:
            return None
        known: dict[tuple[StageValues, ...], list[float]] = {}
        for spelling, seconds in zip(self._rows.choices, self._rows.seconds.tolist(), strict=True):
            known.setdefault(spelling, []).append(seconds)
        return np.array([np.mean(known[self._rows.choices[r]]) for r in self._networks.rows])

    @property
    def counts(self) -> Ints:
        """The costs (networks, columns), exact."""
        return self._networks.counts

    def cost(self, index: int) -> TableCost:
        """Return the costs of one network."""
        named = dict(zip((c.name for c in self.costs), self.counts[index].tolist(), strict=True))
        madds, params, acts, latency = (named.pop(name, 0) for name in COST_NAMES)
        return TableCost(madds, params, acts, latency, tuple(named.items()))

    def find(self, architecture: Architecture) -> int | None:
        """Return the index of the network of an architecture; None if there is none."""
        return self._networks.spellings.get(architecture.stages)

    def position(self, name: str) -> int:
        """Return the position of a cost by its name in goals and budgets."""
        return [column.name for column in self.costs].index(name)

    def unit(self, name: str, count: float) -> float:
        """Return an exact count in the unit of its column."""
        return count / self.scales[self.position(name)]

    def goal(self, name: str) -> Objective:
        """Return the goal called `name`: the accuracy, or a cost by its column or its own name.

        Raises:
            SpaceError: the table has no such cost.
        """
        column = self._column(name)
        if column is None:
            near = did_you_mean(name, self._names)
            raise SpaceError(f"{self.name} has no costs {name!r}.", near + self._costs_hint())
        if column.name in COST_NAMES:
            return cost_metric(column.name)
        return replace(cost_metric(column.name), label=column.column, short=column.column)

    def ceiling(self, text: str) -> Constraint:
        """Read a budget such as `55.4M-flops` or `3.7-latency_ms`, in the unit of the column.

        Raises:
            BudgetError: the text cannot be read, names no cost of this table, or admits no network.
        """
        read = split_amount(text, self._names)
        if not read:
            raise BudgetError(
                f"{text!r} is not a budget.",
                f"Write a number, with K, M or G or without, and a cost: 55.4M-flops. "
                f"{self._costs_hint()}",
            )
        number, prefix, unit = read
        column = self._column(unit)
        if column is None:
            near = did_you_mean(unit, self._names)
            raise BudgetError(f"the table has no costs {unit!r}.", near + self._costs_hint())
        position = self.costs.index(column)
        limit = int(Decimal(number) * PREFIXES[prefix] * self.scales[position])
        least = int(self.counts[:, position].min())
        if limit < least:
            raise BudgetError(
                f"no network of {self.name} is within {text}.",
                f"The column {column.column} goes from {self.unit(column.name, least):g} to "
                f"{self.unit(column.name, int(self.counts[:, position].max())):g}.",
            )
        return Constraint(column.name, limit)

    def quantile(self, share: float) -> Constraint:
        """Return the ceiling on the first cost that admits the share `share` of the rows.

        Raises:
            BudgetError: the table has no costs.
        """
        if not self.costs:
            raise BudgetError(f"{self.name} has no costs to limit.", "Leave the budget out.")
        limit = np.quantile(self._rows.costs[:, 0], share, method="inverted_cdf")
        return Constraint(self.costs[0].name, int(limit))

    def shown(self, constraint: Constraint) -> str:
        """Return a ceiling with all digits, in the form that `ceiling` reads."""
        position = self.position(constraint.cost)
        value = Decimal(constraint.limit) / self.scales[position]
        prefix = max(
            (p for p in PREFIXES if PREFIXES[p] <= value), key=PREFIXES.__getitem__, default=""
        )
        return f"{(value / PREFIXES[prefix]).normalize():f}{prefix}-{self.costs[position].column}"

    def _column(self, name: str) -> CostColumn | None:
        """Return a cost by the name of its column, or by any name of the same cost."""
        exact = [column for column in self.costs if column.column == name]
        same_cost = [column for column in self.costs if column.name in (name, cost_name(name))]
        return next(iter(exact + same_cost), None)

    @property
    def _names(self) -> list[str]:
        """The names of the costs for users: their columns, and other names of the same cost."""
        own = {column.name for column in self.costs}
        return [c.column for c in self.costs] + [n for n in ALIASES if ALIASES[n] in own]

    def _costs_hint(self) -> str:
        names = ", ".join(column.column for column in self.costs)
        return f"The costs of the table are {names}." if names else "The table has no costs."


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
