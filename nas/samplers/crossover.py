"""Crossover of two networks, stage by stage."""

import numpy as np

from nas.space import Architecture


def crossed(one: Architecture, other: Architecture, rng: np.random.Generator) -> Architecture:
    """Return `one` with random stages replaced by those of `other`, of the same space."""
    swap = rng.random(len(one.stages)) < 0.5
    stages = zip(one.stages, other.stages, swap, strict=True)
    mixed = tuple(theirs if taken else ours for ours, theirs, taken in stages)
    return Architecture(one.space, one.keys, mixed)
