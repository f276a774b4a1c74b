"""Predicted against measured latency: the lookup table, and multiply-adds or parameters alone.

For each space and runtime a table is measured as a search does, then networks that the table has
never seen, of all sizes, are measured as a whole, runs interleaved. The baselines are straight
lines (a factor and a fixed time, least squared relative error) through the madds, or the
parameters, and the times of every other of these networks. All three are judged on the rest: the
relative error of the prediction, and its rank correlation with the measurement. Batch 1, float32,
batch normalisations folded, one thread, timed by the thread's own clock (on a GPU: on the wall).

    OMP_NUM_THREADS=1 python benchmarks/bm_latency.py            # writes results/latency.md, .csv
    OMP_NUM_THREADS=1 python benchmarks/bm_latency.py --quick    # small, only prints
    python benchmarks/bm_latency.py --device cuda --runtimes torch --name latency_cuda
"""

import argparse
import csv
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from nas.cost.model import CostModel, total_cost
from nas.space.file import load_space, parse_input
from nas.training.latency.measure import measure_networks
from nas.training.latency.runtimes import Runtime, open_runtime
from nas.training.latency.tabulate import (
    Accuracy,
    Floats,
    accuracy,
    measure_table,
    sample_networks,
    scale,
)

RESULTS = Path(__file__).parent / "results"
HEAD = (
    "space", "runtime", "predicted by", "median error", "95 %", "worst", "rank correlation",
)  # fmt: skip


@dataclass
class Case:
    """What one space gave on one runtime: times in nanoseconds, counts, and three predictions."""

    space: str
    runtime: Runtime
    units: int
    seconds: float
    columns: dict[str, Floats]
    found: dict[str, Accuracy]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spaces", default="igcv3,mobilenetv2")
    parser.add_argument("--runtimes", default="onnxruntime,torch")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--networks", type=int, default=48)
    parser.add_argument("--input", help="default: that of each space")
    parser.add_argument("--name", default="latency")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="mobilenetv1 at 3x32x32, 8 networks")
    given = parser.parse_args()
    if given.quick:
        given.spaces, given.input, given.networks = "mobilenetv1", "3x32x32", 8
    torch.set_num_threads(given.threads)
    cases = []
    for runtime in given.runtimes.split(","):
        opened = open_runtime(given.device, runtime, given.threads)
        for space in given.spaces.split(","):
            cases.append(measured(space, opened, given.input, given.networks))
            print("\n".join(row_text(row) for row in rows(cases[-1])), flush=True)
    text = document(cases, given.networks, given.input)
    if given.quick:
        print(text)
        return
    given.results.mkdir(parents=True, exist_ok=True)
    (given.results / f"{given.name}.md").write_text(text, encoding="utf-8")
    with (given.results / f"{given.name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("space", "runtime", *cases[0].columns))
        for case in cases:
            each = zip(
                *(column.astype(int).tolist() for column in case.columns.values()), strict=True
            )
            writer.writerows((case.space, case.runtime.device.runtime, *values) for values in each)


def measured(name: str, runtime: Runtime, side: str | None, networks: int) -> Case:
    costs = CostModel(load_space(name), parse_input(side) if side else None)
    began = time.monotonic()
    table = measure_table(costs, runtime)
    seconds = time.monotonic() - began
    drawn = [layers for layers, _ in sample_networks(costs, networks, np.random.default_rng(1))]
    timings = measure_networks(runtime, drawn)
    counts = [total_cost(layers) for layers in drawn]
    took = np.array([timing.median for timing in timings], float)
    madds = np.array([cost.madds for cost in counts], float)
    params = np.array([cost.params for cost in counts], float)
    fits = np.arange(len(drawn)) % 2 == 0
    predicted = {
        "the table": np.array([table.fixed + table.latency(layers) for layers in drawn], float),
        "madds alone": line(madds, took, fits),
        "params alone": line(params, took, fits),
    }
    columns = {
        "madds": madds, "params": params, "median_ns": took,
        "low_ns": np.array([timing.low for timing in timings], float),
        "high_ns": np.array([timing.high for timing in timings], float),
        "table_ns": predicted["the table"], "by_madds_ns": predicted["madds alone"],
        "by_params_ns": predicted["params alone"], "held_out": (~fits).astype(float),
    }  # fmt: skip
    found = {
        what: accuracy(values[~fits], took[~fits], madds[~fits])
        for what, values in predicted.items()
    }
    return Case(name, runtime, len(table.units), seconds, columns, found)


def line(counts: Floats, took: Floats, fits: Floats) -> Floats:
    """Return the times by counts alone, fitted where `fits`."""
    factor, fixed = scale(counts[fits], took[fits])
    return factor * counts + fixed


def rows(case: Case) -> Iterator[tuple[str, ...]]:
    for what, found in case.found.items():
        errors = (f"{100 * error:.1f} %" for error in (found.median, found.p95, found.worst))
        device = case.runtime.device
        yield case.space, device.runtime, what, *errors, f"{found.rank:.3f}"


def row_text(row: tuple[str, ...]) -> str:
    return f"| {' | '.join(row)} |"


def document(cases: list[Case], networks: int, side: str | None) -> str:
    device = cases[0].runtime.device
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime", "numpy"))
    threads = f"{device.threads} thread{'s' if device.threads > 1 else ''}"
    lines = [
        "# Latency: predicted against measured",
        "",
        f"{device.name}, {device.kind}, {threads}; input {side or 'of each space'}, batch 1, "
        f"float32; Python {platform.python_version()}, {versions}",
        "",
        f"Errors are relative, of {networks // 2} networks of all sizes that no prediction had "
        "seen; madds and params are straight lines through as many others. See bm_latency.py.",
        "",
        row_text(HEAD),
        "|" + "---|" * len(HEAD),
        *(row_text(row) for case in cases for row in rows(case)),
        "",
        "| space | runtime | units in the table | time to measure it | spread of a network |",
        "|---|---|---|---|---|",
        *(row_text(effort(case)) for case in cases),
        "",
        "The spread is the distance of the quartiles of a network's runs, as a share of their "
        "median; the median over the networks. No prediction can be better than that.",
    ]
    return "\n".join(lines) + "\n"


def effort(case: Case) -> tuple[str, ...]:
    columns = case.columns
    spread = np.median((columns["high_ns"] - columns["low_ns"]) / columns["median_ns"])
    return (
        case.space, case.runtime.device.runtime, f"{case.units:,}", f"{case.seconds:.0f} s",
        f"{100 * spread:.1f} %",
    )  # fmt: skip


if __name__ == "__main__":
    main()
