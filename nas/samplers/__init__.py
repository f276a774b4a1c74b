"""Samplers: propose architectures within the budget. The only door to optuna.

Each is a function of the trials so far and the generator it is handed, so that a study replayed
from its store gets the same proposals.
"""

from nas.samplers.matched import MatchedSampler
from nas.samplers.paired import PairedSampler
from nas.samplers.registry import SAMPLERS, make_sampler

__all__ = [
    "SAMPLERS",
    "MatchedSampler",
    "PairedSampler",
    "make_sampler",
]
