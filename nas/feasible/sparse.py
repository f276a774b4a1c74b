"""How many architectures one ceiling admits, by lists of sums: for spaces of few stages.

Costs that no coarse grid holds are kept as sorted lists, those of the stages before a middle and
those of the stages after it; for every sum before, a search tells how many sums after still fit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from nas.feasible.options import Ints
from nas.feasible.reduced import Reduced

_MOST_SUMS = 8_000_000
_LARGEST = 2**62  # counts beyond would not fit in the integers of numpy


class TooManySumsError(Exception):
    """The lists would take too long."""


@dataclass(frozen=True)
class _Sums:
    """Distinct sums in rising order, and in how many ways each is reached."""

    costs: Ints
    ways: Ints


class SparseCount:
    """Counts the architectures of a space by one cost, exactly."""

    def __init__(self, reduced: Reduced) -> None:
        """List the sums before and after the middle.

        Raises:
            TooManySumsError: there are more than 8,000,000, or more architectures than 2**62.
        """
        assert reduced.num == 1
        if reduced.total >= _LARGEST:
            raise TooManySumsError
        self.exact = True
        self._slack = int(reduced.slack[0])
        one = _Sums(np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64))
        self._front = {reduced.stem: one}
        back = dict.fromkeys(reduced.forward[-1], one)
        first, last = 0, len(reduced.stages)
        while first < last:  # the shorter lists go on
            if sum(map(_length, self._front.values())) <= sum(map(_length, back.values())):
                self._front = self._step(reduced, first, self._front, ahead=True)
                first += 1
            else:
                last -= 1
                back = self._step(reduced, last, back, ahead=False)
        self._back = {
            width: _Sums(sums.costs, np.cumsum(sums.ways)) for width, sums in back.items()
        }

    def at_most(self, spent: int) -> tuple[int, int]:
        """Return the number of architectures that spend at most `spent`, twice: it is exact."""
        found = 0
        for width, front in self._front.items():
            back = self._back.get(width)
            if back is not None:
                fits = np.searchsorted(back.costs, spent - front.costs, side="right")
                below = np.concatenate(([0], back.ways))[fits]
                found += int((front.ways * below).sum())
        return found, found

    def between(self, low: int, high: int) -> tuple[int, int]:
        """Return the number of architectures that spend from `low` to `high`, twice."""
        if low > high:
            return 0, 0
        number = self.at_most(high)[0] - self.at_most(low - 1)[0]
        return number, number

    def _step(
        self, reduced: Reduced, index: int, sums: Mapping[int, _Sums], ahead: bool
    ) -> dict[int, _Sums]:
        """Return the sums with one more stage, by the width on its other side."""
        found: dict[int, list[_Sums]] = {}
        listed = 0
        for width, steps in reduced.stages[index].items():
            for after in np.unique(steps.next_widths).tolist():
                source, target = (width, after) if ahead else (after, width)
                if source not in sums:
                    continue
                chosen = steps.next_widths == after
                moves = _merged([_Sums(steps.costs[chosen, 0], steps.weights[chosen])])
                listed += _length(moves) * _length(sums[source])
                if listed > _MOST_SUMS:
                    raise TooManySumsError
                costs = (sums[source].costs[:, None] + moves.costs).ravel()
                ways = (sums[source].ways[:, None] * moves.ways).ravel()
                fits = costs <= self._slack
                found.setdefault(target, []).append(_Sums(costs[fits], ways[fits]))
        return {width: _merged(parts) for width, parts in found.items()}


def _merged(parts: Iterable[_Sums]) -> _Sums:
    """Return all sums of `parts`, equal ones as one."""
    pairs = [(part.costs, part.ways) for part in parts]
    costs, ways = (np.concatenate(column) for column in zip(*pairs, strict=True))
    order = np.argsort(costs, kind="stable")
    costs, ways = costs[order], ways[order]
    starts = np.flatnonzero(np.diff(costs, prepend=-1))
    return _Sums(costs[starts], np.add.reduceat(ways, starts) if len(starts) else ways)


def _length(sums: _Sums) -> int:
    return len(sums.costs)
