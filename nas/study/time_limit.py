"""TimeLimit: the remaining time of a search, over all runs of its study."""

import time
from collections.abc import Callable, Sequence

from nas.study.spec import StudySpec
from nas.study.trial import Trial


class TimeLimit:
    """A clock that runs while a study searches, and continues where an earlier run stopped.

    The clock starts when the first trial is requested, so that starting the workers does not count.
    """

    def __init__(
        self, limit: float | None, trials: Sequence[Trial], clock: Callable[[], float] | None = None
    ) -> None:
        """Allow `limit` seconds minus the time that `trials` have taken; None for no limit.

        `clock` returns seconds since any fixed time.
        """
        self._limit = limit
        self._before = 0.0 if limit is None else searched_for(trials)
        self._clock = clock or time.monotonic
        self._began: float | None = None

    def start(self) -> None:
        """Start the clock, if it is not running."""
        if self._began is None:
            self._began = self._clock()

    def close(self) -> None:
        """Set the remaining time to 0, if there is a limit."""
        self._before = self._limit or 0.0

    @property
    def left(self) -> float | None:
        """The remaining seconds, at least 0; None without a limit."""
        if self._limit is None:
            return None
        now = 0.0 if self._began is None else self._clock() - self._began
        return max(0.0, self._limit - self._before - now)

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return self.left == 0.0


def searched_for(trials: Sequence[Trial]) -> float:
    """Return the seconds during which at least one finished trial of `trials` was in training.

    Reused results and further seeds do not count as search time.
    """
    spans = [
        (trial.finished_at.timestamp() - trial.seconds, trial.finished_at.timestamp())
        for trial in trials
        if trial.finished_at and trial.seconds and not trial.origin and trial.replicate_of is None
    ]
    total, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def time_was_up(spec: StudySpec, trials: Sequence[Trial]) -> bool:
    """Tell whether an earlier run used up the time for the search of `trials`.

    It did if fewer candidates than planned were started, and none is unfinished or further seeds
    have begun.
    """
    if not spec.time_limit or not trials:
        return False
    confirming = any(trial.replicate_of is not None for trial in trials)
    ended = confirming or all(trial.state.finished for trial in trials)
    return ended and sum(trial.candidate for trial in trials) < spec.num_trials


def search_time_left(spec: StudySpec, candidates: int, took: float) -> float | None:
    """Return an estimate of the remaining seconds of a search; None before a candidate ended.

    It follows from the pace so far, `candidates` that ended in `took` seconds, and the time limit.
    """
    if not candidates:
        return None
    took = max(0.0, took)  # a difference of two clocks may be negative
    left = spec.time_limit and max(0.0, spec.time_limit - took)
    if spec.counted:
        ahead = max(0, spec.num_trials - candidates) * took / candidates
        return ahead if left is None else min(left, ahead)
    return left
