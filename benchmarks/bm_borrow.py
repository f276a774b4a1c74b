"""Borrowed history: a search under one ceiling that learns from a search under another.

On a table of trained networks, for every two of three ceilings on the cost (quantiles of the table)
and every seed: a search of 100 trainings under one, and then a search under the other that sees the
trainings of the first, against the same search without them. The earlier search has another seed,
so that a network that both train has two independent trainings. No result is reused: each network
of the later search counts as a new training.

    python benchmarks/bm_borrow.py TABLE.csv.gz [--seeds 30] [--jobs 1] [--md FILE]
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import permutations
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np

from nas.prove.runs import Bench, Entry, Setting
from nas.prove.scores import RunScore
from nas.prove.simulate import Cluster
from nas.prove.table import Table
from nas.samplers import make_sampler
from nas.stats import bootstrap, mean
from nas.study import Ladder, Trial, borrow

QUANTILES = (0.25, 0.5, 0.75)
TRAININGS = (5, 10, 20, 50, 100)
SAMPLER = "predictor"
Run = tuple[list[RunScore], list[Trial], list[float]]


@cache
def bench(path: Path, quantile: float) -> Bench:
    table = Table.read(path)
    cap = (table.quantile(quantile),)
    front = (cap[0].cost,)
    return Bench(Setting(path, None, cap, front, TRAININGS, 1, None, 3), table)


def search(path: Path, quantile: float, seed: int, found: Sequence[tuple[str, Trial]] = ()) -> Run:
    """Return scores, trials and proposal times of one search that sees the trials `found`."""
    on = bench(path, quantile)
    goals = on.goals(Entry(SAMPLER, single=False))
    borrowed, _ = borrow(found, Ladder((1,), 2), goals, on.space)
    sampler = make_sampler(SAMPLER, on.space, goals)
    cluster = Cluster(on.space, sampler, seed, 1, max(TRAININGS), borrowed=borrowed)
    ends = enumerate(cluster.run(), start=1)
    scores = [on.judge.score(cluster, done) for done, _ in ends if done in TRAININGS]
    return scores, cluster.trials, cluster.asks


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--md", type=Path)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.jobs) as pool:
        fresh = made(pool, given, {cap: {} for cap in QUANTILES})
        earlier = {
            (source, cap): {
                seed: [("earlier", t) for t in fresh[source][(seed + 1) % given.seeds][1]]
                for seed in range(given.seeds)
            }
            for source, cap in permutations(QUANTILES, 2)
        }
        learnt = made(pool, given, earlier)
    text = document(given.table, fresh, learnt)
    print(text)
    if given.md:
        given.md.write_text(text, encoding="utf-8")


def made(pool, given, settings):  # type: ignore[no-untyped-def]
    """Return the runs by setting and seed; a setting ends with the quantile of its ceiling."""
    waiting = {
        (setting, seed): pool.submit(
            search, given.table, np.atleast_1d(setting)[-1], seed, found.get(seed, ())
        )
        for setting, found in settings.items()
        for seed in range(given.seeds)
    }
    runs = {setting: {} for setting in settings}  # type: ignore[var-annotated]
    for (setting, seed), run in waiting.items():
        runs[setting][seed] = run.result()
    return runs


def document(path, fresh, learnt):  # type: ignore[no-untyped-def]
    caps = {q: bench(path, q).table.shown(bench(path, q).setting.budget[0]) for q in QUANTILES}
    seeds = len(fresh[QUANTILES[0]])
    lines = [
        "**Regret (points of accuracy), median over the seeds: learnt | fresh | share**", "",
        "| learnt under | searched under | " + " | ".join(f"@{n}" for n in TRAININGS) + " |",
        "|---" * (2 + len(TRAININGS)) + "|",
    ]  # fmt: skip
    for (source, cap), runs in learnt.items():
        cells = [cell(runs, fresh[cap], at) for at in range(len(TRAININGS))]
        lines.append(f"| {caps[source]} | {caps[cap]} | " + " | ".join(cells) + " |")
    pooled = [pooled_cell(learnt, fresh, at) for at in range(len(TRAININGS))]
    lines += [f"| all | all | {' | '.join(pooled)} |", ""]
    for name, unit in (("regret", "points of accuracy"), ("volume", "share of the hypervolume")):
        lines += [
            f"**Gain in {name} ({unit}) of the searches that learn, mean with 95 % interval over "
            f"{seeds} pairs**", "",
            "| learnt under | searched under | " + " | ".join(f"@{n}" for n in TRAININGS) + " |",
            "|---" * (2 + len(TRAININGS)) + "|",
        ]  # fmt: skip
        for (source, cap), runs in learnt.items():
            cells = [gain(runs, fresh[cap], at, name) for at in range(len(TRAININGS))]
            lines.append(f"| {caps[source]} | {caps[cap]} | " + " | ".join(cells) + " |")
        lines.append("")
    asks = [[1e3 * t for group in several.values() for run in group.values() for t in run[2]]
            for several in (fresh, learnt)]  # fmt: skip
    lines.append(
        f"Median time of a proposal: {np.median(asks[0]):.0f} ms fresh, "
        f"{np.median(asks[1]):.0f} ms with borrowed trainings."
    )
    return "\n".join(lines) + "\n"


def values(runs, at: int, name: str = "regret") -> np.ndarray:  # type: ignore[no-untyped-def, type-arg]
    return np.array([getattr(runs[seed][0][at], name) for seed in sorted(runs)])


def cell(runs, others, at: int) -> str:  # type: ignore[no-untyped-def]
    own, other = np.median(values(runs, at)), np.median(values(others, at))
    return f"{own:.3f} | {other:.3f} | {own / other:.0%}".replace(" | ", " / ")


def pooled_cell(learnt, fresh, at: int) -> str:  # type: ignore[no-untyped-def]
    own = np.median(np.concatenate([values(runs, at) for runs in learnt.values()]))
    other = np.median(np.concatenate([values(fresh[cap], at) for _, cap in learnt]))
    return f"{own:.3f} / {other:.3f} / {own / other:.0%}"


def gain(runs, others, at: int, name: str) -> str:  # type: ignore[no-untyped-def]
    sign = -1 if name == "regret" else 1
    gains = sign * (values(runs, at, name) - values(others, at, name))
    found = bootstrap(gains, mean, np.random.default_rng(0))
    return f"{np.mean(gains):+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


if __name__ == "__main__":
    main()
