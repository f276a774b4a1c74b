"""Paired draws: one architecture after another, each with every value of a single choice.

A block is one base architecture with all values of the choice, one trial for each, the choice set
alike in every stage that allows all of these values, and all else kept. Bases are drawn uniformly
from those whose every variant can be built within the budget, all of them different networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nas.architecture import Architecture, Value, show
from nas.errors import BudgetError, NasError
from nas.feasible import FeasibleSpace, feasible_space
from nas.objective import Objective
from nas.samplers.observed import Observed
from nas.samplers.port import Feasible
from nas.space import Choice, SearchSpace, Stage
from nas.trial import Trial

PREFIX = "paired"
_TRIES = 2000
_LOOKS = 32  # draws by which the dearest value is found


class PairedSampler(Observed):
    """Proposes the values of one choice in turn, on one base architecture after another."""

    def __init__(self, feasible: Feasible, goals: Sequence[Objective], words: str) -> None:
        """Vary what `words` names: a choice, `relu`, or some of its values, `relu=first,last`.

        Raises:
            NasError: there is no such choice or value, or fewer than two values to compare.
        """
        if not isinstance(feasible, FeasibleSpace):
            raise NasError(
                "one choice is varied in one space at a time.", "Name one space beside --vary."
            )
        self._feasible, self._goals = feasible, tuple(goals)
        self.variation = read_variation(feasible.space, words)

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return the next variant of the last base, or the first variant of a new base."""
        candidates = [trial for trial in history if trial.candidate]
        begun = len(candidates) % len(self.variation.values)
        if begun:
            first = candidates[-begun].architecture
            return self.variation.variant(first, self.variation.values[begun])
        return self._base(rng, {trial.arch_id for trial in candidates})

    def check(self, names: Sequence[str]) -> None:
        """Make sure that a base can be found.

        Raises:
            BudgetError: none was found whose every variant fits.
        """
        if self._base(np.random.default_rng(0), set()) is None:
            key, values = self.variation.key, [show(value) for value in self.variation.values]
            within = " and ".join(map(str, self._feasible.budget))
            raise BudgetError(
                f"no architecture of {self._feasible.space.name} was found that fits {within} with "
                f"each of {key} = {', '.join(values)}, and differs between them.",
                "Raise the budget"
                + (
                    f", or compare fewer values: --vary {key}={','.join(values[-2:])}"
                    if len(values) > 2
                    else "."
                ),
            )

    def _base(self, rng: np.random.Generator, taken: set[str]) -> Architecture | None:
        """Draw the first variant of a block, all of whose variants are new and feasible."""
        for _ in range(_TRIES):
            drawn = self._dearest.sample(rng)
            if drawn is None:
                return None
            first = self.variation.variant(drawn, self.variation.values[0])
            if first is not None and self._sound(first, taken):
                return first
        return None

    def _sound(self, first: Architecture, taken: set[str]) -> bool:
        """Tell whether every variant of a base is feasible and a network of its own."""
        found = [self.variation.variant(first, value) for value in self.variation.values]
        ids = {each.arch_id for each in found if each is not None}
        if len(ids) < len(found) or ids & taken:
            return False
        return all(each is not None and self._feasible.admits(each) for each in found)

    @cached_property
    def _dearest(self) -> FeasibleSpace:
        """The space with the choice fixed to the value that costs most, within the budget.

        Drawing there instead of in the whole space rejects little: what fits with this value fits
        with the others, as a rule.
        """
        costs, rng = self._feasible.costs, np.random.default_rng(0)
        totals = dict.fromkeys(self.variation.values, 0)
        for base in filter(None, (self._feasible.sample(rng) for _ in range(_LOOKS))):
            found = {value: self.variation.variant(base, value) for value in totals}
            if None not in found.values():
                for value, each in found.items():
                    totals[value] += costs.cost(each).madds if each else 0
        dearest = max(totals, key=totals.__getitem__)
        model = replace(costs, space=self.variation.pinned(dearest), table=None)
        return feasible_space(model, self._feasible.budget)


