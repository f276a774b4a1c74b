"""Do inherited weights rank networks better than a short training from scratch at equal cost?

This is the test that decides whether weight sharing is worth building. The networks are those of
the band of `bm_rungs.py`, whose size does not rank them. Each has a parent, one mutation away and
within the same budget, which is trained in full. The network starts from the parent's weights
(`inherit.py`) and trains one or two epochs, with a schedule that ends there. It is compared with
networks that train one or two epochs from random weights. Early results of all are compared with
the full training from random weights by rank correlation, with 95 % bootstrap intervals over the
networks; differences are paired. The training of the parent is not charged: a study would have
trained it anyway.

The recipe is the default one, fitted to each schedule. The options are those of `bm_rungs.py`;
each run is a line in the working folder, and an interrupted
run continues.

    python benchmarks/bm_inheritance.py --networks 14 --minutes 60
"""

import json
import time
from dataclasses import replace

import numpy as np
from bm_rungs import Setup, arguments, lines_of
from inherit import inherit
from rank_correlation import Judge

from nas.space.architecture import Architecture
from nas.space.lowering import lower
from nas.training.loop.devices import describe_devices, prepare_worker
from nas.training.loop.fitting import fitted
from nas.training.loop.recipe import Recipe, load_recipe
from nas.training.loop.session import Session
from nas.training.network.module import Network

SHORT = (1, 2)  # epochs
BASELINE = "scratch, 2 epochs"
RECALIBRATED = 8  # batches that recompute the batch-norm statistics before validation
PARENT_SEEDS = 1000  # the parent of seed s is trained with this plus s


def main() -> None:
    given = arguments()
    prepare_worker(1)
    setup = Setup(given)
    file = setup.file.with_name(f"inheritance-{setup.file.name}")
    began = time.monotonic()
    rows = lines_of(file)
    done = {(row["index"], row["seed"]) for row in rows}
    jobs = [(index, seed) for index in range(given.networks) for seed in range(given.seeds)]
    for index, seed in (job for job in jobs if job not in done):
        if given.minutes is not None and time.monotonic() - began > 60 * given.minutes:
            break
        rows.append(row := compared(setup, index, seed))
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as opened:
            opened.write(json.dumps(row) + "\n")
        print(f"{index} seed {seed}: {row['seconds']:.0f} CPU s", flush=True)
    place = given.results / "inheritance.md"
    place.write_text(report(setup, rows))
    print(place.read_text())


def compared(setup: Setup, index: int, seed: int) -> dict:
    """Train one network in full, briefly from random weights, and briefly from its parent's."""
    began = time.process_time()
    network = setup.networks[index]
    parent = parent_of(setup, index)
    epochs = setup.rungs[-1]
    found = {"truth": trained(setup, network, epochs, seed)[0]}
    for short in SHORT:
        found[f"scratch, {short} epochs"] = trained(setup, network, short, seed)[0]
    found["the parent, in full"], source = trained(setup, parent, epochs, PARENT_SEEDS + seed)
    share = 0.0
    for short in (0, *SHORT):
        session = started(setup, network, max(short, 1), seed)
        share = inherit(session.network, source)
        found[f"inherited, {short} epochs"] = finished(setup, session, short)
    return {"index": index, "seed": seed, "network": network.text, "parent": parent.text,
            "inherited": share, "seconds": time.process_time() - began, **found}  # fmt: skip


def parent_of(setup: Setup, index: int) -> Architecture:
    """Return a network one mutation from the network, in the same band."""
    feasible = setup.feasible
    rng = np.random.default_rng([index, 0x9A7])
    while True:
        found = feasible.mutate(setup.networks[index], rng)
        if feasible.admits(found) and feasible.used(feasible.cost(found)) >= setup.given.band:
            return found


def trained(
    setup: Setup, network: Architecture, epochs: int, seed: int
) -> tuple[dict[str, float], Network]:
    session = started(setup, network, epochs, seed)
    return finished(setup, session, epochs), session.network


