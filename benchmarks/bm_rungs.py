"""The ranking of networks at early rungs, by schedule of the learning rate and by metric.

Networks of the space igcv3, from the upper end of a budget (`band`, where size does not do the
ranking) and from the smallest to another budget (`range`), are trained on CIFAR-10 to full fidelity
under several seeds. That is the reference. Rungs are compared with it, under both ways of a recipe
(`continue`: one schedule; `complete`: a cycle for each rung), with and without batch-norm
statistics recomputed, by validation loss and by error. The baseline is the MAdds of a network,
which need no training; the ceiling is one full training against the others. Rank correlations have
95 % bootstrap intervals over the networks.

Every run is a line in the working folder: after an interruption it continues, and with
`--networks` doubled it trains only the new ones. `--minutes` ends it after the run in progress.

    python benchmarks/bm_rungs.py                   # 480 trainings, 2 hours of one CPU core
    python benchmarks/bm_rungs.py --minutes 35      # what that allows, in the same order
    python benchmarks/bm_rungs.py --quick           # tries everything in a minute
    python benchmarks/bm_rungs.py --device cuda --side 32 --limit 45000 --head 1280 \\
        --budget 25M-flops --range 100M-flops --score-limit 5000 --set batch_size=128 --set lr=0.2
"""

import argparse
import hashlib
import itertools
import json
import os
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from rank_correlation import Judge

from nas.cost.budget import parse_budgets
from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace
from nas.space.file import load_space, parse_input, read_space
from nas.space.lowering import lower
from nas.training.data import Split, Task, load_task
from nas.training.data.split import balanced_subset, take
from nas.training.loop.devices import describe_devices, prepare_worker
from nas.training.loop.recipe import load_recipe, override
from nas.training.loop.session import Session

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data") / "cifar10"
SETTINGS = ["batch_size=32", "lr=0.05", "warmup_epochs=1", "bn_batches=8"]
WAYS = ("continue", "complete")
LEAST = 8  # networks, for a table of rank correlations to be shown
METRICS = ("loss", "error")


def main() -> None:
    given = arguments()
    prepare_worker(int(os.environ.get("OMP_NUM_THREADS") or 1))
    setup = Setup(given)
    began = time.monotonic()
    for job in setup.jobs(given.group):
        if given.minutes is not None and time.monotonic() - began > 60 * given.minutes:
            break
        if setup.done(job):
            continue
        row = setup.train(*job)
        setup.keep(row)
        last = row["rungs"][-1]
        print(f"{row['group']} {row['index']} {row['way']} seed {row['seed']}: loss "
              f"{last['loss']:.3f}, error {100 * last['error']:.1f} %, {row['seconds']:.1f} CPU s",
              flush=True)  # fmt: skip
    setup.rows = rows_of(setup.file)  # another process may have trained the other group
    place = given.results / "rungs.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(report(setup))
    print(place.read_text())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--budget", default="6M-flops", help="at 3x32x32, 10 classes")
    parser.add_argument("--band", type=float, default=0.8, help="least share of the budget")
    parser.add_argument("--range", default="16M-flops", help="the budget of the other group")
    parser.add_argument("--head", type=int, default=320, help="width of the head (igcv3: 1280)")
    parser.add_argument("--side", type=int, choices=(8, 16, 32), default=16)
    parser.add_argument("--limit", type=int, default=1000, help="training images")
    parser.add_argument("--score-limit", type=int, default=1000, help="validation images")
    parser.add_argument("--rungs", default="2,4,8", help="epochs")
    parser.add_argument("--networks", type=int, default=48, help="of each group")
    parser.add_argument("--group", choices=("band", "range"), help="train this one only")
    parser.add_argument("--device", default="cpu", help="such as cuda")
    parser.add_argument("--seeds", type=int, default=3, help="of the truth")
    parser.add_argument("--other-seeds", type=int, default=2, help="of the other way")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--minutes", type=float, help="start no run after these; 0: report only")
    parser.add_argument("--quick", action="store_true", help="a minute, to try it; says nothing")
    parser.add_argument("--work", type=Path, default=ROOT / "nas-results" / "rungs")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    given = parser.parse_args()
    if given.quick:
        given.limit = given.score_limit = 100
        given.rungs, given.networks, given.seeds, given.other_seeds = "1,2", LEAST, 2, 1
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
        self.groups = {
            "band": drawn(self.feasible, given.band, given),
            "range": drawn(FeasibleSpace(costs, parse_budgets([given.range])), None, given),
        }
        self.madds = {group: [costs.cost(network).madds for network in networks]
                      for group, networks in self.groups.items()}  # fmt: skip
        self.recipe = override(load_recipe("cifar10"), [*SETTINGS, *given.set])
        self.task, self.val = shrunk(given)
        drawing = [text, given.budget, given.band, given.range]
        identity = [*drawing, self.task.note, self.recipe.text, self.rungs]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
        self.file = given.work / f"{digest}.jsonl"
        self.rows = rows_of(self.file)

    def jobs(self, group: str | None = None):  # type: ignore[no-untyped-def]
        """Yield (group, index, way, seed): network by network, two of the band to one other."""
        seeds = {"continue": self.given.seeds, "complete": self.given.other_seeds}
        band = [("band", index) for index in range(self.given.networks)]
        wide = [("range", index) for index in range(self.given.networks)]
        order = itertools.zip_longest(band[::2], band[1::2], wide)
        for of, index in filter(None, itertools.chain.from_iterable(order)):
            if group in (None, of):
                for way in WAYS:
                    yield from ((of, index, way, seed) for seed in range(seeds[way]))

    def done(self, job: tuple[str, int, str, int]) -> bool:
        return job in {(row["group"], row["index"], row["way"], row["seed"]) for row in self.rows}

    def keep(self, row: dict) -> None:
        self.rows.append(row)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def train(self, group: str, index: int, way: str, seed: int) -> dict:
        """Train one network to the end, and measure it twice at every rung."""
        began = time.process_time()
        layers = lower(self.space, self.groups[group][index], self.task.input, self.task.classes)
        anew = replace(self.recipe, rungs=way)
        session = Session(layers, self.task, anew, self.rungs[-1], seed, self.given.device)
        session.rungs = self.rungs
        measured = []
        for epoch in range(1, self.rungs[-1] + 1):
            session.recipe = replace(anew, bn_batches=0)
            session.run_epoch()  # validates a few images: the rungs are measured below
            if epoch in self.rungs:
                measured.append(measure(session, self.val, anew))
        return {"group": group, "index": index, "way": way, "seed": seed,
                "architecture": self.groups[group][index].text,
                "seconds": time.process_time() - began, "rungs": measured}  # fmt: skip

    def complete(self, group: str) -> list[int]:
        """Return the networks of which all runs are there."""
        missing = {index for of, index, *rest in self.jobs(group)
                   if not self.done((of, index, *rest))}  # fmt: skip
        return [index for index in range(self.given.networks) if index not in missing]

    def scores(self, group: str, way: str, rung: int, key: str) -> np.ndarray:
        """Return `key` at `rung` of the networks that are complete, as (networks, seeds)."""
        seeds = self.given.seeds if way == "continue" else self.given.other_seeds
        found = {(row["index"], row["seed"]): row["rungs"][rung][key]
                 for row in self.rows if (row["group"], row["way"]) == (group, way)}  # fmt: skip
        values = [[found[index, seed] for seed in range(seeds)] for index in self.complete(group)]
        return np.nan_to_num(np.array(values, dtype=float), nan=np.inf)  # diverged: the worst


