"""The place of the ReLU in an IGCV3 block: IGCV3-D, MobileNetV2 and the other placement.

CIFAR-10, three networks, the same short recipe, three seeds each. With a GPU on all images;
without one on a class-balanced subset (--limit), which the table says. After an interruption
it continues. It writes the table (.md), the curves (.svg, .csv) and everything (.json).

    python benchmarks/bm_relu_placement.py                 # a GPU: 30 epochs of 45,000 images
    python benchmarks/bm_relu_placement.py --limit 500 --epochs 6 --score-limit 500 \\
        --set batch_size=25 --set lr=0.02 --set warmup_epochs=1 --set bn_batches=8 --set ema=0
"""

import argparse
import csv
import io
import json
import os
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import torch
from curves_svg import Curves, draw

from nas.cost.model import total_cost
from nas.space.architecture import from_columns
from nas.space.file import load_space
from nas.space.layers import Layer
from nas.space.lowering import lower
from nas.stats.means import Summary, difference
from nas.storage import FolderStorage
from nas.training.data import Split, Task, load_task
from nas.training.data.split import balanced_subset, take
from nas.training.loop.checkpoint import restore_checkpoint, save_checkpoint
from nas.training.loop.devices import default_device, describe_devices, prepare_worker
from nas.training.loop.recipe import Recipe, load_recipe, override
from nas.training.loop.session import Session

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data") / "cifar10"
RECIPE = "short"
SUBSET = "So little data and so few epochs leave the errors near chance: the method, not a ranking."
LOSING = "first+depthwise"