def started(setup: Setup, network: Architecture, epochs: int, seed: int) -> Session:
    layers = lower(setup.space, network, setup.task.input, setup.task.classes)
    return Session(layers, setup.task, recipe_for(setup, epochs), epochs, seed, setup.given.device)


def recipe_for(setup: Setup, epochs: int) -> Recipe:
    """Return the default recipe, fitted to a schedule of `epochs`."""
    recipe = fitted(load_recipe("cifar10"), len(setup.task.train), epochs)
    return replace(recipe, epochs=epochs, rungs="continue", bn_batches=0)


def finished(setup: Setup, session: Session, epochs: int) -> dict[str, float]:
    for _ in range(epochs):
        session.run_epoch()
    session.recipe = replace(session.recipe, bn_batches=RECALIBRATED)
    session._recalibrate()  # inherited statistics are those of another network
    found = session.scores(setup.val).result()
    return {"loss": found["loss"], "error": found["top1_error"]}


def report(setup: Setup, rows: list[dict]) -> str:
    """Return the result as Markdown."""
    given = setup.given
    seeds = range(given.seeds)
    held = {(row["index"], row["seed"]): row for row in rows}
    indices = [i for i in range(given.networks) if all((i, seed) in held for seed in seeds)]
    if len(indices) < 4:
        return f"{len(indices)} networks trained under all seeds: at least 4 are needed.\n"

    def scores(name: str, key: str) -> np.ndarray:
        values = [[held[i, seed][name][key] for seed in seeds] for i in indices]
        return np.nan_to_num(np.array(values, dtype=float), nan=np.inf)

    judges = {key: Judge(scores("truth", key)) for key in ("loss", "error")}
    names = [*(f"scratch, {n} epochs" for n in SHORT), "the parent, in full",
             *(f"inherited, {n} epochs" for n in (0, *SHORT)), "truth"]  # fmt: skip
    cpu = sum(row["seconds"] for row in rows)
    lines = [
        "# Inherited weights against training from scratch",
        "",
        f"Space igcv3 with a head of {given.head}; {len(indices)} networks that use "
        f"{100 * given.band:.0f} to 100 % of {given.budget} at 3x32x32 and 10 classes. "
        f"{setup.task.note}.",
        f"Default recipe, fitted to each schedule; for the truth: "
        f"{'; '.join(recipe_for(setup, setup.rungs[-1]).text.splitlines())}; "
        f"truth: {setup.rungs[-1]} epochs, {given.seeds} seeds. {describe_devices()}, one thread, "
        f"{cpu / 60:.0f} CPU-minutes. On average "
        f"{100 * np.mean([r['inherited'] for r in rows]):.0f} % of a network's weights were "
        "inherited.",
        "",
        "rho: Spearman's correlation of a score, validation loss, with the mean of the truth of "
        "the other seeds; difference: of rho to two epochs from scratch, paired by network. In "
        "brackets 95 % bootstrap intervals over the networks.",
        "",
        "| score | median loss | median error (%) | rho with the true loss | difference "
        "| rho with the true error | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    base = scores(BASELINE, "loss")
    for name in names:
        score = scores(name, "loss")
        cells = [f"{np.median(score):.3f}", f"{100 * np.median(scores(name, 'error')):.1f}"]
        for judge in judges.values():
            cells += [str(judge.spearman(score)),
                      "" if name == BASELINE else str(judge.gain(score, base))]  # fmt: skip
        lines.append(f"| {name.replace('truth', 'the full training')} | {' | '.join(cells)} |")
    gain = judges["loss"].gain(scores("inherited, 1 epochs", "loss"), base)
    verdict = "better" if gain.low > 0 else "not shown to be better"
    return "\n".join([
        *lines,
        "",
        f"Verdict: one epoch from inherited weights ranks networks {verdict} than two epochs from "
        f"scratch (difference of rho {gain}).",
    ]) + "\n"  # fmt: skip


if __name__ == "__main__":
    main()
