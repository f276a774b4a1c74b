"""The samplers by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from nas.errors import NasError
from nas.feasible import Feasible
from nas.samplers.evolution import EvolutionSampler
from nas.samplers.matched import MatchedSampler
from nas.samplers.paired import PairedSampler
from nas.samplers.predictor import GaussianProcessSampler
from nas.samplers.random import RandomSampler
from nas.space import PAIRED_PREFIX, Architecture
from nas.study import Objective, Trial
from nas.suggestion import did_you_mean


class Proposer(Protocol):
    """The interface of every sampler."""

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a canonical, feasible architecture, or None if none was found."""
        ...

    def believe(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return the believed loss of the first goal by number of COMPLETE candidate."""
        ...


def _behind(name: str) -> Callable[[Feasible, Sequence[Objective]], Proposer]:
    """Return a constructor for one of Optuna's samplers."""

    def make(feasible: Feasible, goals: Sequence[Objective]) -> Proposer:
        from nas.samplers.optuna_samplers import (
            OptunaSampler,  # optuna is loaded on first use
        )

        return OptunaSampler(name, feasible, goals)

    return make


SAMPLERS: dict[str, Callable[[Feasible, Sequence[Objective]], Proposer]] = {
    "evolution": EvolutionSampler,
    "matched": MatchedSampler,
    "predictor": GaussianProcessSampler,
    "random": RandomSampler,
    **{name: _behind(name) for name in ("tpe", "gp", "nsga2", "nsga3")},
}


def make_sampler(name: str, feasible: Feasible, goals: Sequence[Objective]) -> Proposer:
    """Return the sampler called `name`; `paired:CHOICE` varies one choice in pairs.

    Raises:
        NasError: there is no such sampler.
    """
    kind, _, words = name.partition(":")
    if kind == PAIRED_PREFIX and words:
        return PairedSampler(feasible, goals, words)
    if name not in SAMPLERS:
        near = did_you_mean(name, SAMPLERS)
        raise NasError(f"there is no sampler {name!r}.", f"{near}Use {', '.join(SAMPLERS)}.")
    return SAMPLERS[name](feasible, goals)
