"""The ranking of networks of about one size at early rungs, by signal and by recipe.

Networks of the space igcv3, drawn uniformly from the upper end of a budget, where size does not do
the ranking, are trained on CIFAR-10 to full fidelity under several seeds. The mean final error is
the truth. What a rung could compare is ranked against it: the validation error and loss, the
training loss, and the final error that `nas.study.infer` infers from the curve. Each is measured
with the default recipe and with the one that was the default before (`before`). The baseline is
the number of multiply-adds, which needs no training; the ceiling is one full training against the
others. Rank correlations have 95 % bootstrap intervals over the networks.

Every run is a line in the working folder: after an interruption it continues, and with
`--networks` doubled it trains only the new ones. `--minutes` ends it after the run in progress.

    python benchmarks/bm_rungs.py                   # 240 trainings, an hour of one CPU core
    python benchmarks/bm_rungs.py --minutes 35      # what that allows, in the same order
    python benchmarks/bm_rungs.py --quick           # tries everything in a minute
    python benchmarks/bm_rungs.py --device cuda --side 32 --limit 45000 --head 1280 \\
        --budget 25M-flops --score-limit 5000 --rungs 3,9,27
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rank_correlation import Array, Judge

from nas.cost import CostModel, parse_budgets
from nas.feasible import FeasibleSpace
from nas.space import load_space, lower, parse_input, read_space
from nas.study import Measurement, Trial, TrialState, infer, objective
from nas.training.data import Split, Task, load_task
from nas.training.data.split import balanced_subset, take
from nas.training.loop.devices import describe_devices, prepare_worker
from nas.training.loop.fitting import fitted
from nas.training.loop.recipe import load_recipe, override
from nas.training.loop.session import Session

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data") / "cifar10"
BEFORE = [
    "batch_size=128", "lr=0.2", "warmup_epochs=2.0", "label_smoothing=0.1", "bn_batches=8",
    "augment=true", "zero_residuals=false", "clip_norm=0.0",
]  # fmt: skip
RECIPES = ("default", "before")
SIGNALS = ("error", "loss", "training loss", "inferred")
GOAL = objective("top1_error")
LEAST = 8  # networks, for a table of rank correlations to be shown
FITTED_TO = 16  # complete networks, for `inferred`

Job = tuple[str, int, int]  # recipe, network, seed


def main() -> None:
    given = arguments()
    prepare_worker(int(os.environ.get("OMP_NUM_THREADS") or 1))
    setup = Setup(given)
    began = time.monotonic()
    for job in setup.jobs():
        if given.minutes is not None and time.monotonic() - began > 60 * given.minutes:
            break
        if job not in setup.rows:
            row = setup.train(*job)
            setup.keep(job, row)
            last = row["epochs"][-1]
            print(f"{job}: error {100 * last['error']:.1f} %, {row['seconds']:.1f} CPU s",
                  flush=True)  # fmt: skip
    place = given.results / "rungs.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(report(setup))
    print(place.read_text())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--budget", default="6M-flops", help="at 3x32x32, 10 classes")
    parser.add_argument("--band", type=float, default=0.8, help="least share of the budget")
    parser.add_argument("--head", type=int, default=320, help="width of the head (igcv3: 1280)")
    parser.add_argument("--side", type=int, choices=(8, 16, 32), default=16)
    parser.add_argument("--limit", type=int, default=1000, help="training images")
    parser.add_argument("--score-limit", type=int, default=1000, help="validation images")
    parser.add_argument("--rungs", default="1,3,8", help="epochs")
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="such as cuda")
    parser.add_argument("--minutes", type=float, help="start no run after these; 0: report only")
    parser.add_argument("--quick", action="store_true", help="a minute, to try it; says nothing")
    parser.add_argument("--work", type=Path, default=ROOT / "nas-results" / "rungs")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    given = parser.parse_args()
    if given.quick:
        given.limit = given.score_limit = 100
        given.rungs, given.networks, given.seeds = "1,2", LEAST, 2
        given.side, given.results = 8, given.work
    return given


class Setup:
    """What is trained, and what has been."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.rungs = tuple(int(epoch) for epoch in given.rungs.split(","))
        text = load_space("igcv3").source.replace("width = 1280", f"width = {given.head}", 1)
        self.space = read_space(text, "igcv3.toml")
        costs = CostModel(self.space, parse_input("3x32x32"), 10)
        self.feasible = FeasibleSpace(costs, parse_budgets([given.budget]))
        self.networks = drawn(self.feasible, given)
        self.costs = [costs.cost(network) for network in self.networks]
        self.task, self.val = shrunk(given)
        default = load_recipe("cifar10")
        self.recipes = {
            "default": fitted(default, len(self.task.train), self.rungs[-1]),
            "before": override(default, BEFORE),
        }
        texts = [self.recipes[name].text for name in RECIPES]
        identity = [text, given.budget, given.band, self.task.note, texts, self.rungs[-1]]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
        self.file = given.work / f"{digest}.jsonl"
        self.rows = {tuple(row.pop("job")): row for row in lines_of(self.file)}

    def jobs(self) -> Iterator[Job]:
        """Yield (recipe, network, seed), recipe by recipe."""
        for recipe in RECIPES:
            for index in range(self.given.networks):
                yield from ((recipe, index, seed) for seed in range(self.given.seeds))

    def keep(self, job: Job, row: dict[str, Any]) -> None:
        self.rows[job] = row
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as file:
            file.write(json.dumps({"job": job, **row}) + "\n")

    def train(self, recipe: str, index: int, seed: int) -> dict[str, Any]:
        """Train one network to the end, and measure it after every epoch."""
        began, last = time.process_time(), self.rungs[-1]
        layers = lower(self.space, self.networks[index], self.task.input, self.task.classes)
        session = Session(layers, self.task, self.recipes[recipe], last, seed, self.given.device)
        measured = []
        for _ in range(last):
            done = session.run_epoch()  # recomputes the batch-norm statistics, as in a search
            found = session.scores(self.val).result()
            measured.append({"error": found["top1_error"], "loss": found["loss"],
                             "training loss": done.train_loss})  # fmt: skip
        return {"seconds": time.process_time() - began, "epochs": measured}

    def complete(self, recipe: str) -> list[int]:
        """Return the networks of which all runs are there."""
        runs = {(index, seed) for name, index, seed in self.rows if name == recipe}
        seeds = range(self.given.seeds)
        return [index for index in range(self.given.networks)
                if all((index, seed) in runs for seed in seeds)]  # fmt: skip

    def scores(self, recipe: str, networks: list[int], epoch: int, signal: str) -> Array:
        """Return a signal after `epoch`, lower is better, as (networks, seeds)."""
        if signal == "inferred":
            each = [self._inferred(recipe, networks, epoch, seed)
                    for seed in range(self.given.seeds)]  # fmt: skip
            return np.array(each).T
        values = [[self.rows[recipe, index, seed]["epochs"][epoch - 1][signal]
                   for seed in range(self.given.seeds)] for index in networks]  # fmt: skip
        return np.nan_to_num(np.array(values, dtype=float), nan=np.inf)  # diverged: the worst

    def _inferred(self, recipe: str, networks: list[int], epoch: int, seed: int) -> list[float]:
        """Infer the final errors of each half of the networks from networks of the other half."""
        trials = [self._trial(recipe, index, seed) for index in networks]
        found = [np.inf] * len(trials)
        for half in (0, 1):
            inference = infer(trials[1 - half :: 2][:FITTED_TO], GOAL, epoch)
            for place in range(half, len(trials), 2) if inference else ():
                loss = inference.loss(trials[place])
                found[place] = np.inf if loss is None else loss
        return found

    def _trial(self, recipe: str, index: int, seed: int) -> Trial:
        measured = tuple(
            Measurement(epoch, None, {"top1_error": row["error"], "loss": row["loss"]},
                        row["training loss"], 0.0)
            for epoch, row in enumerate(self.rows[recipe, index, seed]["epochs"], 1)
        )  # fmt: skip
        return Trial(index, self.networks[index], self.costs[index], TrialState.COMPLETE, seed,
                     measurements=measured)  # fmt: skip


