"""Refit schedule: the number of finished trials to which the kernel parameters are fitted.

They are fitted to the first six finished trials, and again whenever 15 % more have finished. The
number depends on the finished trials and not on time, so that a replay gives the same fits.
"""

_FIRST = 6
_GROWTH = 1.15


def fitted_count(finished: int, settled: int) -> int:
    """Return the number of `finished` trials, in order, to which the parameters are fitted.

    Only the first `settled` trials are used, among which no later result is inserted, unless a slow
    trial precedes more than half of the finished ones.
    """
    return _last_refit(settled if 2 * settled >= finished else finished)


def _last_refit(count: int) -> int:
    """Return the last count, not above `count`, at which the parameters are fitted."""
    at = _FIRST
    while (following := max(at + 1, int(at * _GROWTH))) <= count:
        at = following
    return at
