"""Does teaching pay? The winner of a small study on CIFAR-10, taught and from scratch, timed alike.

A study of one space runs with a budget; its best networks then teach its winner under `--seeds` new
seeds. A training from scratch of the same winner and the same seeds gets the same processor time:
the passes of the teachers are paid in epochs, by the ratio of the times of one epoch, measured in
turns on one thread. A third group is from scratch for as many epochs as the taught one. All of it
runs the commands of a user, `nas search` and `nas train`; after an interruption it continues.

    python benchmarks/bm_taught.py             # one CPU core: about 25 minutes
    python benchmarks/bm_taught.py --quick     # tries everything in some minutes
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch

from nas.stats.means import Summary, difference
from nas.store import open_store
from nas.study import StudySpec, Trial
from nas.training.cpu import accelerate
from nas.training.data import Task, load_study_task
from nas.training.loop.devices import describe_devices
from nas.training.loop.recipe import read_recipe
from nas.training.loop.session import Session
from nas.training.loop.teaching import Teaching
from nas.workflows.teachers import teachers_of

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data") / "cifar10"
NAS = str(Path(sys.executable).with_name("nas"))
STUDY = "study"
TEST_IMAGES = 10_000
FIRST_SEED = 1  # of the trainings that are compared; those of a search are large numbers


def main() -> None:
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    begin(
        given, STUDY, "search", "--space", given.space, "--budget", given.budget,
        "--input", "3x32x32", "--classes", "10", "--task", "cifar10", "--data", str(given.data),
        "--limit", str(given.limit), "--trials", str(given.trials), "--rungs", str(given.epochs),
        "--confirm", "0", "--no-published", "--seed", "1",
    )  # fmt: skip
    train(given, "taught", given.epochs, "--teacher", "study")
    costs = epoch_costs(given, given.rounds)
    ratio = median(costs["taught"]) / median(costs["scratch"])
    longer = round(ratio * given.epochs)
    train(given, "longer", longer)
    train(given, "scratch", given.epochs)
    text = page(given, costs, {"taught": given.epochs, "longer": longer, "scratch": given.epochs})
    given.out.write_text(text)
    print(text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--space", default="igcv3")
    parser.add_argument("--budget", default="14M-flops", help="at 3x32x32")
    parser.add_argument("--limit", type=int, default=5000, help="training images")
    parser.add_argument("--trials", type=int, default=5, help="each trained to the end")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="of one epoch each, for the times")
    parser.add_argument("--at-a-time", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("bm-taught"))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/taught.md")
    given = parser.parse_args()
    given.data = given.data.resolve()  # `nas` is called in the working folder
    if given.quick:
        given.limit, given.trials, given.epochs, given.seeds, given.rounds = 200, 3, 1, 2, 1
        given.out = given.work / "taught.md"
    return given


def begin(given: argparse.Namespace, name: str, verb: str, *words: str) -> None:
    """Run a study, or what is left of it."""
    state = next((row["state"] for row in listed(given) if row["study"] == name), None)
    if state == "complete":
        return
    option = "--study" if verb == "search" else "--name"
    command = ["resume", name] if state else [verb, *words, option, name]
    command += ["--max-concurrent", str(given.at_a_time), "--cpus-per-trial", "1"]
    print(" ".join(["nas", *command]), flush=True)
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([NAS, *command], cwd=given.work, env=settings, check=True)


def listed(given: argparse.Namespace) -> list[dict[str, Any]]:
    if not (given.work / "nas.db").exists():
        return []
    found = subprocess.run(
        [NAS, "list", "--json"], cwd=given.work, check=True, capture_output=True, text=True
    )
    rows: list[dict[str, Any]] = json.loads(found.stdout)
    return rows


def train(given: argparse.Namespace, name: str, epochs: int, *words: str) -> None:
    begin(
        given, name, "train", STUDY, "--best", "--epochs", str(epochs), "--seeds",
        str(given.seeds), "--seed", str(FIRST_SEED), "--no-reuse", "--no-export", *words,
    )  # fmt: skip


def epoch_costs(given: argparse.Namespace, rounds: int) -> dict[str, list[float]]:
    """Return the processor seconds of one epoch with and without teachers, measured in turns."""
    torch.set_num_threads(1)
    with open_store(str(given.work / "nas.db"), read_only=True) as store:
        spec, trial = store.spec("taught"), store.trials("taught")[0]
        task = load_study_task(spec)
        teachers = teachers_of(store, spec, task)
    recipe = read_recipe(spec.recipe, "the recipe")
    device = torch.device("cpu")
    teaching = Teaching(
        teachers, task, recipe.teacher_weight, recipe.teacher_temperature, device, accelerate
    )
    costs: dict[str, list[float]] = {"scratch": [], "taught": []}
    for _ in range(rounds):
        for kind, own in (("scratch", None), ("taught", teaching)):
            session = made(spec, trial, task, own)
            start = time.process_time()
            session.run_epoch()
            costs[kind].append(time.process_time() - start)
    return costs


def made(spec: StudySpec, trial: Trial, task: Task, teaching: Teaching | None) -> Session:
    text = spec.recipe if teaching else spec.recipe_from_scratch
    layers = spec.task_layers(trial.architecture, task.input, task.outputs)
    epochs = spec.ladder.max_epochs
    session = Session(layers, task, read_recipe(text, "the recipe"), epochs, 0, "cpu")
    if teaching is not None:
        session.learn_from(teaching)
    session.accelerate(accelerate)
    return session


def page(given: argparse.Namespace, costs: dict[str, list[float]], epochs: dict[str, int]) -> str:
    with open_store(str(given.work / "nas.db"), read_only=True) as store:
        tested, states = {}, {}
        for name in epochs:
            trials, reports = store.trials(name), store.reports(name)
            tested[name] = [reports[trial.number]["test"]["top1_error"] for trial in trials]
            states[name] = trials
        spec, searched = store.spec("taught"), store.trials(STUDY)
        recipe = read_recipe(spec.recipe, "the recipe")
    winner = states["taught"][0]
    times = {kind: median(own) for kind, own in costs.items()}
    seconds = {
        "taught": epochs["taught"] * times["taught"],
        "longer": epochs["longer"] * times["scratch"],
        "scratch": epochs["scratch"] * times["scratch"],
    }
    words = {
        "taught": f"taught by {len(spec.teachers)} networks of the study",
        "longer": "from scratch, equal time",
        "scratch": "from scratch, equal epochs",
    }
    rows = []
    for name, values in tested.items():
        gap = difference(values, tested["taught"], TEST_IMAGES) if name != "taught" else None
        ends = (gap.mean, gap.low, gap.high) if gap else ()
        cells = [
            words[name],
            str(epochs[name]),
            f"{seconds[name]:.0f} s",
            f"{100 * Summary.of(values).mean:.2f} % ± {100 * (Summary.of(values).reach or 0):.2f}",
            ", ".join(f"{100 * value:.2f}" for value in values),
            "{:+.2f} ({:+.2f} to {:+.2f})".format(*(100 * end for end in ends)) if ends else "–",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    complete = sum(trial.final is not None and trial.candidate for trial in searched)
    scratch, taught = (f"{times[kind]:.1f} s" for kind in ("scratch", "taught"))
    return "\n".join([
        "# The winner of a study, taught and from scratch",
        "",
        f"- {describe_devices()}; one thread for each training; torch {torch.__version__}; "
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"- Study: space {given.space} within {given.budget} at 3x32x32, CIFAR-10, "
        f"{given.limit:,} training images, {given.epochs} epochs, recipe cifar10, "
        f"{given.trials} candidates, {complete} complete.",
        f"- Winner: {winner.cost.madds:,} madds, {winner.cost.params:,} params: "
        f"`{winner.architecture}`",
        f"- Teaching: weight {recipe.teacher_weight:g}, temperature "
        f"{recipe.teacher_temperature:g}. An epoch takes {scratch} of processor time from scratch, "
        f"{taught} taught (medians of {len(costs['taught'])}, measured in turns).",
        f"- Test error on {TEST_IMAGES:,} images after the last epoch, once for each of "
        f"{given.seeds} seeds.",
        "",
        "| winner | epochs | processor time | test error, mean ± 95 % | seeds | more than taught "
        "(points, 95 %) |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
