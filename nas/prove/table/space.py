"""The networks of a table within a budget, with the interface `nas.feasible.Feasible`.

Architectures have one stage for each stage of the table's choices; members are looked up.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nas.cost import Constraint, Cost
from nas.errors import ArchitectureError, BudgetError
from nas.feasible import INACTIVE, Variable
from nas.prove.table.file import EMPTY, Floats, Ints
from nas.prove.table.table import Table, TableCost
from nas.space import Architecture, StageValues, Value

Bools = NDArray[np.bool_]


class TableSpace:
    """The networks of a table within a budget, with the interface `Feasible`."""

    num_parts = 1

    def __init__(self, table: Table, budget: Sequence[Constraint]) -> None:
        """List the networks within every ceiling.

        Raises:
            BudgetError: no network is within the budget.
        """
        self.table, self.budget = table, tuple(budget)
        self.coding = TableCoding(table)
        inside = np.ones(len(table), dtype=bool)
        for part in self.budget:
            inside &= table.counts[:, table.position(part.cost)] <= part.limit
        self._inside = inside
        found = np.flatnonzero(inside)
        if not len(found):
            raise BudgetError(
                f"no network of {table.name} is within "
                f"{' and '.join(map(table.shown, self.budget))}.",
                "Raise one of the ceilings.",
            )
        used = np.array([self.used(table.cost(int(index))) for index in found])
        order = np.argsort(used, kind="stable")
        self.feasible: Ints = found[order]
        self._used: Floats = used[order]

    def part(self, index: int) -> "TableSpace":
        """Return the space itself, its only part."""
        return self

    def index(self, architecture: Architecture) -> int:
        """Return the index of a member in the table.

        Raises:
            ArchitectureError: it is not a network of the table.
        """
        found = self.table.find(architecture)
        if found is None:
            raise ArchitectureError(
                f"{architecture} is not a network of {self.table.name}.", "Use one of its rows."
            )
        return found

    def sample(
        self, rng: np.random.Generator, low: float = 0.0, high: float = 1.0
    ) -> Architecture | None:
        """Draw uniformly from the networks with a share of the first ceiling in the band."""
        drawn = self.sample_many(rng, 1, low, high)
        return drawn[0] if drawn else None

    def sample_many(
        self, rng: np.random.Generator, count: int, low: float = 0.0, high: float = 1.0
    ) -> list[Architecture]:
        """Draw `count` times as `sample` does; none if the band is empty."""
        first = int(np.searchsorted(self._used, low, side="left"))
        last = int(np.searchsorted(self._used, high, side="right"))
        if first >= last:
            return []
        drawn = self.feasible[rng.integers(first, last, size=count)]
        return [self.table.architectures[index] for index in drawn]

    def admits(self, architecture: Architecture) -> bool:
        """Tell whether `architecture` is a network of the table within every ceiling."""
        found = self.table.find(architecture)
        return found is not None and bool(self._inside[found])

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Return another network in its canonical spelling; it need not be within the budget.

        It differs in one choice from a spelling of `architecture`; if there is no such network, in
        as few choices as possible. If the table has no other network, return `architecture`.
        """
        index = self.index(architecture)
        found = self.coding.neighbour(index, rng)
        return self.table.architectures[index if found is None else found]

    def cost(self, architecture: Architecture) -> TableCost:
        """Return the costs of a network of the table."""
        return self.table.cost(self.index(architecture))

    def used(self, cost: Cost) -> float:
        """Return the share of the first ceiling that `cost` uses; 1 without a ceiling."""
        if not self.budget:
            return 1.0
        first = self.budget[0]
        return float(getattr(cost, first.cost)) / max(1, first.limit)

    def smallest(self, cost: str) -> Architecture:
        """Return a network with the least `cost`; the first network if there is no such column."""
        names = [column.name for column in self.table.costs]
        if cost not in names:
            return self.table.architectures[0]
        return self.table.architectures[int(np.argmin(self.table.counts[:, names.index(cost)]))]


