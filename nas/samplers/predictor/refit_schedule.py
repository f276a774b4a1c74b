"""Refit schedule: to how many of the finished trials the kernel parameters are fitted.

They are fitted to the first six finished trials, and again whenever 15 % more have finished. The
number depends on which trials have finished, never on time, so that a replay fits the same.
"""

_FIRST = 6
_GROWTH = 1.15


def fitted_count(finished: int, settled: int) -> int:
    """Return to how many of the `finished` trials, in order, the parameters are fitted.

    No later result comes among the first `settled` trials: only these are used, unless a slow trial
    holds back more than half of them.
    """
    return _last_refit(settled if 2 * settled >= finished else finished)


def _last_refit(count: int) -> int:
    """Return the last count, not above `count`, at which the parameters are fitted."""
    at = _FIRST
    while (following := max(at + 1, int(at * _GROWTH))) <= count:
        at = following
    return at
