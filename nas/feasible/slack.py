"""Reduced costs: the cost of options above the cheapest completion, and the slack of a budget.

The cost of the cheapest completion from every width is subtracted once. Then every reduced cost is
at least zero, and the reduced cost of a network is its cost minus the cost of the cheapest network.
The *slack* is the maximum reduced cost within the budget. Options that exceed it are removed; with
a tight budget few options remain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nas.cost import COST_NAMES, Constraint
from nas.feasible.stage_options import Ints, OptionTable, StageOptions

_FAR = 2**60  # more than any network costs


@dataclass(frozen=True)
class Steps:
    """The options of one stage after one width that are within a budget.

    `rows` are their positions among the StageOptions, `next_widths` their output widths, `costs`
    (options, constraints) their reduced costs, `weights` their numbers of architectures.
    """

    rows: Ints
    next_widths: Ints
    costs: Ints
    weights: Ints


class Reduced:
    """One space within one budget, by reduced costs; without a budget, a single cost of zero.

    `floor` is the minimum of each limited cost. `slack` is the difference of the budget and the
    floor, at most the range of the space; it is negative if the budget admits no architecture.
    """

    def __init__(self, table: OptionTable, budget: Sequence[Constraint]) -> None:
        """Subtract the cheapest completions, and remove options that no feasible member has."""
        self.table = table
        self.columns = [COST_NAMES.index(part.cost) for part in budget]
        self._limits = np.array([part.limit for part in budget] or [0], dtype=np.int64)
        self.num = len(self._limits)
        self.stem = table.space.stem_width
        self._least = self._completions(least=True)
        most = self._completions(least=False)
        self.floor: Ints = self._least[0][self.stem]
        self.slack: Ints = np.minimum(self._limits, most[0][self.stem]) - self.floor
        self.forward: list[dict[int, Ints]] = [{self.stem: np.zeros(self.num, dtype=np.int64)}]
        self.stages: list[dict[int, Steps]] = []
        if (self.slack >= 0).all():
            self._prune()
        # The largest remaining reduced costs of completions.
        self.most = [
            {width: most[i][width] - self._least[i][width] for width in widths}
            for i, widths in enumerate(self.forward)
        ]

    @property
    def empty(self) -> bool:
        """Whether a single ceiling already excludes every architecture."""
        return not self.stages

    @cached_property
    def unit(self) -> Ints:
        """The greatest common divisor of all reduced costs, for each constraint."""
        unit = np.zeros(self.num, dtype=np.int64)
        for stage in self.stages:
            for steps in stage.values():
                unit = np.gcd(unit, np.gcd.reduce(steps.costs, axis=0))
        return np.maximum(unit, 1)

    @cached_property
    def total(self) -> int:
        """The number of architectures with the remaining options, within the budget or not."""
        counts = dict.fromkeys(self.forward[-1], 1)
        for stage in reversed(self.stages):
            counts = {width: _weigh(steps, counts) for width, steps in stage.items()}
        return counts[self.stem]

    def spent(self, costs: Ints) -> Ints:
        """Return the reduced cost (n, constraints) of networks with the costs `costs` (n, 4)."""
        spent: Ints = self.limited(costs) - self.floor
        return spent

    def limited(self, costs: Ints) -> Ints:
        """Return the columns of `costs` (..., 4) that the budget limits.

        Without a budget, return one column of zeros.
        """
        if not self.columns:
            return np.zeros((*costs.shape[:-1], 1), dtype=np.int64)
        return costs[..., self.columns]

    def _completions(self, least: bool) -> list[dict[int, Ints]]:
        """Return the least or the greatest cost of a completion from every width, for each cost.

        For a width without a completion it is plus or minus `_FAR`, a huge number.
        """
        last = len(self.table.stages)
        sign = 1 if least else -1
        ends = {width: self.limited(self.table.fixed(width)) for width in self.table.widths(last)}
        found = [ends]
        for stage in reversed(self.table.stages):
            before = {}
            for width, options in stage.items():
                whole = np.full((1, self.num), sign * _FAR, dtype=np.int64)
                if len(options.next_widths):
                    whole = self.limited(options.costs) + _after(options.next_widths, found[0])
                before[width] = whole.min(axis=0) if least else whole.max(axis=0)
            found.insert(0, before)
        return found

    def _prune(self) -> None:
        """Keep options that can be reached and completed within every ceiling, stage by stage."""
        for index, stage in enumerate(self.table.stages):
            kept: dict[int, Steps] = {}
            following: dict[int, Ints] = {}
            for width, reached in self.forward[index].items():
                steps = self._steps(index, stage[width], width)
                fits = (reached + steps.costs <= self.slack).all(axis=1)
                steps = Steps(
                    steps.rows[fits],
                    steps.next_widths[fits],
                    steps.costs[fits],
                    steps.weights[fits],
                )
                kept[width] = steps
                for after in np.unique(steps.next_widths):
                    near = reached + steps.costs[steps.next_widths == after].min(axis=0)
                    known = following.get(int(after), near)
                    following[int(after)] = np.minimum(known, near)
            self.stages.append(kept)
            self.forward.append(following)

    def _steps(self, index: int, options: StageOptions, width: int) -> Steps:
        after = _after(options.next_widths, self._least[index + 1])
        rows = np.flatnonzero((after < _FAR).all(axis=1))
        costs = self.limited(options.costs)[rows] + after[rows] - self._least[index][width]
        weights = options.weights[rows].astype(np.int64)
        return Steps(rows, options.next_widths[rows], costs, weights)


def _after(next_widths: Ints, values: dict[int, Ints]) -> Ints:
    """Return the value of each following width, (options, constraints)."""
    widths, inverse = np.unique(next_widths, return_inverse=True)
    found: Ints = np.array([values[int(width)] for width in widths])[inverse.ravel()]
    return found


def _weigh(steps: Steps, counts: dict[int, int]) -> int:
    """Return the number of completions by `steps`, an exact integer."""
    return sum(
        int(steps.weights[steps.next_widths == width].sum()) * counts[int(width)]
        for width in np.unique(steps.next_widths)
    )