class TableCoding:
    """The networks of a table as numbers: one variable for each column with several values."""

    def __init__(self, table: Table) -> None:
        """Number the values of each column: integers by size, words in the order of the file."""
        self._table = table
        spelled = list(table.spellings)
        keys = table.architectures[0].keys
        places = [(stage, place) for stage in range(len(spelled[0])) for place in range(len(keys))]
        self._places: list[tuple[int, int]] = []
        self._numbers: list[dict[Value | None, int]] = []
        variables = []
        for stage, place in places:
            values = dict.fromkeys(row[stage][place] for row in spelled)
            known = _in_order([value for value in values if value is not None and value != EMPTY])
            if len(values) > 1 and known:
                variables.append(Variable(str(stage + 1), keys[place], known))
                self._places.append((stage, place))
                self._numbers.append({value: number for number, value in enumerate(known)})
        self.variables = tuple(variables)
        codes = [self._codes(row) for row in spelled]
        self._spelled: Ints = np.array(codes, dtype=np.int64).reshape(len(spelled), -1)
        self._inactive: Bools = self._spelled == INACTIVE
        self._network: Ints = np.array(list(table.spellings.values()))
        self._index = dict(zip(codes, self._network.tolist(), strict=True))
        self._order = np.argsort(self._network, kind="stable")
        self._starts = np.searchsorted(self._network[self._order], np.arange(len(table) + 1))
        self._neighbours: dict[int, Mapping[int, Ints]] = {}
        self._moves = [
            (position, code)
            for position, numbers in enumerate(self._numbers)
            for code in (*numbers.values(), *([INACTIVE] * bool(self._inactive[:, position].any())))
        ]

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return one code for each variable: the index of its value, or INACTIVE."""
        return self._codes(architecture.stages)

    def decode(self, codes: Sequence[int]) -> Architecture | None:
        """Return the canonical architecture, or None if it is not a member; INACTIVE is any value.

        A member may have empty cells, for choices of missing stages, where the codes have values.
        Of several members, the first with the fewest empty cells is returned.
        """
        found = self._index.get(tuple(codes))
        if found is None:
            compatible = self._compatible(codes)
            if not len(compatible):
                return None
            found = int(compatible[0])
        return self._table.architectures[found]

    def profile(self, architecture: Architecture) -> tuple[float, ...]:
        """Return the logarithms of all costs of the table."""
        index = self._table.find(architecture)
        assert index is not None
        return tuple(np.log(np.maximum(1, self._table.counts[index])).tolist())

    def neighbour(self, index: int, rng: np.random.Generator) -> int | None:
        """Return another network that differs in one choice from a spelling of network `index`.

        If there is none, return a network with the fewest different choices; None if the table has
        no other network.
        """
        spellings = self._order[self._starts[index] : self._starts[index + 1]]
        for row in rng.permutation(spellings).tolist():
            reached = self._reached(row)
            for move in rng.permutation(len(self._moves)).tolist():
                if move in reached:
                    return int(rng.choice(reached[move]))
        return self._nearest(index, rng)

    def _reached(self, row: int) -> Mapping[int, Ints]:
        """Return the other networks that each move from a spelling reaches, by index of the move.

        A network is reached if it agrees with the changed choices exactly, or wherever both have a
        value. Then it conflicts with the spelling in at most one choice. Only such rows are
        compared for each move, which takes a hundredth of the time in a table of many choices.
        """
        if row not in self._neighbours:
            own, index = self._spelled[row], int(self._network[row])
            conflicts = (self._spelled != own) & ~self._inactive & (own != INACTIVE)
            near = np.flatnonzero(conflicts.sum(axis=1) <= 1)
            found = {}
            for move, (position, code) in enumerate(self._moves):
                if own[position] != code:
                    moved = own.copy()
                    moved[position] = code
                    found[move] = self._moved(moved, index, near)
            self._neighbours[row] = {move: rows for move, rows in found.items() if len(rows)}
        return self._neighbours[row]

    def _moved(self, codes: Ints, but: int, among: Ints) -> Ints:
        """Return the networks with the choices `codes`, or compatible ones, except `but`."""
        same = self._index.get(tuple(codes.tolist()))
        found = self._compatible(codes, among) if same is None else np.array([same])
        others: Ints = found[found != but]
        return others

    def _compatible(self, codes: Sequence[int] | Ints, among: Ints | None = None) -> Ints:
        """Return the networks that agree with `codes` wherever both have a value.

        Only those with the fewest empty cells are returned. There are none if the table has no
        empty cells and `codes` are complete. `among` are the rows to compare, by default all.
        """
        rows = np.arange(len(self._spelled)) if among is None else among
        given = np.array(codes)
        open_ = self._inactive[rows] | (given == INACTIVE)
        agreeing = np.flatnonzero(((self._spelled[rows] == given) | open_).all(axis=1))
        if not len(agreeing):
            return agreeing
        empty = open_[agreeing].sum(axis=1)
        found: Ints = self._network[rows[agreeing[empty == empty.min()]]]
        return found

    def _nearest(self, index: int, rng: np.random.Generator) -> int | None:
        others = np.flatnonzero(self._network != index)
        if not len(others):
            return None
        own = self._spelled[self._order[self._starts[index]]]
        distance = (self._spelled[others] != own).sum(axis=1)
        return int(rng.choice(self._network[others[distance == distance.min()]]))

    def _codes(self, stages: Sequence[StageValues]) -> tuple[int, ...]:
        return tuple(
            numbers.get(stages[stage][place], INACTIVE)
            for (stage, place), numbers in zip(self._places, self._numbers, strict=True)
        )


def _in_order(values: list[Value]) -> tuple[Value, ...]:
    """Return integers sorted, and other values in the given order."""
    numbers = [value for value in values if isinstance(value, int)]
    return tuple(sorted(numbers)) if len(numbers) == len(values) else tuple(values)