@dataclass(frozen=True)
class Variation:
    """One choice of a space and the values of it that are compared, the first as the base."""

    space: SearchSpace
    key: str
    values: tuple[Value, ...]

    def open(self, stage: Stage) -> bool:
        """Tell whether `stage` allows every one of the values."""
        return all(value in stage.values(self.key) for value in self.values)

    def variant(self, base: Architecture, value: Value) -> Architecture | None:
        """Return `base` with the choice set to `value` where it is open; None if not buildable."""
        at = self.space.keys.index(self.key)
        stages = tuple(
            (*values[:at], value, *values[at + 1 :]) if self.open(stage) and values[0] else values
            for stage, values in zip(self.space.stages, base.stages, strict=True)
        )
        made = self.space.canonical(Architecture(self.space.name, self.space.keys, stages))
        return made if self.space.contains(made) else None

    def pinned(self, value: Value) -> SearchSpace:
        """Return the space with the choice fixed to `value` wherever it is open."""
        return replace(
            self.space,
            stages=tuple(
                replace(
                    stage,
                    choices=tuple(
                        Choice(self.key, (value,)) if choice.key == self.key else choice
                        for choice in stage.choices
                    ),
                )
                if self.open(stage)
                else stage
                for stage in self.space.stages
            ),
        )


def read_variation(space: SearchSpace, words: str) -> Variation:
    """Return the variation that `words` names: `relu`, or `relu=first,last` in this order.

    Without values: those that every stage allows which leaves the choice open. Depth 0 is left
    out, for without a stage there is nothing whose other choices could be kept.

    Raises:
        NasError: no such choice or value, or fewer than two values.
    """
    key, _, listed = words.partition("=")
    if key not in space.keys:
        raise NasError(f"the space {space.name} has no choice {key!r}.", _other_keys(space))
    if not listed:
        values = _shared(space, key)
        if len(values) < 2:
            raise NasError(
                f"the choice {key} of {space.name} has no two values that all its stages allow.",
                _other_keys(space, key),
            )
        return Variation(space, key, values)
    known = {show(value): value for stage in space.stages for value in _kept(stage, key)}
    texts = list(dict.fromkeys(listed.split(",")))
    unknown = [text for text in texts if text not in known]
    if unknown or len(texts) < 2:
        raise NasError(
            f"{unknown[0]!r} is no value of {key} in {space.name}."
            if unknown
            else f"{words} names one value: there is nothing to compare it with.",
            f"Give two or more of {', '.join(known)}, joined by commas.",
        )
    variation = Variation(space, key, tuple(known[text] for text in texts))
    if not any(map(variation.open, space.stages)):
        raise NasError(
            f"no stage of {space.name} allows all of {words}.",
            f"Type 'nas space {space.name}' to see what each stage allows.",
        )
    return variation


def _shared(space: SearchSpace, key: str) -> tuple[Value, ...]:
    """Return the values of a choice that every stage allows which leaves it open."""
    open_stages = [stage for stage in space.stages if len(stage.values(key)) > 1]
    if not open_stages:
        return ()
    return tuple(
        value
        for value in _kept(open_stages[0], key)
        if all(value in stage.values(key) for stage in open_stages)
    )


def _kept(stage: Stage, key: str) -> list[Value]:
    """Return the values that a stage allows, without depth 0."""
    return [value for value in stage.values(key) if value != 0 or key != "depth"]


def _other_keys(space: SearchSpace, key: str | None = None) -> str:
    """Return what may be varied instead."""
    shared = [other for other in space.keys if len(_shared(space, other)) > 1]
    some = key and any(len(stage.values(key)) > 1 for stage in space.stages)
    return (
        f"Vary one of {', '.join(shared) or 'the choices of another space'}"
        + (f", or name values that some stages allow: --vary {key}=VALUE,VALUE" if some else "")
        + "."
    )
