"""Crossing: a network with some stages of another."""

import numpy as np

from nas.space import Architecture


def crossed(one: Architecture, other: Architecture, rng: np.random.Generator) -> Architecture:
    """Return `one` with every other stage, by chance, that of `other`; both of the same space."""
    swap = rng.random(len(one.stages)) < 0.5
    stages = zip(one.stages, other.stages, swap, strict=True)
    mixed = tuple(theirs if taken else ours for ours, theirs, taken in stages)
    return Architecture(one.space, one.keys, mixed)
