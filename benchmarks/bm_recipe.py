"""The default recipe against the earlier one: error after a short schedule, at equal compute.

Fifteen networks of three families (`recipe_networks`), 3M to 25M multiply-adds, are trained on
CIFAR-10 by three recipes: `before`, the default until it was fitted to the schedule; `now`, the
default as `nas` fits it; and `now, plain start`, which starts residual branches as `before` does.
Some of them are trained on fewer and on more images and on the digits, and one network of each of
the other families is checked for divergence.

Every training is a line in the working folder: after an interruption it continues.

    python benchmarks/bm_recipe.py                  # an hour of one CPU core
    python benchmarks/bm_recipe.py --minutes 20     # what that allows, in the same order
    python benchmarks/bm_recipe.py --quick          # tries everything in a minute; says nothing
"""

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recipe_networks import FAMILIES, OTHERS, Subject, subjects

from nas.stats.means import Summary
from nas.training.cpu import accelerate
from nas.training.data import Task, load_task
from nas.training.data.split import balanced_subset, take
from nas.training.loop.devices import describe_devices, prepare_worker
from nas.training.loop.fitting import fitted
from nas.training.loop.recipe import Recipe, load_recipe, read_recipe
from nas.training.loop.session import Session

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data") / "cifar10"
SGD = 'schedule = "cosine"\nmomentum = 0.9\nweight_decay = 5e-4\naugment = true\nbn_batches = 8\n'
BEFORE = {
    "cifar10": "epochs = 27\nbatch_size = 128\nlr = 0.2\nwarmup_epochs = 2\n"
    "label_smoothing = 0.1\nbn_momentum = 0.1\n",
    "digits": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1\n"
    "label_smoothing = 0.0\nbn_momentum = 0.4\n",
}
ARMS = ("before", "now", "now, plain start")
MOST = 2_000  # validation images


@dataclass(frozen=True)
class Setting:
    """A data set and a schedule: `limit` training images, 0 for all."""

    task: str
    limit: int
    epochs: int

    @property
    def text(self) -> str:
        images = f"{self.limit:,} images" if self.limit else "all images"
        return f"{self.task}, {images}, {self.epochs} epochs"


MAIN = Setting("cifar10", 5_000, 4)
# the networks of other settings: the second smallest of each family
FEW = ("igcv3-6.5M", "mobilenetv2-6.5M", "shufflenetv1-3M")
MORE = (
    Setting("cifar10", 2_000, 4),
    Setting("cifar10", 2_000, 10),
    Setting("cifar10", 10_000, 8),
    Setting("digits", 0, 8),
)


@dataclass(frozen=True)
class Job:
    """One training."""

    setting: Setting
    network: Subject
    arm: str
    seed: int

    @property
    def key(self) -> tuple[object, ...]:
        return (self.setting.text, self.network.name, self.arm, self.seed)


def main() -> None:
    given = arguments()
    prepare_worker(int(os.environ.get("OMP_NUM_THREADS") or 1))
    file = given.work / "recipe.jsonl"
    rows = rows_of(file)
    began = time.monotonic()
    for job in jobs(given.quick):
        if given.arm not in (None, job.arm):
            continue
        if given.minutes is not None and time.monotonic() - began > 60 * given.minutes:
            break
        recipe = recipe_of(job)
        if any(row["key"] == list(job.key) and row["recipe"] == recipe.text for row in rows):
            continue
        rows.append(train(job, recipe, given.data))
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as out:
            out.write(json.dumps(rows[-1]) + "\n")
        print(rows[-1]["key"], f"{100 * rows[-1]['error']:.1f} %", flush=True)
    rows = rows_of(file)  # another process may have trained other arms
    current = {job.key: recipe_of(job).text for job in jobs(given.quick)}
    rows = [row for row in rows if current.get(tuple(row["key"])) == row["recipe"]]
    place = (given.work if given.quick else given.results) / "recipe.md"
    place.write_text(report(rows))
    print(place.read_text())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--minutes", type=float, help="start no training after these; 0: report")
    parser.add_argument("--arm", choices=ARMS, help="train this one only")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", type=Path, default=ROOT / "nas-results" / "recipe")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    return parser.parse_args()


def jobs(quick: bool = False) -> Iterator[Job]:
    """Yield every training, the table of fifteen networks first."""
    ours, others = list(subjects(FAMILIES)), list(subjects(OTHERS))
    if quick:
        setting = Setting("cifar10", 200, 1)
        yield from (Job(setting, one, arm, 1) for one in ours[:1] for arm in ("before", "now"))
        return
    for one in ours:
        yield from (Job(MAIN, one, arm, 1) for arm in ("before", "now"))
    for setting in MORE:
        for one in ours:
            if one.name in FEW:
                yield from (Job(setting, one, arm, 1) for arm in ("before", "now"))
    yield from (Job(MAIN, one, arm, 1) for one in others for arm in ("before", "now"))
    yield from (Job(MAIN, one, "now, plain start", 1) for one in ours)


@cache
def task_of(setting: Setting, data: Path) -> Task:
    if setting.task == "digits":
        return load_task("digits")
    task = load_task(setting.task, str(data), limit=setting.limit)
    return replace(task, val=take(task.val, balanced_subset(task.val.labels, MOST, 0)))


def recipe_of(job: Job) -> Recipe:
    setting = job.setting
    if job.arm == "before":
        return read_recipe(SGD + BEFORE[setting.task], "before")
    recipe = fitted(load_recipe(setting.task), setting.limit or 1_079, setting.epochs)
    return replace(recipe, zero_residuals=job.arm == "now")


