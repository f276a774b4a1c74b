"""Counting and sampling inside a budget: closed-form costs against fvcore, draws against rejection.

One core, igcv3 at its deployment; seconds are those of the processor, so that other work on the
machine does not count. Rejection draws uniformly from the whole space until the budget
holds; where that would take too long its rate is that of its draws times the feasible share, and
the table says so.

    OMP_NUM_THREADS=1 python benchmarks/bm_space.py
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from nas.cost.budget import admits, parse_budgets
from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace, OptionTable
from nas.feasible.drawing import Drawing
from nas.feasible.slack import Reduced
from nas.space.file import load_space
from nas.space.lowering import lower
from nas.training.network.fvcore_count import fvcore_cost as referee

ROOT = Path(__file__).parents[1]
CASES = (
    (["300M-flops"], (0.0, 1.0)),
    (["300M-flops"], (0.85, 1.0)),
    (["300M-flops"], (0.999, 1.0)),
    (["100M-flops"], (0.0, 1.0)),
    (["60M-flops"], (0.0, 1.0)),
    (["25M-flops"], (0.0, 1.0)),
    (["2M-params"], (0.0, 1.0)),
    (["300M-flops", "2M-params"], (0.0, 1.0)),
    (["300M-flops", "2M-params", "8M-acts"], (0.0, 1.0)),
)
SECONDS = 1.5  # that each rate is measured for, at least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    given = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    costs = CostModel(load_space("igcv3"))
    whole = FeasibleSpace(costs, ())
    document = {
        "space": "igcv3",
        "size": f"{whole.total:.4g}",
        "machine": machine(),
        "versions": {name: version(name) for name in ("numpy", "torch", "fvcore")}
        | {"python": platform.python_version()},
        "costing": costing(costs, whole),
        "budgets": [case(costs, whole, words, band) for words, band in CASES],
    }
    document["seconds"] = round(time.process_time() - began, 1)
    given.results.mkdir(parents=True, exist_ok=True)
    (given.results / "space.json").write_text(json.dumps(document, indent=1) + "\n")
    (given.results / "space.md").write_text(table(document))
    print(table(document))


def machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, 1 of {cores} cores, load {os.getloadavg()[0]:.1f} at the start"


def costing(costs: CostModel, whole: FeasibleSpace) -> dict:
    """Count the same architectures by closed form and by fvcore, and make sure that they agree."""
    rng = np.random.default_rng(0)
    members = whole.sample_many(rng, 20_000)
    begun = time.process_time()
    cold = [costs.cost(member) for member in members]
    first = len(members) / (time.process_time() - begun)
    begun = time.process_time()
    for member in members:
        costs.cost(member)
    again = len(members) / (time.process_time() - begun)
    options = OptionTable(costs)
    rows = Drawing(options, (), Reduced(options, ())).draw(rng, 200_000, 0, 0)
    begun = time.process_time()
    vectorised = len(options.total_costs(rows)) / (time.process_time() - begun)
    counted, begun = 0, time.process_time()
    while time.process_time() - begun < 4 * SECONDS:
        layers = lower(costs.space, members[counted], costs.adaptation.input, costs.classes)
        assert referee(layers) == cold[counted]
        counted += 1
    fvcore = counted / (time.process_time() - begun)
    return {"first_sight": first, "again": again, "vectorised": vectorised, "fvcore": fvcore,
            "compared": counted}  # fmt: skip


def case(
    costs: CostModel, whole: FeasibleSpace, words: list[str], band: tuple[float, float]
) -> dict:
    budget = parse_budgets(words)
    feasible = FeasibleSpace(costs, budget)
    seconds, (low, high) = timed(feasible.bounds)
    counting, count = timed(lambda: feasible.count(*band))
    rng = np.random.default_rng(0)
    start, _ = timed(lambda: feasible.sample(rng, *band))
    number = count.estimate or count.low
    return {
        "budget": words,
        "band": band,
        "bounds_seconds": seconds,
        "bounds_width": (high - low) / max(low, 1),
        "count_seconds": counting,
        "count": str(count.low) if count.exact else None,
        "estimate": count.estimate,
        "interval": count.interval,
        "share": number / whole.total,
        "first_seconds": start,
        "one_by_one": rate(lambda: [feasible.sample(rng, *band)]),
        "batch": rate(lambda: feasible.sample_many(rng, 5000, *band)),
        **rejected(feasible, whole, band, number / whole.total),
    }


def rejected(
    feasible: FeasibleSpace, whole: FeasibleSpace, band: tuple[float, float], share: float
) -> dict:
    """Return how fast draws from the whole space meet the budget; by their share where rarely."""
    rng = np.random.default_rng(1)
    drawn = hits = 0
    begun = time.process_time()
    while time.process_time() - begun < SECONDS:
        members = whole.sample_many(rng, 2000)
        drawn += len(members)
        for member in members:
            cost = feasible.cost(member)
            used = feasible.used(cost)
            hits += admits(feasible.budget, cost) and band[0] <= used <= band[1]
    seconds = time.process_time() - begun
    measured = hits >= 20
    return {"rejection": hits / seconds if measured else drawn / seconds * share,
            "rejection_measured": measured}  # fmt: skip


def rate(draw) -> float:
    """Return the architectures that `draw` gives a second."""
    number, begun = 0, time.process_time()
    while time.process_time() - begun < SECONDS:
        number += len(draw())
    return number / (time.process_time() - begun)


def timed(work):
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def table(document: dict) -> str:
    """Return the result as Markdown."""
    costing = document["costing"]
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    lines = [
        "# Counting and sampling inside a budget",
        "",
        f"{document['space']}, {document['size']} distinct architectures; {document['machine']}; "
        f"{versions}; seconds of processor time on one core, {document['seconds']} s in all",
        "",
        "## Architectures costed a second",
        "",
        "| how | a second | times fvcore |",
        "|---|---|---|",
    ]
    for key, name in (
        ("vectorised", "closed form, many at once, from the tables of options"),
        ("again", "closed form, one by one, blocks met before"),
        ("first_sight", "closed form, one by one, blocks met for the first time"),
        ("fvcore", f"fvcore, on {costing['compared']} of the same, every number equal"),
    ):
        lines.append(f"| {name} | {costing[key]:,.3g} | {costing[key] / costing['fvcore']:,.3g} |")
    lines += [
        "",
        "## Feasible architectures",
        "",
        "Bounds hold for certain; an estimate is given with its 95 % interval.",
        "",
        "| budget | band | feasible | of the space | counted in | bounds, width | in |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in document["budgets"]:
        lines.append(
            f"| {' '.join(row['budget'])} | {span(row)} | {number(row)} | {row['share']:.2g} "
            f"| {row['count_seconds']:.1f} s | {100 * row['bounds_width']:.2g} % "
            f"| {row['bounds_seconds']:.1f} s |"
        )
    lines += [
        "",
        "## Uniform draws a second",
        "",
        "Rejection marked ~ met the budget too rarely to be measured: its draws a second times the "
        "feasible share.",
        "",
        "| budget | band | the first after | one by one | 5000 at once | rejection |",
        "|---|---|---|---|---|---|",
    ]
    for row in document["budgets"]:
        mark = "" if row["rejection_measured"] else "~"
        lines.append(
            f"| {' '.join(row['budget'])} | {span(row)} | {row['first_seconds']:.2f} s "
            f"| {row['one_by_one']:,.0f} | {row['batch']:,.0f} | {mark}{row['rejection']:,.2g} |"
        )
    return "\n".join(lines) + "\n"


def span(row: dict) -> str:
    low, high = row["band"]
    return "all" if (low, high) == (0, 1) else f"{100 * low:g}–{100 * high:g} %"


def number(row: dict) -> str:
    if row["count"]:
        return f"{int(row['count']):,}"
    low, high = row["interval"]
    return f"{row['estimate']:.4g} ({low:.4g} to {high:.4g})"


if __name__ == "__main__":
    main()
