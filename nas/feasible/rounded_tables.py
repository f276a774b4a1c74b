"""Draws from a superset of the feasible architectures: those within the budget at rounded costs.

Costs are rounded down to cells, which admits every feasible architecture and a few others. For
every stage and width a table has the number of ways to complete a network, by the number of cells
that remain to be spent. A walk through the stages that chooses in proportion to these numbers draws
uniformly from all of them; many walks run at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nas.feasible.slack import Reduced, Steps
from nas.feasible.stage_options import Floats, Ints

CELLS = {1: 512, 2: 128, 3: 32}  # more cells admit fewer infeasible walks, but are slower
_AT_ONCE = 1 << 18  # numbers in one step of the walks, which fit in the cache


@dataclass(frozen=True)
class _Moves:
    """The options from one width to another that spend the same cells, merged into moves.

    `cells` (moves, constraints) are sorted by the first constraint, `weights` (moves,) are the
    numbers of architectures. `rows` are the options in the order of their moves, `cumulated` their
    cumulated weights, `ends` the position after the last option of each move.
    """

    cells: Ints
    weights: Floats
    rows: Ints
    cumulated: Floats
    ends: Ints


@dataclass(frozen=True)
class Ends:
    """The start cells of walks that end in a band.

    `cells` (n, constraints) are the cells to spend, `ways` (n,) the numbers of walks. `certain`
    marks the cells from which all walks end in the band and within the budget.
    """

    cells: Ints
    ways: Floats
    certain: NDArray[np.bool_]

    def only(self, chosen: NDArray[np.bool_]) -> "Ends":
        """Return some of the starts."""
        return Ends(self.cells[chosen], self.ways[chosen], self.certain[chosen])


class RoundedTables:
    """The tables of one space within one budget, at costs rounded down to cells."""

    def __init__(self, reduced: Reduced, cells: int) -> None:
        """Fill the tables, of `cells` for each constraint, from the last stage to the first."""
        self.reduced = reduced
        self.unit = _units(reduced, cells)
        self.shape = tuple(int(n) for n in reduced.slack // self.unit + 1)
        self._moves = [
            {
                width: {
                    int(after): _grouped(steps, steps.next_widths == after, self.unit)
                    for after in np.unique(steps.next_widths)
                }
                for width, steps in stage.items()
            }
            for stage in reduced.stages
        ]
        done = np.zeros(self.shape)
        done[(0,) * reduced.num] = 1
        self._ways: list[dict[int, Floats]] = [dict.fromkeys(reduced.forward[-1], done)]
        self._onward: list[dict[int, Floats]] = []
        for stage in reversed(self._moves):
            onward = {
                width: np.array(
                    [_shifted(moves, self._ways[0][to]) for to, moves in step.items()]
                ).reshape(-1, *self.shape)  # for a width without a step within two ceilings
                for width, step in stage.items()
            }
            self._onward.insert(0, onward)
            none = np.zeros((1, *self.shape))
            self._ways.insert(
                0, {w: np.concatenate((none, o)).sum(axis=0) for w, o in onward.items()}
            )

    @cached_property
    def error(self) -> Ints:
        """The largest error of rounding down for a whole walk, for each constraint."""
        error = np.zeros(self.reduced.num, dtype=np.int64)
        for stage in self.reduced.stages:
            rests = [(steps.costs % self.unit).max(axis=0, initial=0) for steps in stage.values()]
            error += np.max(rests, axis=0)
        return error

    def ends(self, low: int, high: int) -> Ends:
        """Return the starts for networks whose first reduced cost is from `low` to `high`."""
        ways = self._ways[0][self.reduced.stem]
        cells = np.argwhere(ways > 0)
        least = cells * self.unit
        most = least + self.error
        held = (least[:, 0] <= high) & (most[:, 0] >= low)
        certain = (most <= self.reduced.slack).all(axis=1)
        certain &= (least[:, 0] >= low) & (most[:, 0] <= high)
        return Ends(cells[held], ways[tuple(cells[held].T)], certain[held])

    def about(self, spent: int) -> float:
        """Return approximately how many networks spend at most `spent` of the first reduced cost.

        Half of the largest rounding error of a network is added to its rounded cost. All networks
        are counted if `spent` is the slack or more.
        """
        ways = self._ways[0][self.reduced.stem]
        cells = np.arange(len(ways)) * self.unit[0]
        within = cells + self.error[0] // 2 <= spent
        if spent >= self.reduced.slack[0]:
            within[:] = True
        return float(ways[within].sum())

    def finishes(self, index: int, width: int, spent: Ints) -> NDArray[np.bool_]:
        """Return a mask (n,) of the costs `spent` before a stage that may be completed.

        This is a necessary condition: a completion is within the budget at rounded costs. `spent`
        is (n, constraints).
        """
        left = (self.reduced.slack - spent) // self.unit
        within: NDArray[np.bool_] = self._reach[index][width][tuple(left.T)]
        return within

    @cached_property
    def _reach(self) -> list[dict[int, NDArray[np.bool_]]]:
        """Whether a completion spends at most a number of cells, by stage, width and cells."""
        return [{width: _reached(ways) for width, ways in stage.items()} for stage in self._ways]

    def walk(self, rng: np.random.Generator, left: Ints) -> Ints:
        """Walk from cells to spend (n, constraints); return rows of StageOptions (n, stages)."""
        walks = len(left)
        left = left.copy()
        widths = np.full(walks, self.reduced.stem)
        rows = np.empty((walks, len(self._moves)), dtype=np.int64)
        for index, stage in enumerate(self._moves):
            turns = rng.random((3, walks))
            following = np.empty_like(widths)
            for width in np.unique(widths):
                here = np.flatnonzero(widths == width)
                targets = list(stage[width])
                target = self._targets(index, int(width), left[here], turns[0, here])
                for number in np.unique(target):
                    chosen = here[target == number]
                    after = targets[number]
                    following[chosen] = after
                    moves = stage[width][after]
                    rows[chosen, index] = self._move(
                        moves, self._padded[index + 1][after], left, chosen, turns[1:]
                    )
            widths = following
        return rows

    def _targets(self, index: int, width: int, left: Ints, turns: Floats) -> Ints:
        """Choose the next width of every walk; return its position among the moves."""
        ways = self._onward[index][width][(slice(None), *left.T)]
        cumulated = np.cumsum(ways, axis=0)
        chosen = (cumulated <= turns * cumulated[-1]).sum(axis=0)
        return _possible(chosen, ways)

    def _move(self, moves: _Moves, padded: Floats, left: Ints, chosen: Ints, turns: Floats) -> Ints:
        """Choose an option for every walk of `chosen`, and subtract its cost from `left`."""
        rows = np.empty(len(chosen), dtype=np.int64)
        order = np.argsort(left[chosen, 0], kind="stable")
        position = 0
        for part in _parts(moves, left[chosen[order], 0]):
            some = order[position : position + len(part)]
            position += len(part)
            walkers = chosen[some]
            count = int(np.searchsorted(moves.cells[:, 0], part[-1], side="right"))
            places = self._places(left[walkers], np.array(self.shape))[:, None]
            places = places - self._places(moves.cells[:count])
            ways = padded[places] * moves.weights[:count]
            cumulated = np.cumsum(ways, axis=1)
            wanted = turns[0, walkers] * cumulated[:, -1]
            pick = _possible((cumulated <= wanted[:, None]).sum(axis=1), ways.T)
            left[walkers] -= moves.cells[pick]
            weight = turns[1, walkers] * moves.weights[pick]
            ends = moves.ends[pick]
            weight = moves.cumulated[ends - 1] - moves.weights[pick] + weight
            option = np.searchsorted(moves.cumulated, weight, side="right")
            rows[some] = moves.rows[np.minimum(option, ends - 1)]
        return rows

    def _places(self, cells: Ints, offset: Ints | int = 0) -> Ints:
        """Return the indices of `cells` (n, constraints) in a flat table with padding below."""
        strides = np.cumprod([1, *(2 * size for size in self.shape[:0:-1])])[::-1]
        places: Ints = (cells + offset) @ strides
        return places

    @cached_property
    def _padded(self) -> list[dict[int, Floats]]:
        """The flat tables, padded below with as many zeros as cells: no move leaves them."""
        width = [(size, 0) for size in self.shape]
        return [{w: np.pad(ways, width).ravel() for w, ways in s.items()} for s in self._ways]


def _parts(moves: _Moves, left: Ints) -> Iterator[Ints]:
    """Split the sorted cells into parts for one step of the walks each."""
    position = 0
    while position < len(left):
        size = max(1, _AT_ONCE // len(moves.cells))
        yield left[position : position + size]
        position += size


def _possible(chosen: Ints, ways: Floats) -> Ints:
    """Return `chosen`, or the last possible choice if `chosen` is beyond it due to rounding."""
    last = len(ways) - 1 - np.argmax(ways[::-1] > 0, axis=0)
    possible: Ints = np.minimum(chosen, last)
    return possible


def _units(reduced: Reduced, cells: int) -> Ints:
    """Return the size of a cell for each constraint, a multiple of the exact unit."""
    least = -(-reduced.slack // (cells - 1))
    units: Ints = np.maximum(1, -(-least // reduced.unit)) * reduced.unit
    return units


def _grouped(steps: Steps, chosen: NDArray[np.bool_], unit: Ints) -> _Moves:
    """Return the options of `chosen`, merged by the cells that they spend."""
    weights = steps.weights[chosen]
    cells, inverse = np.unique(steps.costs[chosen] // unit, axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(inverse.ravel(), minlength=len(cells)))
    added = np.bincount(inverse.ravel(), weights, len(cells)).astype(float)
    rows = steps.rows[chosen][order]
    return _Moves(cells, added, rows, np.cumsum(weights[order], dtype=float), ends)


def _shifted(moves: _Moves, source: Floats) -> Floats:
    """Sum the ways of the next stage, shifted by the cells of every move."""
    result = np.zeros(source.shape)
    nonzero = np.flatnonzero(source.any(axis=tuple(range(1, source.ndim))))
    if not len(nonzero):
        return result
    size, begin, end = len(source), int(nonzero[0]), int(nonzero[-1]) + 1
    weights: list[float] = moves.weights.tolist()
    weighted = {weight: weight * source for weight in set(weights)}  # most weights are equal
    for (step, *others), weight in zip(moves.cells.tolist(), weights, strict=True):
        last = min(end, size - step)
        if last <= begin:
            continue
        to, part = [slice(begin + step, last + step)], [slice(begin, last)]
        for other, most in zip(others, source.shape[1:], strict=True):
            to.append(slice(other, None))
            part.append(slice(0, most - other))
        here = result[tuple(to)]
        np.add(here, weighted[weight][tuple(part)], out=here)
    return result


def _reached(ways: Mapping[int, Floats] | Floats) -> NDArray[np.bool_]:
    """Return whether a cell, or a lower one in every dimension, has a way."""
    reached: NDArray[np.bool_] = np.asarray(ways) > 0
    for axis in range(reached.ndim):
        reached = np.logical_or.accumulate(reached, axis=axis)
    return reached
