"""Optuna's samplers behind the hard gate: they propose, a repair keeps proposals in the budget.

Optuna treats constraints as soft; here a proposal over the budget, or one that cannot be built, has
single choices exchanged for those of a random feasible architecture until it fits, and Optuna
learns from what was trained, not from what it had proposed. Its study lives in memory and is filled
from the trials, anew where they are others than at the last ask.
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import optuna
from optuna.samplers import BaseSampler

from nas.feasible import DEAD, Feasible
from nas.samplers.history_prefix import begins_with
from nas.samplers.random import stratified
from nas.samplers.without_model import BelievesObservations
from nas.space import Architecture
from nas.study import Objective, Trial, TrialState

START = 10
_POPULATION = 50  # Optuna's own default

_MAKERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=0),
    "gp": lambda seed: optuna.samplers.GPSampler(
        seed=seed, n_startup_trials=0, deterministic_objective=False
    ),
    "nsga2": lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=_POPULATION),
    "nsga3": lambda seed: optuna.samplers.NSGAIIISampler(seed=seed, population_size=_POPULATION),
}
NAMES = tuple(_MAKERS)


class OptunaSampler(BelievesObservations):
    """One of Optuna's samplers: TPE (Bergstra et al. 2011), GP, NSGA-II, NSGA-III.

    Each in Optuna's own form for one objective or several. Numbers in order are integers to it, all
    else is a category.
    """

    def __init__(self, name: str, feasible: Feasible, goals: Sequence[Objective]) -> None:
        """Describe the space to Optuna."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        self._feasible, self._goals = feasible, tuple(goals)
        self._make = _MAKERS[name]
        kind = type(self._make(0)).__name__
        self._mark, self._parents = f"{kind}:generation", f"{kind}:parent:"
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
        """Return Optuna's proposal, repaired where it is over the budget or cannot be built."""
        asked = [trial for trial in history if trial.candidate]
        complete = [trial for trial in asked if trial.state is TrialState.COMPLETE]
        if len(asked) < START * self._feasible.num_parts or not complete:
            return stratified(self._feasible, self._goals, len(asked), rng)
        study = self._filled(complete)
        self._forget_parents(study)
        study.sampler = self._make(int(rng.integers(2**31)))
        asked_for = study.ask(fixed_distributions=self._distributions)
        study.tell(asked_for, state=optuna.trial.TrialState.FAIL)  # what is trained is told later
        return self._repair([int(asked_for.params[v.name]) for v in self._variables], rng)

    def _filled(self, complete: Sequence[Trial]) -> optuna.Study:
        """Return a study that was told of `complete`: the last one where it can be added to."""
        if not begins_with(complete, self._known):
            self._study, self._known = self._new_study(), []
        known = len(self._known)
        for position, trial in enumerate(complete[known:], start=known):
            self._study.add_trial(self._told(position, trial))
        self._known = list(complete)
        return self._study

    def _forget_parents(self, study: optuna.Study) -> None:
        """Have a genetic algorithm select its parents anew.

        Optuna returns them in the order of rank when it selects them, later from its cache in the
        order of their numbers, so that the same draw would cross others than in a study told anew.
        """
        for key, value in study._storage.get_study_system_attrs(study._study_id).items():
            if key.startswith(self._parents) and value is not None:
                study._storage.set_study_system_attr(study._study_id, key, None)

    def _new_study(self) -> optuna.Study:
        return optuna.create_study(directions=["minimize"] * len(self._goals))

    def _told(self, position: int, trial: Trial) -> optuna.trial.FrozenTrial:
        codes = self._feasible.coding.encode(trial.architecture)
        return optuna.trial.create_trial(
            params={v.name: max(c, 0) for v, c in zip(self._variables, codes, strict=True)},
            distributions=self._distributions,
            values=[goal.loss(trial.value(goal.name) or 0.0) for goal in self._goals],
            # a genetic algorithm knows its generations by this mark, which else is lost with it
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
            if theirs[index] == DEAD:
                continue
            codes[index] = theirs[index]
            repaired = coding.decode(codes)
            if repaired is not None and self._feasible.admits(repaired):
                return repaired
        return donor
