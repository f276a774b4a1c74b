"""Settings: what is fitted to the finished trials now and then, in a thread, before it is needed.

It is learnt from the first so many trials, and anew when there are 15 % more. By then a few more
results have come in, during which it was learnt: no proposal waits for it. Which trials these are
depends on which have finished, never on how long anything took, so that a replay sees the same.
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
_HEAD_START = 16  # one further result in so many before what was learnt from them is used
_KEPT = 3

Settings: TypeAlias = Mapping[int, Floats]  # kernel parameters by goal


class Learner:
    """Learns settings from trials, each time once; `learn` runs in a thread of its own."""

    def __init__(self, learn: Callable[[Sequence[Trial]], Settings]) -> None:
        """Know nothing yet."""
        self._learn = learn
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nas-settings")
        self._known: list[tuple[Sequence[Trial], Ahead[Settings]]] = []

    def begin(self, trials: Sequence[Trial]) -> Ahead[Settings]:
        """Begin to learn from `trials`, unless that was begun before; return what will be known."""
        for known, found in self._known:
            if len(known) == len(trials) and begins_with(trials, known):
                return found
        found = Ahead(self._thread, lambda: self._learn(trials))
        self._known = [*self._known[1 - _KEPT :], (trials, found)]
        return found


def checkpoint(count: int) -> int:
    """Return the last count, not above `count`, after which there is something new to learn."""
    at = _FIRST
    while (following := max(at + 1, int(at * _GROWTH))) <= count:
        at = following
    return at


def usable(count: int, settled: int) -> int:
    """Return from how many of the first of `count` finished trials the settings in use are learnt.

    `settled` of them, at the beginning, are those among which no later result will come.
    """
    return checkpoint(min(_steady(count, settled), count - count // _HEAD_START))


def coming(count: int, settled: int) -> int:
    """Return the same of the settings that are in use soon, which may be those of now."""
    return checkpoint(_steady(count, settled))


def _steady(count: int, settled: int) -> int:
    """Return how many may be learnt from: where a straggler holds up half of them, all."""
    return settled if 2 * settled >= count else count