def main() -> None:
    given = arguments()
    prepare_worker(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
    task = scored_on(load_task("cifar10", str(given.data), limit=given.limit), given.score_limit)
    recipe = override(load_recipe(RECIPE), given.set)
    epochs = given.epochs or recipe.epochs
    recipe = replace(recipe, epochs=epochs)
    space = load_space("igcv3")
    best = space.parse("igcv3-d-1.0")
    columns = {key: best.column(key) for key in best.keys}
    columns["relu"] = tuple(LOSING if value else value for value in columns["relu"])
    losing = space.check(from_columns(columns, space.name, best.keys, len(space.stages)))
    networks = {
        "igcv3-d-1.0": best,
        "mobilenetv2-1.0": space.parse("mobilenetv2-1.0"),
        f"igcv3-d-1.0, relu {LOSING}": losing,
    }
    print(task.note, f"| {epochs} epochs | {describe_devices()}", flush=True)
    rows, began = [], time.monotonic()
    for name, architecture in networks.items():
        layers = lower(space, architecture, task.input, task.classes)
        runs = [
            trained(name, layers, task, recipe, seed, given.work / architecture.arch_id)
            for seed in range(given.seeds)
        ]
        cost = total_cost(layers)
        rows.append({"name": name, "architecture": architecture.text, **asdict(cost),
                     "runs": runs})  # fmt: skip
    document = {
        "task": task.note,
        "whole": given.limit is None and given.score_limit is None,
        "scored_on": {"validation": len(task.val), "test": len(task.test)},
        "recipe": RECIPE,
        "recipe_text": recipe.text,
        "epochs": epochs,
        "seeds": given.seeds,
        "device": describe_devices(),
        "versions": {name: version(name) for name in ("torch", "numpy")}
        | {"cuda": torch.version.cuda},
        "seconds": sum(run["seconds"] for row in rows for run in row["runs"]),
        "networks": rows,
    }
    print(f"{time.monotonic() - began:.0f} s in this call")
    given.results.mkdir(parents=True, exist_ok=True)
    (given.results / "relu_placement.json").write_text(json.dumps(document, indent=1) + "\n")
    (given.results / "relu_placement.csv").write_text(curves_csv(document))
    (given.results / "relu_placement.svg").write_text(picture(document))
    (given.results / "relu_placement.md").write_text(table(document))
    print(table(document))


def trained(
    name: str, layers: list[Layer], task: Task, recipe: Recipe, seed: int, work: Path
) -> dict:
    """Train from one seed, from its checkpoint where there is one; return what came of it."""
    folder, epochs = work / f"seed-{seed}", recipe.epochs
    session = Session(layers, task, recipe, epochs, seed)
    history = restore_checkpoint(session, FolderStorage(folder))
    while session.epoch < epochs:
        found = session.run_epoch()
        history.append(found)
        save_checkpoint(session, FolderStorage(folder), history)
        print(
            f"{name} seed {seed} epoch {found.epoch}/{epochs}: val error "
            f"{100 * found.metrics['top1_error']:.2f} %, {found.images_per_second:.0f} images/s",
            flush=True,
        )
    return {
        "seed": seed,
        "history": [epoch.to_row() for epoch in history],
        "test": session.test(),
        "seconds": sum(epoch.seconds for epoch in history),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    whole = default_device().type == "cuda"
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--limit", type=int, default=None if whole else 1000)
    parser.add_argument("--score-limit", type=int, default=None if whole else 1000)
    parser.add_argument("--epochs", type=int, default=None if whole else 5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--work", type=Path, default=ROOT / "nas-results" / "relu_placement")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    return parser.parse_args()


def scored_on(task: Task, limit: int | None) -> Task:
    """Leave at most `limit` test images, and a fifth as many for validation, balanced."""
    if limit is None:
        return task

    def some(split: Split, most: int) -> Split:
        return take(split, balanced_subset(split.labels, most, 0)) if most < len(split) else split

    return replace(task, val=some(task.val, limit // 5), test=some(task.test, limit))


def table(document: dict) -> str:
    """Return the result as Markdown."""
    first = document["networks"][0]
    lines = [
        "# The place of the ReLU in an IGCV3 block",
        "",
        document["task"] + ("" if document["whole"] else " (a class-balanced SUBSET)"),
        f"scored on {document['scored_on']['test']} test images, once, after the last epoch",
        *([] if document["whole"] else [SUBSET]),
        f"{document['epochs']} epochs of the recipe `{document['recipe']}`, "
        f"{document['seeds']} seeds, {document['device']}, torch {document['versions']['torch']}, "
        f"{document['seconds']:.0f} s in all",
        "",
        "| network | params | madds at 32x32 | test error, mean | sd | n | errors "
        "| against the first (95 %, Welch) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in document["networks"]:
        errors = errors_of(row)
        summary = Summary.of(errors)
        sd = "–" if summary.deviation is None else f"{100 * summary.deviation:.2f}"
        shown = ", ".join(f"{100 * error:.2f}" for error in errors)
        lines.append(
            f"| {row['name']} | {row['params']:,} | {row['madds']:,} | {100 * summary.mean:.2f} % "
            f"| {sd} | {summary.n} | {shown} | {gap(errors, errors_of(first), row is first)} |"
        )
    lines += [
        "",
        "![Validation error and training loss by epoch](relu_placement.svg)",
        "",
        "Lines are means over the seeds, bands reach from the lowest to the highest seed. Every "
        "epoch of every seed is in `relu_placement.csv`.",
        "",
        "Validation error (%) by epoch, mean over the seeds:",
        "",
    ]
    heads = [row["name"] for row in document["networks"]]
    lines += ["| epoch | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for index in range(document["epochs"]):
        means = [
            Summary.of([run["history"][index]["top1_error"] for run in row["runs"]]).mean
            for row in document["networks"]
        ]
        lines.append(f"| {index + 1} | " + " | ".join(f"{100 * m:.2f}" for m in means) + " |")
    return "\n".join(lines) + "\n"


def picture(document: dict) -> str:
    """Return the learning curves as SVG: validation error, and training loss."""

    def of(column: str, factor: float) -> dict[str, list[list[float]]]:
        return {
            row["name"]: [
                [factor * epoch[column] for epoch in run["history"]] for run in row["runs"]
            ]
            for row in document["networks"]
        }

    subset = "" if document["whole"] else ", a class-balanced subset"
    return draw(
        f"CIFAR-10{subset}: {document['epochs']} epochs, {document['seeds']} seeds",
        [
            Curves("validation error (%)", of("top1_error", 100)),
            Curves("training loss (nats)", of("train_loss", 1)),
        ],
    )


def curves_csv(document: dict) -> str:
    """Return every epoch of every seed, errors as shares, losses in nats."""
    columns = ("epoch", "lr", "train_loss", "loss", "top1_error", "top5_error")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["network", "seed", *columns])
    for row in document["networks"]:
        for run in row["runs"]:
            for epoch in run["history"]:
                writer.writerow([row["name"], run["seed"], *(epoch[key] for key in columns)])
    return text.getvalue()


def errors_of(row: dict) -> list[float]:
    return [run["test"]["top1_error"] for run in row["runs"]]


def gap(errors: list[float], others: list[float], same: bool) -> str:
    """Say how far `errors` are from those of the first network, and whether that is noise."""
    found = None if same else difference(errors, others)
    if found is None:
        return "–"
    verdict = "within noise" if found.noise else "beyond noise"
    return f"{100 * found.mean:+.2f} ({100 * found.low:+.2f} to {100 * found.high:+.2f}), {verdict}"


if __name__ == "__main__":
    main()
