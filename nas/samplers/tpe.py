"""Optuna's TPE behind the hard gate: it proposes, a repair keeps the proposal within the budget.

Optuna treats constraints as soft; here a proposal over the budget has single stages exchanged for
those of a random feasible architecture until it fits, and Optuna learns from what was trained, not
from what it had proposed. Its study lives in memory and is filled anew from the trials at each ask.
"""

from collections.abc import Sequence

import numpy as np
import optuna

from nas.architecture import Architecture, Value
from nas.feasible import FeasibleSpace
from nas.objective import Objective
from nas.samplers.evolution import START
from nas.samplers.random import stratified
from nas.space import SearchSpace
from nas.trial import Trial, TrialState

_Distributions = dict[str, optuna.distributions.BaseDistribution]


class TPESampler:
    """Tree-structured Parzen estimator (Bergstra et al. 2011; Optuna's multi-objective form)."""

    def __init__(self, feasible: FeasibleSpace, goals: Sequence[Objective]) -> None:
        """Describe the space to Optuna: an index for numbers in order, a category otherwise."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._feasible, self._goals = feasible, tuple(goals)
        self._distributions = _distributions(feasible.space)

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return Optuna's proposal, repaired where it is over the budget or cannot be built."""
        candidates = [trial for trial in history if trial.reference is None]
        if len(candidates) < START:
            return stratified(self._feasible, self._goals, len(candidates), rng)
        study = optuna.create_study(
            directions=["minimize"] * len(self._goals),
            sampler=optuna.samplers.TPESampler(seed=int(rng.integers(2**31)), n_startup_trials=0),
        )
        study.add_trials([self._told(t) for t in candidates if t.state is TrialState.COMPLETE])
        asked = study.ask(fixed_distributions=self._distributions)
        return self._repair(self._decode(asked.params), rng)

    def _told(self, trial: Trial) -> optuna.trial.FrozenTrial:
        return optuna.trial.create_trial(
            params=self._encode(trial.architecture),
            distributions=self._distributions,
            values=[goal.loss(trial.value(goal.name) or 0.0) for goal in self._goals],
        )

    def _encode(self, architecture: Architecture) -> dict[str, int]:
        params = {}
        for index, stage in enumerate(self._feasible.space.stages):
            choices = architecture.choices(index)
            for choice in stage.choices:
                name = f"{stage.name}.{choice.key}"
                if name in self._distributions:
                    value = choices[choice.key]
                    params[name] = choice.values.index(value) if value in choice.values else 0
        return params

    def _decode(self, params: dict[str, int]) -> Architecture:
        space = self._feasible.space
        stages = []
        for stage in space.stages:
            values: dict[str, Value | None] = {
                choice.key: choice.values[params.get(f"{stage.name}.{choice.key}", 0)]
                for choice in stage.choices
            }
            stages.append(space.canonical_stage(values))
        return Architecture(space.name, space.keys, tuple(stages))

    def _repair(self, proposal: Architecture, rng: np.random.Generator) -> Architecture | None:
        if self._feasible.admits(proposal):
            return proposal
        donor = self._feasible.sample(rng)
        if donor is None:
            return None
        stages = list(proposal.stages)
        for index in rng.permutation(len(stages)):
            stages[index] = donor.stages[index]
            repaired = Architecture(proposal.space, proposal.keys, tuple(stages))
            if self._feasible.admits(repaired):
                return repaired
        return donor


def _distributions(space: SearchSpace) -> _Distributions:
    found: _Distributions = {}
    for stage in space.stages:
        for choice in stage.choices:
            last = len(choice.values) - 1
            if last < 1:
                continue
            ordered = all(isinstance(value, int) for value in choice.values)
            found[f"{stage.name}.{choice.key}"] = (
                optuna.distributions.IntDistribution(0, last)
                if ordered
                else optuna.distributions.CategoricalDistribution(tuple(range(last + 1)))
            )
    return found
