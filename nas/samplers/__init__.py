"""Samplers, which propose architectures within the budget. Only this package imports optuna.

A proposal depends only on the trials so far and on the random generator, so that a study replayed
from its store gets the same proposals.
"""

from nas.samplers.cost_matched import CostMatchedSampler
from nas.samplers.paired_variants import PairedVariantsSampler
from nas.samplers.registry import SAMPLERS, SamplerMaker, learns_from_others, make_sampler