def drawn(feasible: FeasibleSpace, band: float | None, given: argparse.Namespace):  # type: ignore[no-untyped-def]
    """Draw networks uniformly from `band` to the whole budget, or with MAdds log-uniform.

    Few networks are small: drawn uniformly, nearly all would use nearly all of the budget.
    """
    found, rng = {}, np.random.default_rng([0, 0 if band else 1])
    least = feasible.cost(feasible.smallest("madds")).madds / feasible.budget[0].limit
    while len(found) < given.networks:  # to ask for more never changes the first ones
        high = 1.0 if band else max(1.05 * least, float(least ** rng.random()))
        network = feasible.sample_many(rng, 1, band or 0.95 * high, high)[0]
        found.setdefault(network.arch_id, network)
    return list(found.values())


def measure(session: Session, val: Split, recipe) -> dict[str, float]:  # type: ignore[no-untyped-def]
    """Measure the network, then again with recomputed batch-norm statistics, and keep these."""
    plain = session.scores(val).result()
    kept = {name: buffer.clone() for name, buffer in session.network.named_buffers()}
    session.recipe = recipe
    session._recalibrate()
    found = session.scores(val).result()
    for name, buffer in session.network.named_buffers():
        buffer.copy_(kept[name])
    return {"loss": found["loss"], "error": found["top1_error"],
            "plain_loss": plain["loss"], "plain_error": plain["top1_error"]}  # fmt: skip


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


def rows_of(file: Path) -> list[dict]:
    """Return the runs in `file`; a last line that was cut off is removed from it."""
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    if lines and not lines[-1].endswith("\n"):
        file.write_text("".join(lines := lines[:-1]))
    return [json.loads(line) for line in lines]


