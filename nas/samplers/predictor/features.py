"""Features: rows of numbers between which a kernel measures distances.

An architecture has two groups. The first are its choices: each both as a number and as a category,
for nobody knows beforehand whether a space's values act in order or as names; and, for every choice
that several stages share, the mean over the stages, for networks that are alike as a whole often
are alike in accuracy. The second is its profile: the costs, which explain most of the accuracy, and
how they are shared out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CATEGORY = 0.5  # weight of squared distances: whether two values differ, ...
_ORDER = 0.5  # ... how far apart they are in their order, ...
_SUMMARY = 4.0  # ... and how far apart the means over the stages are


@dataclass(frozen=True)
class Column:
    """One variable: its number of values, whether they are in order, and what shares its values.

    `size` 0 is a number in [0, 1] instead of an index. Variables of one `group` are averaged.
    """

    size: int
    ordered: bool
    group: str


class Features:
    """Turns codes (one row for each architecture) into the coordinates of the first group."""

    def __init__(self, columns: Sequence[Column]) -> None:
        """Lay out the coordinates of `columns`."""
        self._columns = tuple(columns)
        groups: dict[str, list[int]] = {}
        for index, column in enumerate(self._columns):
            groups.setdefault(column.group, []).append(index)
        self._groups = [members for members in groups.values() if len(members) > 1]

    def choices(self, codes: Floats) -> Floats:
        """Return the coordinates of rows of `codes` (n, variables); a code below 0 is dead.

        A dead choice is no category, and lies at the foot of the order.
        """
        n = len(codes)
        if not self._columns:
            return np.zeros((n, 1))
        orders, categories = self._orders(codes), self._categories(codes)
        parts = [orders * np.sqrt(_ORDER)]
        parts += [block * np.sqrt(_CATEGORY / 2) for block in categories]
        for members in self._groups:
            parts.append(orders[:, members].mean(axis=1, keepdims=True) * np.sqrt(_SUMMARY))
            sizes = {categories[index].shape[1] for index in members}
            if len(sizes) == 1 and sizes != {0}:
                mean = np.mean([categories[index] for index in members], axis=0)
                parts.append(mean * np.sqrt(_SUMMARY))
        return np.concatenate(parts, axis=1)

    def _orders(self, codes: Floats) -> Floats:
        tops = np.array([max(1, column.size - 1) for column in self._columns], dtype=float)
        ordered = np.array([column.ordered or not column.size for column in self._columns])
        scaled: Floats = np.where(ordered, np.maximum(codes, 0.0) / tops, 0.0)
        return scaled

    def _categories(self, codes: Floats) -> list[Floats]:
        return [
            (codes[:, [index]] == np.arange(column.size)).astype(float)
            for index, column in enumerate(self._columns)
        ]


class Fixed:
    """Rows that are asked about again and again: their distances to others are computed once.

    The others have numbers. Each is multiplied by itself, not in a block with those that happen to
    be asked for beside it: the last bits of a product depend on the block, and those of a proposal
    must not depend on what was proposed before.
    """

    def __init__(self, rows: Floats) -> None:
        """Know no other row yet."""
        self._rows, self._norms = rows, _squares(rows)
        self._table = np.empty((len(rows), 0))  # a column for each other, and some to spare
        self._known = 0
        self._column = np.empty(0, dtype=np.int64)  # by number; -1: not there

    def squared_distances(self, index: Ints, others: Floats, numbers: Ints) -> Floats:
        """Return the squared distances of the rows at `index` to `others`, whose are `numbers`."""
        missing = int(numbers.max(initial=-1)) + 1 - len(self._column)
        if missing > 0:
            self._column = np.concatenate([self._column, np.full(missing, -1)])
        for place in np.flatnonzero(self._column[numbers] < 0).tolist():
            self._add(int(numbers[place]), others[place])
        return np.take(self._table[index], self._column[numbers], axis=1)

    def _add(self, number: int, other: Floats) -> None:
        if self._known == self._table.shape[1]:
            spare = np.empty((len(self._rows), 64 + self._known))
            self._table = np.concatenate([self._table, spare], axis=1)
        self._table[:, self._known] = self._distances(other)
        self._column[number] = self._known
        self._known += 1

    def _distances(self, other: Floats) -> Floats:
        apart: Floats = self._norms + float(other @ other) - self._rows @ (2.0 * other)
        return np.maximum(apart, 0.0, out=apart)


def squared_distances(one: Floats, other: Floats) -> Floats:
    """Return the squared Euclidean distances between rows, shape (len(one), len(other))."""
    distances: Floats = one @ (2.0 * other).T  # the others are usually fewer
    norms = _squares(one)[:, None] + _squares(other)[None]
    np.subtract(norms, distances, out=distances)
    return np.maximum(distances, 0.0, out=distances)


def _squares(rows: Floats) -> Floats:
    squares: Floats = np.einsum("ij,ij->i", rows, rows)
    return squares
