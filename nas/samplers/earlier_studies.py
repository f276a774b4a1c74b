"""Earlier studies: how samplers use the trainings that a study has borrowed from them.

Borrowed trainings are at the beginning of a history (`nas.study.borrowing`). They shorten the
stratified start, but not below four candidates of each space.
"""

from collections import Counter
from collections.abc import Sequence

from nas.feasible import Feasible
from nas.study import Trial, TrialState

FEWEST_STARTS = 4


def num_starts(usual: int, feasible: Feasible, borrowed: Sequence[Trial]) -> int:
    """Return the number of candidates to draw by strata before a sampler uses its history.

    It is `usual` for each space, minus the number of complete borrowed trainings of the space that
    has the fewest.
    """
    complete = Counter(t.architecture.space for t in borrowed if t.state is TrialState.COMPLETE)
    fewest = min(complete.values()) if len(complete) >= feasible.num_parts else 0
    return max(FEWEST_STARTS, usual - fewest) * feasible.num_parts


def fitting(feasible: Feasible, borrowed: Sequence[Trial]) -> list[Trial]:
    """Return the complete borrowed trainings of architectures within the budget."""
    return [
        trial
        for trial in borrowed
        if trial.state is TrialState.COMPLETE and feasible.admits(trial.architecture)
    ]
