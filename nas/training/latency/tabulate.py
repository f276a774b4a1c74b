"""The latency table of a space: time its units, then check its predictions on whole networks.

The sum over the units is not the time of a network, which has colder caches and a fixed time per
run. Half of a sample of whole networks determines a factor and a fixed time that correct for this;
the other half measures the error of the prediction.
"""

import numpy as np
from numpy.typing import NDArray

from nas.cost import Accuracy, Constraint, CostModel, LatencyTable, latency_units, round_to
from nas.feasible import feasible_space
from nas.space import Layer
from nas.training.latency.measure import Progress, ignore_progress, measure_networks, measure_units
from nas.training.latency.pieces import covering_pieces
from nas.training.latency.runtime import Runtime

_QUANTA = ((50_000_000, 100), (500_000_000, 1_000))  # ns; coarse enough for exact counting
_COARSEST = 10_000
_BANDS = 6

Floats = NDArray[np.float64]


def measure_table(
    costs: CostModel,
    runtime: Runtime,
    networks: int = 24,
    seed: int = 0,
    progress: Progress = ignore_progress,
) -> LatencyTable:
    """Return the latency table of the space of `costs`, measured with `runtime`.

    `networks`, 4 or more, is the number of networks that are timed as a whole: every other one
    determines the scale, the others measure the error. `progress` is called with the finished
    share.
    """
    rng = np.random.default_rng(seed)
    pieces = covering_pieces(costs, rng)
    raw = measure_units(runtime, pieces, lambda share: progress(0.8 * share))
    drawn = sample_networks(costs, networks, rng)
    measured = np.array([t.median for t in measure_networks(runtime, [n for n, _ in drawn])], float)
    progress(1.0)
    summed = np.array([sum(raw[unit.key] for unit in latency_units(layers)) for layers, _ in drawn])
    fits = np.arange(len(drawn)) % 2 == 0
    factor, fixed = scale(summed[fits], measured[fits])
    slowest = float(measured.max())
    quantum = next((unit for limit, unit in _QUANTA if slowest < limit), _COARSEST)
    rounded = {key: round_to(factor * spent, quantum) for key, spent in sorted(raw.items())}
    exact = round_to(fixed, quantum)
    predicted = np.array(
        [exact + sum(rounded[unit.key] for unit in latency_units(layers)) for layers, _ in drawn],
        float,
    )
    madds = np.array([count for _, count in drawn], float)
    return LatencyTable(
        space=costs.space.name,
        input=str(costs.input_shape),
        classes=costs.classes or 0,
        device=runtime.device,
        quantum=quantum,
        fixed=exact,
        units=rounded,
        strides=costs.adaptation.text,
        accuracy=accuracy(predicted[~fits], measured[~fits], madds[~fits]),
    )


def sample_networks(
    costs: CostModel, count: int, rng: np.random.Generator
) -> list[tuple[list[Layer], int]]:
    """Return up to `count` networks with their madds, evenly spread over the log of the madds."""
    space = feasible_space(costs, ())
    most = space.largest("madds")
    least = costs.cost(space.smallest("madds")).madds
    space = feasible_space(costs, (Constraint("madds", most),))
    edges = np.geomspace(max(least / most, 1e-4), 1.0, _BANDS + 1)
    drawn: list[tuple[list[Layer], int]] = []
    for turn in range(4 * count):
        band = turn % _BANDS
        member = space.sample(rng, float(edges[band]), float(edges[band + 1]))
        if member is not None and len(drawn) < count:
            drawn.append((costs.layers(member), costs.cost(member).madds))
    order = rng.permutation(len(drawn))
    return [drawn[index] for index in order]


def scale(summed: Floats, measured: Floats) -> tuple[float, float]:
    """Return the factor and the fixed time, both non-negative, of least squared relative error."""
    both = np.stack([summed / measured, 1 / measured], axis=1)
    factor, fixed = np.linalg.lstsq(both, np.ones(len(both)), rcond=None)[0].tolist()
    if fixed >= 0 and factor > 0:
        return factor, fixed
    alone = summed / measured  # the best fit without a fixed time
    return float(alone.sum() / (alone**2).sum()), 0.0


def accuracy(predicted: Floats, measured: Floats, madds: Floats) -> Accuracy:
    """Return the errors of `predicted` against `measured`, both in nanoseconds."""
    errors = np.abs(predicted - measured) / measured
    return Accuracy(
        n=len(errors),
        median=float(np.median(errors)),
        p95=float(np.quantile(errors, 0.95)),
        worst=float(errors.max()),
        rank=rank_correlation(predicted, measured),
        madds_rank=rank_correlation(madds, measured),
    )


def rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's rank correlation, 0 for constant values; ties share a rank."""
    from scipy.stats import spearmanr  # takes time to load; used only here

    if min(np.ptp(one), np.ptp(other)) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)
