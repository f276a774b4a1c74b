"""Samplers propose architectures within the budget. The only room that imports optuna.

A proposal depends only on the trials so far and on the random generator, so that a study replayed
from its store gets the same proposals.
"""

from nas.samplers.matched import MatchedSampler
from nas.samplers.paired import PairedSampler
from nas.samplers.registry import SAMPLERS, SamplerMaker, make_sampler

__all__ = [
    "SAMPLERS",
    "MatchedSampler",
    "PairedSampler",
    "SamplerMaker",
    "make_sampler",
]