def drawn(feasible: FeasibleSpace, given: argparse.Namespace):  # type: ignore[no-untyped-def]
    """Draw networks uniformly from `--band` to the whole budget."""
    found, rng = {}, np.random.default_rng([0, 0])
    while len(found) < given.networks:  # to ask for more never changes the first ones
        network = feasible.sample_many(rng, 1, given.band, 1.0)[0]
        found.setdefault(network.arch_id, network)
    return list(found.values())


def shrunk(given: argparse.Namespace) -> tuple[Task, Split]:
    """Return CIFAR-10 with small images and few of them, and the validation images apart."""
    task = load_task("cifar10", str(given.data), limit=given.limit)
    step = 32 // given.side

    def small(split: Split, most: int) -> Split:
        few = take(split, balanced_subset(split.labels, most, 0)) if most < len(split) else split
        mean = torch.nn.functional.avg_pool2d(few.images.float(), step)
        return Split(mean.round().to(torch.uint8), few.labels)

    val = small(task.val, given.score_limit)
    few = small(task.val, 20)
    note = (f"CIFAR-10 averaged to {given.side}x{given.side}, {len(task.train)} training and "
            f"{len(val)} validation images, as many of each class")  # fmt: skip
    padding = replace(task.augment, crop_padding=max(1, given.side // 8))
    shape, train = parse_input(f"3x{given.side}x{given.side}"), small(task.train, len(task.train))
    return replace(
        task, input=shape, augment=padding, train=train, val=few, test=few, note=note
    ), val


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Return the runs in `file`; a last line that was cut off is removed from it."""
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    if lines and not lines[-1].endswith("\n"):
        file.write_text("".join(lines := lines[:-1]))
    return [json.loads(line) for line in lines]


def report(setup: Setup) -> str:
    """Return the result as Markdown."""
    given, cpu = setup.given, sum(row["seconds"] for row in setup.rows.values())
    complete = {recipe: setup.complete(recipe) for recipe in RECIPES}
    lines = [
        "# How well early rungs rank networks",
        "",
        f"- space igcv3 with a head of {given.head}, at most {given.budget} at 3x32x32 and 10 "
        f"classes, drawn uniformly from {100 * given.band:.0f} to 100 % of it",
        f"- {setup.task.note}; {setup.rungs[-1]} epochs, {given.seeds} seeds",
        *(f"- recipe `{name}`: {shown(setup, name)}; {len(complete[name])} networks"
          for name in RECIPES),
        f"- {describe_devices()}, one thread, torch {version('torch')}, numpy {version('numpy')}; "
        f"{len(setup.rows)} trainings, {cpu / 60:.0f} CPU-minutes",
        "",
        "The truth is the mean validation error at the last epoch over the seeds other than that "
        "of the signal, so that no run is compared with itself. Spearman's rho is the mean over "
        "the seeds; in brackets 95 % bootstrap intervals over the networks. `inferred` is fitted "
        f"to {FITTED_TO} complete networks, and ranks others.",
    ]  # fmt: skip
    for recipe in RECIPES:
        lines += ["", f"## Recipe `{recipe}`", "", *ranking(setup, recipe, complete[recipe])]
    both = [index for index in complete["default"] if index in complete["before"]]
    if len(both) >= LEAST:
        lines += ["", *between(setup, both)]
    return "\n".join(lines) + "\n"


def shown(setup: Setup, recipe: str) -> str:
    text = replace(setup.recipes[recipe], epochs=setup.rungs[-1], by_schedule=()).text
    return ", ".join(text.splitlines())


def ranking(setup: Setup, recipe: str, networks: list[int]) -> list[str]:
    """Return the tables of one recipe."""
    if len(networks) < LEAST:
        return [f"{len(networks)} networks trained in full: at least {LEAST} are wanted."]
    madds = np.array([setup.costs[index].madds for index in networks], dtype=float)
    judge = Judge(setup.scores(recipe, networks, setup.rungs[-1], "error"))
    size = np.repeat(-madds[:, None], setup.given.seeds, axis=1)
    lines = [
        f"{len(networks)} networks of {madds.min() / 1e6:.2f} to {madds.max() / 1e6:.2f} M "
        f"multiply-adds; rho of their number, with no training: {judge.spearman(size)}.",
        "",
        f"| epoch | {' | '.join(SIGNALS)} | inferred less error | median error |",
        "|---|---|---|---|---|---|---|",
    ]
    for epoch in setup.rungs:
        found = {signal: setup.scores(recipe, networks, epoch, signal) for signal in SIGNALS}
        cells = [str(judge.spearman(found[signal])) for signal in SIGNALS]
        gain = judge.gain(found["inferred"], found["error"])
        cells += [f"{'**' * gain.sure}{gain}{'**' * gain.sure}",
                  f"{100 * np.median(found['error']):.1f} %"]  # fmt: skip
        lines.append(f"| {epoch} | {' | '.join(cells)} |")
    return lines


def between(setup: Setup, networks: list[int]) -> list[str]:
    """Return the differences of rho between the recipes, each against its own truth."""
    last = setup.rungs[-1]
    judges = [Judge(setup.scores(recipe, networks, last, "error")) for recipe in RECIPES]
    lines = [
        "## `default` less `before`",
        "",
        "Differences of rho, each recipe against its own truth, paired by network:",
        "",
        f"| epoch | {' | '.join(SIGNALS)} |",
        "|---|---|---|---|---|",
    ]
    for epoch in setup.rungs:
        cells = []
        for signal in SIGNALS:
            one, other = (setup.scores(name, networks, epoch, signal) for name in RECIPES)
            cells.append(judges[0].gain(one, other, judges[1]))
        lines.append(f"| {epoch} | {' | '.join(map(str, cells))} |")
    return lines


if __name__ == "__main__":
    main()
