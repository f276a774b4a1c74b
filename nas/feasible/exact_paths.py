"""The feasible architectures of a tight budget as paths through a graph; exact, no rejections.

A node is a width and the exact cost of the stages before it; an edge is an option. Only nodes that
the rounded tables can complete are kept, so that the graph is small if few architectures are
feasible, also in a large space. It supports any number of ceilings.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.feasible.rounded_tables import RoundedTables
from nas.feasible.slack import Steps
from nas.feasible.stage_options import Floats, Ints

_MOST_EDGES = 3_000_000
_AT_ONCE = 1 << 21
_SLIP = 1e-9  # larger than the rounding errors of sums over 3,000,000 edges


class TooManyPathsError(Exception):
    """The graph would not fit in memory."""


@dataclass(frozen=True)
class _Layer:
    """The edges of one stage in the order of their source nodes.

    The edges of node i begin at `starts[i]` and end before `starts[i + 1]`. `ends` are nodes of the
    next layer, `rows` options, `weights` the number of architectures of an option.
    """

    starts: Ints
    ends: Ints
    rows: Ints
    weights: Ints


class Paths:
    """All members of a band within the budget."""

    def __init__(self, tables: RoundedTables, low: int, high: int) -> None:
        """Find the nodes from the first stage on; the first reduced cost is from `low` to `high`.

        Raises:
            TooManyPathsError: there are more than 3,000,000 edges.
        """
        self._tables, self._reduced = tables, tables.reduced
        self._low, self._high = low, high
        self._layers: list[_Layer] = []
        widths = np.array([self._reduced.stem])
        spent = np.zeros((1, self._reduced.num), dtype=np.int64)
        for index in range(len(self._reduced.stages)):
            widths, spent = self._extend(index, widths, spent)
        self.exact = self._count(np.ones(len(widths), dtype=np.int64))
        self._turns = self._weigh(len(widths))

    def walk(self, rng: np.random.Generator, count: int) -> Ints:
        """Return rows of StageOptions (count, stages), uniform over the architectures."""
        nodes = np.zeros(count, dtype=np.int64)
        rows = np.empty((count, len(self._layers)), dtype=np.int64)
        for index, (layer, turns) in enumerate(zip(self._layers, self._turns, strict=True)):
            turn = np.minimum(nodes + rng.random(count), np.nextafter(nodes + 1.0, 0.0))
            edges = np.searchsorted(turns, turn, side="right")
            rows[:, index] = layer.rows[edges]
            nodes = layer.ends[edges]
        return rows

    def _extend(self, index: int, widths: Ints, spent: Ints) -> tuple[Ints, Ints]:
        """Add the layer of one stage; return the widths and the costs of the nodes after it."""
        none = np.zeros(0, dtype=np.int64)
        found = [(none, none, none, spent[:0], none)]
        edges = 0
        for width in np.unique(widths):
            steps = self._reduced.stages[index][int(width)]
            nodes = np.flatnonzero(widths == width)
            size = max(1, _AT_ONCE // max(1, len(steps.rows)))
            for position in range(0, len(nodes), size):
                some = nodes[position : position + size]
                found.append(self._edges(index, steps, some, spent[some]))
                edges += len(found[-1][0])
                if edges > _MOST_EDGES:
                    raise TooManyPathsError
        sources, options, afters, costs, weights = (
            np.concatenate(parts) for parts in zip(*found, strict=True)
        )
        order = np.argsort(sources, kind="stable")
        kept, ends = self._nodes(afters, costs)
        starts = np.searchsorted(sources[order], np.arange(len(widths) + 1))
        self._layers.append(_Layer(starts, ends[order], options[order], weights[order]))
        return afters[kept], costs[kept]

    def _nodes(self, widths: Ints, costs: Ints) -> tuple[Ints, Ints]:
        """Return one position of each distinct (width, costs), and the node of each row."""
        sizes = [int(size) for size in self._reduced.slack // self._reduced.unit + 1]
        if math.prod(sizes) < 2**40:  # then one integer can identify a node
            key = widths
            for column, unit, size in zip(costs.T, self._reduced.unit, sizes, strict=True):
                key = key * size + column // unit
            _, kept, ends = np.unique(key, return_index=True, return_inverse=True)
        else:
            rows = np.column_stack((widths, costs))
            _, kept, ends = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        return kept, ends.ravel()

    def _edges(
        self, index: int, steps: Steps, nodes: Ints, spent: Ints
    ) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Return (node, option, next width, spent, weight) of edges that can be completed."""
        sums = spent[:, None] + steps.costs[None]
        kept = (sums <= self._reduced.slack).all(axis=2) & (sums[..., 0] <= self._high)
        node, step = np.nonzero(kept)
        costs = sums[node, step]
        completable = np.zeros(len(node), dtype=bool)
        for after in np.unique(steps.next_widths[step]):
            chosen = np.flatnonzero(steps.next_widths[step] == after)
            most = self._reduced.most[index + 1][int(after)][0]
            reaches = costs[chosen, 0] + most >= self._low
            finishes = self._tables.finishes(index + 1, int(after), costs[chosen])
            completable[chosen] = reaches & finishes
        node, step, costs = node[completable], step[completable], costs[completable]
        return (
            nodes[node], steps.rows[step], steps.next_widths[step], costs, steps.weights[step],
        )  # fmt: skip

    def _count(self, ways: Ints) -> int:
        """Return the number of architectures, an exact integer."""
        large = self._reduced.total >= 2**62
        found: NDArray[np.object_] | Ints = ways.astype(object) if large else ways
        for layer in reversed(self._layers):
            found = _by_node(found[layer.ends] * layer.weights, layer.starts)
        return int(found[0])

    def _weigh(self, leaves: int) -> list[Floats]:
        """Return for each layer the cumulated shares of the edges of a node, plus its index."""
        ways = np.ones(leaves)
        turns: list[Floats] = []
        for layer in reversed(self._layers):
            edges = ways[layer.ends] * layer.weights
            ways = _by_node(edges, layer.starts)
            degree = np.diff(layer.starts)
            sums = np.repeat(_nonzero(ways), degree)
            running = np.concatenate(([0.0], np.cumsum(edges / sums)))
            base = np.repeat(running[layer.starts[:-1]], degree)
            share = running[1:] - base
            share[share > 1 - _SLIP] = 1.0  # avoids a gap due to rounding
            turns.insert(0, np.repeat(np.arange(len(degree)), degree) + share)
        return turns


def _nonzero(ways: Floats) -> Floats:
    """Return `ways` with zeros replaced by 1, as divisors."""
    return np.where(ways > 0, ways, 1.0)


def _by_node(edges: np.ndarray, starts: Ints) -> np.ndarray:
    """Return the sum over the edges of each node, 0 for a node without edges."""
    sums = np.add.reduceat(np.append(edges, edges.dtype.type(0)), starts[:-1])
    sums[np.diff(starts) == 0] = 0
    return sums