def report(setup: Setup) -> str:
    """Return the result as Markdown."""
    given, cpu = setup.given, sum(row["seconds"] for row in setup.rows)
    recipe = replace(setup.recipe, epochs=setup.rungs[-1]).text
    lines = [
        "# How well early rungs rank networks",
        "",
        f"Space igcv3 with a head of {given.head}, at most {given.budget} at 3x32x32 and 10 "
        f"classes, drawn uniformly from {100 * given.band:.0f} to 100 % of it (`band`); the same "
        f"up to {given.range}, its MAdds drawn log-uniformly (`range`). {setup.task.note}.",
        f"Recipe: {'; '.join(recipe.splitlines())}.",
        f"Rungs at {given.rungs} epochs; `continue` {given.seeds} seeds, `complete` "
        f"{given.other_seeds}. {describe_devices()}, one thread, torch {version('torch')}, numpy "
        f"{version('numpy')}; {len(setup.rows)} trainings, {cpu / 60:.0f} CPU-minutes.",
        "",
        "The truth is the mean validation loss (or error) at the last epoch of `continue` over the "
        "seeds other than that of the score, so that no run is compared with itself. Spearman's "
        "rho and Kendall's tau-b are means over the seeds; in brackets 95 % bootstrap intervals "
        "over the networks. `plain` is with the running batch-norm statistics instead of "
        "statistics measured anew.",
    ]
    for group in setup.groups:
        lines += ["", *group_tables(setup, group)]
    return "\n".join(lines) + "\n"


def group_tables(setup: Setup, group: str) -> list[str]:
    indices = setup.complete(group)
    if len(indices) < LEAST:
        found = f"{len(indices)} networks trained in full: at least {LEAST} are wanted."
        return [f"## {group}", "", found]
    madds = np.array(setup.madds[group], dtype=float)[indices]
    lines = [
        f"## {group}: {len(indices)} networks of {madds.min() / 1e6:.2f} to "
        f"{madds.max() / 1e6:.2f} M madds",
        "",
        "| score | rho with the true loss | tau | rho with the true error |",
        "|---|---|---|---|",
    ]
    judges = {metric: Judge(setup.scores(group, "continue", -1, metric)) for metric in METRICS}
    size = np.repeat(-madds[:, None], setup.given.seeds, axis=1)
    for name, score in [("MAdds, no training", size), *scored(setup, group)]:
        loss = judges["loss"]
        lines.append(f"| {name} | {loss.spearman(score)} | {loss.kendall(score).value:.2f} "
                     f"| {judges['error'].spearman(score)} |")  # fmt: skip
    return [
        *lines,
        "",
        *gains(setup, group, judges["loss"]),
        "",
        *ends(setup, group, judges["loss"]),
    ]


def scored(setup: Setup, group: str):  # type: ignore[no-untyped-def]
    """Yield (name, scores) of every rung, way and metric."""
    for rung, epochs in enumerate(setup.rungs):
        last = rung == len(setup.rungs) - 1
        for way in WAYS:
            for key in ("loss", "error", "plain_loss", "plain_error"):
                metric = key.removeprefix("plain_")
                plain = "" if key == metric else ", plain"
                ceiling = last and way == "continue" and not plain
                yield (f"epoch {epochs}, {way}{plain}, {metric}{' (the ceiling)' * ceiling}",
                       setup.scores(group, way, rung, key))  # fmt: skip


def gains(setup: Setup, group: str, judge: Judge) -> list[str]:
    """Return the table of paired differences of rho at the early rungs."""
    lines = [
        "Differences of rho with the true loss, paired by network; an interval that holds 0 "
        "decides nothing:",
        "",
        "| epoch | complete less continue, by loss | the same by error "
        "| loss less error (continue) | the same (complete) | anew less plain, by loss (continue) "
        "|",
        "|---|---|---|---|---|---|",
    ]
    for rung, epochs in enumerate(setup.rungs[:-1]):
        one, other = ({key: setup.scores(group, way, rung, key)
                       for key in ("loss", "error", "plain_loss")} for way in WAYS)  # fmt: skip
        seeds = other["loss"].shape[1]  # the same seeds on both sides
        cells = [
            judge.gain(other["loss"], one["loss"][:, :seeds]),
            judge.gain(other["error"], one["error"][:, :seeds]),
            judge.gain(one["loss"], one["error"]),
            judge.gain(other["loss"], other["error"]),
            judge.gain(one["loss"], one["plain_loss"]),
        ]
        shown = [f"{'**' * cell.sure}{cell}{'**' * cell.sure}" for cell in cells]
        lines.append(f"| {epochs} | {' | '.join(shown)} |")
    return lines


def ends(setup: Setup, group: str, judge: Judge) -> list[str]:
    """Return the table of medians, which says what the cycles cost at the end."""
    lines = [
        "Medians over networks and seeds:",
        "",
        "| epoch | way | loss | error (%) | plain loss |",
        "|---|---|---|---|---|",
    ]
    for rung, epochs in enumerate(setup.rungs):
        for way in WAYS:
            loss, error, plain = (np.median(setup.scores(group, way, rung, key))
                                  for key in ("loss", "error", "plain_loss"))  # fmt: skip
            lines.append(f"| {epochs} | {way} | {loss:.3f} | {100 * error:.1f} | {plain:.3f} |")
    one, other = (setup.scores(group, way, -1, "loss") for way in WAYS)
    apart = judge.less(other, one[:, : other.shape[1]])
    return [*lines, "", "Mean loss at the last epoch, `complete` less `continue`, the same seeds, "
            f"paired by network: {apart}."]  # fmt: skip


if __name__ == "__main__":
    main()
