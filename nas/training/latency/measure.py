"""Measure the latency of whole networks, and of the units of a table.

Runs of different networks are interleaved, so that changes of the machine's speed affect all of
them. Medians are used, because an interrupted run is an outlier. A runtime that computes only in
the calling thread is timed by the CPU time of this thread, which excludes other programs: on an
idle machine it equals the wall clock.
"""

import time
from collections.abc import Callable, Sequence
from statistics import mean

from nas.cost import Timing
from nas.space import Layer
from nas.training.latency.pieces import Piece, side_by_side
from nas.training.latency.runtime import Run, Runtime

_WARM_UP = 3
_AT_LEAST, _AT_MOST = 15, 200
_SECONDS = 2.0
_SECONDS_TOGETHER = 20.0
_FEWEST_ROUNDS = 5
_SLOW = 50_000_000  # ns; longer runs gain nothing from warm caches
_AT_ONCE = 16
_PROFILED = 12

Progress = Callable[[float], None]


def ignore_progress(share: float) -> None:
    """Ignore the progress."""


def measure_network(runtime: Runtime, layers: Sequence[Layer]) -> Timing:
    """Return the latency of one network: 15 to 200 runs in two seconds, after a warm-up."""
    run = runtime.load(layers)
    for _ in range(_WARM_UP):
        run()
    spent: list[int] = []
    end = time.monotonic() + _SECONDS
    while len(spent) < _AT_LEAST or (len(spent) < _AT_MOST and time.monotonic() < end):
        spent.append(_timed(runtime, run))
    return Timing.of(spent)


def measure_networks(
    runtime: Runtime, networks: Sequence[Sequence[Layer]], rounds: int = 15
) -> list[Timing]:
    """Return the latencies of several networks, one run of each per round.

    After 20 seconds no further round starts, unless there were fewer than five.
    """
    loaded = [runtime.load(layers) for layers in networks]
    spent: list[list[int]] = [[] for _ in loaded]
    end = time.monotonic() + _SECONDS_TOGETHER
    for turn in range(rounds):
        if turn >= _FEWEST_ROUNDS and time.monotonic() > end:
            break
        for run, own in zip(loaded, spent, strict=True):
            if not own or min(own) < _SLOW:
                run()  # loads the network into the caches, as if it ran alone
            own.append(_timed(runtime, run))
    return [Timing.of(own) for own in spent]


def measure_units(
    runtime: Runtime, pieces: Sequence[Piece], progress: Progress = ignore_progress
) -> dict[str, float]:
    """Return the nanoseconds of every unit in `pieces`, by key: a trimmed mean over the pieces.

    `progress` is called with the finished share. Several pieces are timed alternately, so that, as
    in a whole network, weights are not always in the nearest cache.
    """
    found: dict[str, list[float]] = {}
    for start in range(0, len(pieces), _AT_ONCE):
        layers, timed = side_by_side(pieces[start : start + _AT_ONCE])
        profiles = runtime.profile(layers, _PROFILED)
        for unit in timed:
            runs = [sum(profile.get(name, 0.0) for name in unit.names) for profile in profiles]
            found.setdefault(unit.key, []).append(_middle(runs))
        progress(min(1.0, (start + _AT_ONCE) / len(pieces)))
    return {key: _middle(each) for key, each in found.items()}


def _middle(values: Sequence[float]) -> float:
    """Return the mean of the middle half; medians of times in whole microseconds are too coarse."""
    ordered = sorted(values)
    outer = len(ordered) // 4
    return mean(ordered[outer : len(ordered) - outer])


def _timed(runtime: Runtime, run: Run) -> int:
    alone = runtime.device.kind == "cpu" and runtime.device.threads == 1
    clock = time.thread_time_ns if alone else time.perf_counter_ns
    start = clock()
    run()
    return clock() - start
