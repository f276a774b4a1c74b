"""Kernel parameters, fitted to the finished trials in a background thread before they are needed.

They are fitted to the first trials, and again when there are 15 % more. The fit starts a few
results before its use, so that no proposal waits for it. The trials used depend only on which have
finished, never on durations, so that a replay uses the same ones.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from nas.samplers.history_prefix import begins_with
from nas.samplers.predictor.blas_threads import Ahead
from nas.samplers.predictor.features import Floats
from nas.study import Trial

_FIRST = 6
_GROWTH = 1.15
_HEAD_START = 16  # one further result in so many before the fit is used
_KEPT = 3

Settings: TypeAlias = Mapping[int, Floats]  # kernel parameters by goal


class Learner:
    """Fits settings to trials, once for each set of trials; `learn` runs in a background thread."""

    def __init__(self, learn: Callable[[Sequence[Trial]], Settings]) -> None:
        """Start without settings."""
        self._learn = learn
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nas-settings")
        self._known: list[tuple[Sequence[Trial], Ahead[Settings]]] = []

    def begin(self, trials: Sequence[Trial]) -> Ahead[Settings]:
        """Start to learn from `trials`, unless already started; return the future settings."""
        for known, found in self._known:
            if len(known) == len(trials) and begins_with(trials, known):
                return found
        found = Ahead(self._thread, lambda: self._learn(trials))
        self._known = [*self._known[1 - _KEPT :], (trials, found)]
        return found


def checkpoint(count: int) -> int:
    """Return the last number of trials, at most `count`, at which a fit is due."""
    at = _FIRST
    while (following := max(at + 1, int(at * _GROWTH))) <= count:
        at = following
    return at


def usable(count: int, settled: int) -> int:
    """Return from how many of the first of `count` finished trials the current settings are fitted.

    No result can come before the end of the first `settled` of them.
    """
    return checkpoint(min(_steady(count, settled), count - count // _HEAD_START))


def coming(count: int, settled: int) -> int:
    """Return the same for the settings that are used next, which may be the current ones."""
    return checkpoint(_steady(count, settled))


def _steady(count: int, settled: int) -> int:
    """Return the number of trials to learn from: all if a straggler holds up half of them."""
    return settled if 2 * settled >= count else count
