"""Paired draws: base architectures in sequence, each with every value of one choice.

A block is one base architecture with all values of the choice, one trial for each. The choice is
set in every stage that allows all of these values; everything else is kept. Bases are drawn
uniformly from those whose variants can all be built within the budget and are all different
networks.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from nas.errors import BudgetError, NasError
from nas.feasible import Feasible, FeasibleSpace, feasible_space
from nas.samplers.random import MeasuredLosses
from nas.space import Architecture, format_value, read_variation
from nas.study import Objective, Trial

_TRIES = 2000
_COST_DRAWS = 32  # draws to find the most expensive value


class PairedVariantsSampler(MeasuredLosses):
    """Proposes the values of one choice in turn, on one base architecture after another."""

    def __init__(self, feasible: Feasible, goals: Sequence[Objective], words: str) -> None:
        """Vary the choice that `words` names: `relu`, or some of its values, `relu=first,last`.

        Raises:
            NasError: there is no such choice or value, or fewer than two values to compare.
        """
        if not isinstance(feasible, FeasibleSpace):
            raise NasError("--vary varies a choice in one space.", "Name one space.")
        self._feasible, self._goals = feasible, tuple(goals)
        self.variation = read_variation(feasible.space, words)

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return the next variant of the last base, or the first variant of a new base."""
        candidates = [trial for trial in history if trial.candidate]
        position = len(candidates) % len(self.variation.values)  # in the block of the last base
        if position:
            first = candidates[-position].architecture
            return self.variation.variant(first, self.variation.values[position])
        return self._base(rng, {trial.arch_id for trial in candidates})

    def check(self, names: Sequence[str]) -> None:
        """Check that a base exists.

        Raises:
            BudgetError: no base was found whose variants are all feasible and distinct.
        """
        if self._base(np.random.default_rng(0), set()) is None:
            key, values = (
                self.variation.key,
                [format_value(value) for value in self.variation.values],
            )
            within = " and ".join(map(str, self._feasible.budget))
            raise BudgetError(
                f"no architecture of {self._feasible.space.name} was found that fits {within} with "
                f"each of {key} = {', '.join(values)}, and differs between these values.",
                "Raise the budget"
                + (
                    f", or compare fewer values: --vary {key}={','.join(values[-2:])}"
                    if len(values) > 2
                    else "."
                ),
            )

    def _base(self, rng: np.random.Generator, taken: set[str]) -> Architecture | None:
        """Draw the first variant of a block whose variants are all new and feasible."""
        for _ in range(_TRIES):
            drawn = self._most_expensive.sample(rng)
            if drawn is None:
                return None
            first = self.variation.variant(drawn, self.variation.values[0])
            if first is not None and self._is_base(first, taken):
                return first
        return None

    def _is_base(self, first: Architecture, taken: set[str]) -> bool:
        """Tell whether all variants of `first` are feasible, distinct, and not in `taken`."""
        found = [self.variation.variant(first, value) for value in self.variation.values]
        ids = {each.arch_id for each in found if each is not None}
        if len(ids) < len(found) or ids & taken:
            return False
        return all(each is not None and self._feasible.admits(each) for each in found)

    @cached_property
    def _most_expensive(self) -> FeasibleSpace:
        """The space within the budget with the choice fixed to its most expensive value.

        A base within the budget with this value usually is also with the others, so that fewer
        draws are rejected than from the whole space.
        """
        costs, rng = self._feasible.costs, np.random.default_rng(0)
        totals = dict.fromkeys(self.variation.values, 0)
        for base in filter(None, (self._feasible.sample(rng) for _ in range(_COST_DRAWS))):
            found = {value: self.variation.variant(base, value) for value in totals}
            if None not in found.values():
                for value, each in found.items():
                    totals[value] += costs.cost(each).madds if each else 0
        value = max(totals, key=totals.__getitem__)
        model = replace(costs, space=self.variation.pinned(value), table=None)
        return feasible_space(model, self._feasible.budget)
