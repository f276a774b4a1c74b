"""Candidates that one device trains fully in an hour, by the number trained at a time.

Candidates of the space igcv3 within `--budget` at 3x32x32 are trained on CIFAR-10 for `--epochs`
epochs, each validated after every one, by nas.training alone: no Ray, no database. Every count of
`--at-a-time` is that many processes, warm, with the images in memory, which take the same
candidates from one queue; one at a time is the baseline. On a GPU the table also has the share of
the time in which it was busy, from its driver, and `--mps` runs NVIDIA's Multi-Process Service. On
a CPU each process has one thread.

    python benchmarks/bm_packing.py --at-a-time 1 2 --limit 2000 --epochs 2     # two CPU cores
    python benchmarks/bm_packing.py --device cuda --at-a-time 1 2 4 8           # a GPU
    python benchmarks/bm_packing.py --device cuda --at-a-time 4 8 16 --mps
"""

import argparse
import multiprocessing
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from threading import Event, Thread
from typing import Any

import numpy as np
import torch

from nas.cost.budget import parse_budgets
from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace
from nas.space.file import load_space, parse_input
from nas.space.lowering import lower
from nas.training.data import load_task
from nas.training.loop.devices import describe_devices, prepare_worker
from nas.training.loop.recipe import load_recipe
from nas.training.loop.session import Session
from nas.units import si

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data") / "cifar10"
SEED = 0


@dataclass(frozen=True)
class Row:
    """What one count of processes gave: seconds for all candidates, and what they came to."""

    at_a_time: int
    seconds: float
    errors: tuple[float, ...]
    busy: float | None


def main() -> None:
    given = arguments()
    texts, costs = candidates(given)
    with served(given.mps):
        rows = [measured(given, texts, count) for count in given.at_a_time]
    text = page(given, costs, rows)
    given.out.write_text(text)
    print(text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--budget", default="25M-flops")
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--limit", type=int, help="training images; all by default")
    parser.add_argument("--at-a-time", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--mps", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    name = f"packing-{given.device}{'-mps' if given.mps else ''}.md"
    given.out = given.out or ROOT / "benchmarks/results" / name
    return given


def candidates(given: argparse.Namespace) -> tuple[list[str], list[int]]:
    """Return architectures with their multiply-adds, from 60 to 100 % of the budget."""
    costs = CostModel(load_space("igcv3"), parse_input("3x32x32"), 10)
    feasible = FeasibleSpace(costs, parse_budgets([given.budget]))
    drawn = feasible.sample_many(np.random.default_rng(SEED), given.candidates, low=0.6)
    return [one.text for one in drawn], [costs.cost(one).madds for one in drawn]


def measured(given: argparse.Namespace, texts: list[str], count: int) -> Row:
    """Train all candidates in `count` processes, from when the last of them is warm."""
    context = multiprocessing.get_context("spawn")
    jobs, told = context.Queue(), context.Queue()
    words = (given, texts[0], jobs, told)
    workers = [context.Process(target=work, args=words, daemon=True) for _ in range(count)]
    for worker in workers:
        worker.start()
    for _ in workers:
        assert heard(told, workers) == "warm"
    for text in [*texts, *[None] * count]:
        jobs.put(text)
    began = time.perf_counter()
    with busy_share(given.device) as busy:
        found = [heard(told, workers) for _ in texts]
        seconds = time.perf_counter() - began
    for worker in workers:
        worker.join()
    print(f"{count} at a time: {seconds:.1f} s", flush=True)
    return Row(count, seconds, tuple(found), busy[0] if busy else None)


def heard(told: Any, workers: list[Any]) -> Any:
    """Return what a worker tells next."""
    while True:
        with suppress(Empty):
            return told.get(timeout=1)
        if any(worker.exitcode for worker in workers):
            raise SystemExit("a worker has ended before its work")


def work(given: argparse.Namespace, first: str, jobs: Any, told: Any) -> None:
    """Train what comes from the queue; a process."""
    prepare_worker(1)
    task, recipe = load_task("cifar10", str(given.data), SEED, given.limit), load_recipe("cifar10")
    space = load_space("igcv3")
    warm = lower(space, space.parse(first), task.input, task.classes)
    Session(warm, task, recipe, 1, SEED, given.device).test()  # libraries, kernels, images
    told.put("warm")
    while (text := jobs.get()) is not None:
        layers = lower(space, space.parse(text), task.input, task.classes)
        session = Session(layers, task, recipe, given.epochs, SEED, given.device)
        for _ in range(given.epochs):
            result = session.run_epoch()
        told.put(result.metrics["top1_error"])


@contextmanager
def served(mps: bool) -> Iterator[None]:
    """Run NVIDIA's Multi-Process Service for the block."""
    if not mps:
        yield
        return
    subprocess.run(["nvidia-cuda-mps-control", "-d"], check=True)
    try:
        yield
    finally:
        subprocess.run(["nvidia-cuda-mps-control"], input="quit\n", text=True, check=False)


@contextmanager
def busy_share(device: str) -> Iterator[list[float]]:
    """Sample the GPU's own figure of its use twice a second; the mean is there after the block."""
    found: list[float] = []
    if device == "cpu":
        yield found
        return
    over, samples = Event(), []

    def sample() -> None:
        while not over.wait(0.5):
            with suppress(Exception):  # the figure is a courtesy of the driver
                samples.append(torch.cuda.utilization() / 100)

    thread = Thread(target=sample, daemon=True)
    thread.start()
    yield found
    over.set()
    thread.join()
    found += [float(np.mean(samples))] if samples else []


def page(given: argparse.Namespace, costs: list[int], rows: list[Row]) -> str:
    one = rows[0]
    images = f"{given.limit:,}" if given.limit else "45,000"
    lines = [
        f"# Candidates trained in an hour on one {'GPU' if given.device == 'cuda' else 'machine'}",
        "",
        f"- {describe_devices()}; torch {torch.__version__}; "
        f"{time.strftime('%Y-%m-%d')}{'; with MPS' if given.mps else ''}",
        f"- {given.candidates} candidates of igcv3 of {si(min(costs))} to {si(max(costs))} madds "
        f"at 3x32x32, {images} training images of CIFAR-10, {given.epochs} epochs, batches of 128, "
        "5,000 validation images after each; one seed.",
        "",
        f"| at a time | seconds | candidates an hour | against {one.at_a_time} at a time "
        "| device busy | mean val error |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        busy = "" if row.busy is None else f"{100 * row.busy:.0f} %"
        lines.append(
            f"| {row.at_a_time} | {row.seconds:.1f} | {3600 * len(costs) / row.seconds:.0f} "
            f"| **{one.seconds / row.seconds:.2f}** | {busy} | {100 * np.mean(row.errors):.1f} % |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
