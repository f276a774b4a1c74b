"""Samplers: propose architectures within the budget. The only door to optuna.

Each is a function of the trials so far and the generator it is handed, so that a study replayed
from its store gets the same proposals.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from nas.architecture import Architecture
from nas.errors import NasError
from nas.feasible import FeasibleSpace
from nas.objective import Objective
from nas.samplers.evolution import EvolutionSampler
from nas.samplers.port import Feasible
from nas.samplers.random import RandomSampler
from nas.trial import Trial


class Proposer(Protocol):
    """What every sampler does."""

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return a canonical, feasible architecture, or None where none was found."""
        ...


def _tpe(feasible: Feasible, goals: Sequence[Objective]) -> Proposer:
    if not isinstance(feasible, FeasibleSpace):
        raise NasError(
            "the sampler tpe searches one stage-wise space at a time.",
            "Use --sampler evolution or random.",
        )
    from nas.samplers.tpe import TPESampler  # optuna is loaded only where it is used

    return TPESampler(feasible, goals)


SAMPLERS: dict[str, Callable[[Feasible, Sequence[Objective]], Proposer]] = {
    "evolution": EvolutionSampler,
    "random": RandomSampler,
    "tpe": _tpe,
}


def make_sampler(name: str, feasible: Feasible, goals: Sequence[Objective]) -> Proposer:
    """Return the sampler called `name`.

    Raises:
        NasError: there is none of that name.
    """
    if name not in SAMPLERS:
        raise NasError(f"there is no sampler {name!r}.", f"Use {', '.join(SAMPLERS)}.")
    return SAMPLERS[name](feasible, goals)