def train(job: Job, recipe: Recipe, data: Path) -> dict[str, Any]:
    """Train one network; return what came of it."""
    task = task_of(job.setting, data)
    layers = job.network.layers(task.input, task.classes)
    began = time.process_time()
    session = Session(layers, task, recipe, job.setting.epochs, job.seed, "cpu")
    session.accelerate(accelerate)
    epochs = [session.run_epoch() for _ in range(job.setting.epochs)]
    seconds = time.process_time() - began
    return {
        "key": job.key,
        "recipe": recipe.text,
        "madds": job.network.madds,
        "family": job.network.family,
        "error": epochs[-1].metrics.get("top1_error", 1.0),
        "train_losses": [epoch.train_loss for epoch in epochs],
        "diverged": epochs[0].train_loss > math.log(task.classes),
        "images_per_second": len(task.train) * len(epochs) / seconds,
        "seconds": seconds,
    }


def rows_of(file: Path) -> list[dict[str, Any]]:
    """Return the trainings in `file`."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


Found = dict[tuple[str, str, str], dict[str, Any]]  # by setting, network and recipe


def report(rows: list[dict[str, Any]]) -> str:
    """Return the result as Markdown."""
    found: Found = {(row["key"][0], row["key"][1], row["key"][2]): row for row in rows}
    settings = list(dict.fromkeys(row["key"][0] for row in rows))
    lines = [
        "# The default recipe, fitted to the schedule",
        "",
        f"- {describe_devices()}, one thread for each training; torch {version('torch')}; "
        f"{len(rows)} trainings, {sum(row['seconds'] for row in rows) / 60:.0f} CPU-minutes; "
        f"{time.strftime('%Y-%m-%d')}",
        f"- CIFAR-10 at 32x32, training images balanced over the classes; top-1 error on {MOST:,} "
        "validation images after the last epoch; one seed. Digits: 1,079 training and 359 "
        "validation images of 8x8.",
        "- Networks: drawn uniformly from 90 to 100 % of a ceiling of multiply-adds at 3x32x32 "
        "(`benchmarks/recipe_networks.py`), heads of 320; igcv3-d-0.25-os as published.",
        "- `before`: batch 128 (digits 64), rate 0.2 (0.05), two warm-up epochs (one), "
        "augmentation, no clipping, residual branches not at 0. `now`: the default recipe as "
        "`nas` fits it, given below each heading. Images per second are of CPU time, "
        "validation included.",
    ]
    for setting in settings:
        lines += ["", *table(setting, found)]
    return "\n".join(lines) + "\n"


def table(setting: str, found: Found) -> list[str]:
    """Return the table of one setting: a row for each network with both recipes."""
    names = list(dict.fromkeys(name for of, name, _ in found if of == setting))
    names = [n for n in names if all((setting, n, arm) in found for arm in ("before", "now"))]
    if not names:
        return [f"## {setting}", "", "No network has been trained by both recipes."]
    now = read_recipe(found[setting, names[0], "now"]["recipe"], "now")
    augmented = "augmentation" if now.augment else "no augmentation"
    lines = [
        f"## {setting}",
        "",
        f"`now`: batch {now.batch_size}, rate {now.lr:g}, warm-up of {now.warmup_epochs:g} epochs, "
        f"{augmented}, smoothing {now.label_smoothing:g}, decay {now.weight_decay:g}.",
        "",
        "| network | madds | before | now | less by (points) | now, plain start "
        "| first training loss, before / now | images/s, before / now |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(setting, name, found) for name in names]
    gains = {name: _gain(setting, name, found) for name in names}
    families = dict.fromkeys(found[setting, name, "now"]["family"] for name in names)
    means = [
        f"{family} {_mean([gains[n] for n in names if _family(setting, n, found) == family])}"
        for family in families
    ]
    pace = [_pace(setting, n, found, "now") / _pace(setting, n, found, "before") for n in names]
    faster = 100 * (sum(pace) / len(pace) - 1)
    worse = [arm for arm in ("before", "now")
             if any(found[setting, name, arm]["diverged"] for name in names)]  # fmt: skip
    return [
        *lines,
        "",
        f"Less error by {_mean(list(gains.values()))} points (mean over networks and its 95 % "
        f"interval); {', '.join(means)}. Images per second: {faster:+.0f}"
        " % in the mean. First training loss above that of guessing: "
        f"{', '.join(worse) or 'none'}.",
    ]


def _row(setting: str, name: str, found: Found) -> str:
    one, other = (found[setting, name, arm] for arm in ("before", "now"))
    plain = found.get((setting, name, "now, plain start"))
    shown = f"{100 * plain['error']:.1f} %" if plain else "–"
    losses = " / ".join(f"{row['train_losses'][0]:.2f}" for row in (one, other))
    paces = " / ".join(f"{row['images_per_second']:.0f}" for row in (one, other))
    return (
        f"| {name} | {one['madds']:,} | {100 * one['error']:.1f} % | {100 * other['error']:.1f} % "
        f"| {_gain(setting, name, found):.1f} | {shown} | {losses} | {paces} |"
    )


def _gain(setting: str, name: str, found: Found) -> float:
    one, other = (found[setting, name, arm]["error"] for arm in ("before", "now"))
    return float(100 * (one - other))


def _pace(setting: str, name: str, found: Found, arm: str) -> float:
    return float(found[setting, name, arm]["images_per_second"])


def _family(setting: str, name: str, found: Found) -> str:
    return str(found[setting, name, "now"]["family"])


def _mean(values: list[float]) -> str:
    summary = Summary.of(values)
    reach = f" ± {summary.reach:.1f}" if summary.reach is not None else ""
    return f"{summary.mean:.1f}{reach}"


if __name__ == "__main__":
    main()
