"""Features: coordinates for the distances of a kernel.

An architecture has two groups of features. The first group are its choices: each as a number and as
a category, because it is unknown whether the order of the values matters; and, for every choice of
several stages, the mean over the stages, because networks with equal means often have similar
accuracy. The second group is its profile: the costs, which explain most of the accuracy, and the
shares of the stages.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Weights of squared distances between values as categories, between their positions in the order,
# and between the means over the stages.
_CATEGORY = 0.5
_ORDER = 0.5
_SUMMARY = 4.0


@dataclass(frozen=True)
class Column:
    """One variable: its number of values, whether they are ordered, and its group.

    With `size` 0 the code is a number in [0, 1] instead of an index. The mean over the variables of
    one `group` is a feature.
    """

    size: int
    ordered: bool
    group: str


class Features:
    """Turns codes (one row for each architecture) into the coordinates of the first group."""

    def __init__(self, columns: Sequence[Column]) -> None:
        """Set up the coordinates of `columns`."""
        self._columns = tuple(columns)
        groups: dict[str, list[int]] = {}
        for index, column in enumerate(self._columns):
            groups.setdefault(column.group, []).append(index)
        self._groups = [members for members in groups.values() if len(members) > 1]

    def choices(self, codes: Floats) -> Floats:
        """Return the coordinates of rows of `codes` (n, variables); a code below 0 has no value.

        A choice without a value has no category, and is at the low end of the order.
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


def squared_distances(one: Floats, other: Floats) -> Floats:
    """Return the squared Euclidean distances between rows, shape (len(one), len(other))."""
    distances: Floats = one @ (2.0 * other).T  # `other` usually has fewer rows
    norms = _squares(one)[:, None] + _squares(other)[None]
    np.subtract(norms, distances, out=distances)
    return np.maximum(distances, 0.0, out=distances)


def _squares(rows: Floats) -> Floats:
    squares: Floats = np.einsum("ij,ij->i", rows, rows)
    return squares
