"""A check whether a history begins with a history that a sampler has already read."""

from collections.abc import Sequence
from operator import is_

from nas.study import Trial


def begins_with(trials: Sequence[Trial], known: Sequence[Trial]) -> bool:
    """Tell whether `trials` begin with the objects in `known`; finished trials do not change."""
    return len(known) <= len(trials) and all(map(is_, known, trials))
