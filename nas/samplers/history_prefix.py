"""The history that a sampler has read before: whether a new history begins with it."""

from collections.abc import Sequence
from operator import is_

from nas.study import Trial


def begins_with(trials: Sequence[Trial], known: Sequence[Trial]) -> bool:
    """Tell whether `trials` begin with `known`: the same objects, for these never change."""
    return len(known) <= len(trials) and all(map(is_, known, trials))
