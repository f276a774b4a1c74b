"""Optuna's samplers with a hard budget: proposals over the budget are repaired.

Optuna treats constraints as soft. Here, if a proposal exceeds the budget or cannot be built, single
choices are replaced by those of a random feasible architecture until it is feasible. Optuna learns
from the trained architecture, not from its original proposal, and from borrowed trainings that are
within the budget. Optuna's study is in memory; it is filled with the trials, and rebuilt if earlier
trials differ from those at the last proposal.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import optuna
from optuna.samplers import BaseSampler

from nas.feasible import INACTIVE, Feasible
from nas.samplers.random import MeasuredLosses, begins_with, fitting, num_starts, stratified
from nas.space import Architecture
from nas.study import Objective, Trial, TrialState

START = 10
_POPULATION = 50  # Optuna's own default


class OptunaSampler(MeasuredLosses):
    """One of Optuna's samplers: TPE (Bergstra et al. 2011), GP, NSGA-II, NSGA-III.

    All support one or several objectives. Optuna gets choices with ordered numbers as integers, and
    all other choices as categories.
    """

    learns_from_others = True

    def __init__(
        self,
        make: Callable[[int], BaseSampler],
        feasible: Feasible,
        goals: Sequence[Objective],
    ) -> None:
        """Define Optuna's distributions for the space; `make` returns its sampler for a seed."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        self._feasible, self._goals = feasible, tuple(goals)
        self._make = make
        kind = type(make(0)).__name__
        self._mark = f"{kind}:generation"
        self._genetic = kind in ("NSGAIISampler", "NSGAIIISampler")
        self._known: list[Trial] = []
        self._study = self._new_study()
        self._variables = feasible.coding.variables
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            variable.name: optuna.distributions.IntDistribution(0, len(variable.values) - 1)
            if variable.ordered
            else optuna.distributions.CategoricalDistribution(tuple(range(len(variable.values))))
            for variable in self._variables
        }

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return Optuna's proposal, repaired if it exceeds the budget or cannot be built."""
        asked = [trial for trial in history if trial.candidate]
        known = fitting(self._feasible, [t for t in history if t.borrowed is not None])
        complete = [*known, *(t for t in asked if t.state is TrialState.COMPLETE)]
        if len(asked) < num_starts(START, self._feasible, known) or not complete:
            return stratified(self._feasible, self._goals, len(asked), rng)
        study = self._filled(complete)
        study.sampler = self._make(int(rng.integers(2**31)))
        proposal = study.ask(fixed_distributions=self._distributions)
        # Optuna ignores failed trials; the trained architecture is added later.
        study.tell(proposal, state=optuna.trial.TrialState.FAIL)
        return self._repair([int(proposal.params[v.name]) for v in self._variables], rng)

    def _filled(self, complete: Sequence[Trial]) -> optuna.Study:
        """Return an Optuna study with the trials `complete`; extend the last one if possible.

        The study of a genetic algorithm cannot be extended: Optuna returns the parents of a
        generation by rank after a selection, but by number from its cache, so that equal draws
        would cross other parents.
        """
        if self._genetic or not begins_with(complete, self._known):
            self._study, self._known = self._new_study(), []
        known = len(self._known)
        for position, trial in enumerate(complete[known:], start=known):
            self._study.add_trial(self._frozen(position, trial))
        self._known = list(complete)
        return self._study

    def _new_study(self) -> optuna.Study:
        return optuna.create_study(directions=["minimize"] * len(self._goals))

    def _frozen(self, position: int, trial: Trial) -> optuna.trial.FrozenTrial:
        codes = self._feasible.coding.encode(trial.architecture)
        return optuna.trial.create_trial(
            params={v.name: max(c, 0) for v, c in zip(self._variables, codes, strict=True)},
            distributions=self._distributions,
            values=[goal.loss(trial.value(goal.name) or 0.0) for goal in self._goals],
            # genetic algorithms store the generation in this attribute
            system_attrs={self._mark: position // _POPULATION},
        )

    def _repair(self, codes: list[int], rng: np.random.Generator) -> Architecture | None:
        coding = self._feasible.coding
        proposal = coding.decode(codes)
        if proposal is not None and self._feasible.admits(proposal):
            return proposal
        donor = self._feasible.sample(rng)
        if donor is None:
            return None
        theirs = coding.encode(donor)
        for index in rng.permutation(len(codes)):
            if theirs[index] == INACTIVE:
                continue
            codes[index] = theirs[index]
            repaired = coding.decode(codes)
            if repaired is not None and self._feasible.admits(repaired):
                return repaired
        return donor


TPE = partial(OptunaSampler, lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=0))
GP = partial(
    OptunaSampler,
    lambda seed: optuna.samplers.GPSampler(
        seed=seed, n_startup_trials=0, deterministic_objective=False
    ),
)
NSGA2 = partial(
    OptunaSampler,
    lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=_POPULATION),
)
NSGA3 = partial(
    OptunaSampler,
    lambda seed: optuna.samplers.NSGAIIISampler(seed=seed, population_size=_POPULATION),
)
