"""The time of a sampler for one proposal after n finished trials, in the space igcv3.

The baseline is evolution in the same run. The first proposal of a process, which encodes the whole
history and fits the kernel, is timed apart from the others, which dominate in a study.

    python benchmarks/bm_samplers.py
"""

import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from nas.cost.budget import parse_budgets
from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace
from nas.samplers import make_sampler
from nas.space.file import load_space
from nas.study.objectives import objective
from nas.study.trial import Measurement, Trial, TrialState

SIZES = (100, 1_000, 10_000)
ASKS = 15
RESULTS = Path(__file__).parent / "results" / "samplers.md"
GOALS = (objective("top1_error"), objective("madds"))


def main() -> None:
    costs = CostModel(load_space("igcv3"))
    feasible = FeasibleSpace(costs, parse_budgets(["300M-flops"]))
    drawn = feasible.sample_many(np.random.default_rng(0), max(SIZES) + 2 * ASKS)
    trials = [finished(number, a, costs) for number, a in enumerate(dict.fromkeys(drawn))]
    rows = []
    for size in SIZES:
        base = np.median(timed("evolution", feasible, trials, size)[1])
        for name in ("evolution", "predictor"):
            first, asks = timed(name, feasible, trials, size)
            median, worst = np.median(asks), np.max(asks)
            rows.append((size, name, first, median, worst, median / base))
            print(
                f"{size:6} {name:10} first {first:7.1f}, then {median:6.1f}, most {worst:6.1f} ms"
            )
    RESULTS.write_text(table(rows))


def timed(name, feasible, trials, size):  # type: ignore[no-untyped-def]
    """Return milliseconds of the first proposal and of the following, a trial ending between."""
    sampler = make_sampler(name, feasible, GOALS)
    asks = []
    for step in range(ASKS + 1):
        history, rng = trials[: size + step], np.random.default_rng([0, step])
        began = time.perf_counter()
        sampler.propose(history, len(history), rng)
        asks.append(1e3 * (time.perf_counter() - began))
    return asks[0], asks[1:]


def finished(number: int, architecture, costs: CostModel) -> Trial:  # type: ignore[no-untyped-def]
    cost = costs.cost(architecture)
    rng = np.random.default_rng([1, number])
    error = min(1.0, 0.9 * (cost.madds / 1e7) ** -0.3 * float(np.exp(0.05 * rng.standard_normal())))
    last = Measurement(8, 2, {"top1_error": error, "loss": 3 * error}, 1.0, 10.0)
    return Trial(number, architecture, cost, TrialState.COMPLETE, number, measurements=(last,))


def table(rows) -> str:  # type: ignore[no-untyped-def]
    head = [
        "# How long a sampler thinks",
        "",
        f"space igcv3, 300M-flops, objectives top1_error and madds; {platform.machine()}, "
        f"Python {platform.python_version()}, numpy {version('numpy')}, scipy {version('scipy')}; "
        f"median and most of {ASKS} proposals after the first, a trial ending between two",
        "",
        "| finished trials | sampler | first (ms) | following (ms) | most (ms) | to evolution |",
        "|---|---|---|---|---|---|",
    ]
    body = [
        f"| {size:,} | {name} | {first:.0f} | {median:.1f} | {worst:.1f} | {ratio:.2f} |"
        for size, name, first, median, worst, ratio in rows
    ]
    return "\n".join([*head, *body]) + "\n"


if __name__ == "__main__":
    main()
