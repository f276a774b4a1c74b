"""How `nas train` uses the cores of a CPU: one thread, a thread for each core, a process for each.

Each way trains the same network on the same images for the same number of epochs, from the command
to its end, Ray's start included. The baseline is one thread in
the same round; rounds take turns, and medians of the ratios to the baseline count. Wall time holds
for idle cores only: where other programs want them, compare the processor time (user and system of
the command and its children, without Ray's workers). The load is printed.

    python benchmarks/bm_train_threads.py                 # some minutes
    python benchmarks/bm_train_threads.py --rounds 5 --limit 5000 --data DIR

It prints each run as it ends, then a table. Without CIFAR-10 (--data) it trains on the digits.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

NAS = Path(sys.executable).with_name("nas")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--arch", default="igcv3-d-0.25-os")
    parser.add_argument("--data", help="folder of CIFAR-10")
    asked = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    ways = {
        "1 thread": ("1", "1"),
        f"{cores} threads": (str(cores), "1"),
        f"{cores} processes": ("1", str(cores)),
    }
    task = ["--task", "cifar10", "--data", asked.data] if asked.data else ["--task", "digits"]
    words = ["--arch", asked.arch, "--epochs", str(asked.epochs), "--limit", str(asked.limit)]
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(asked.rounds):
        for way, (threads, workers) in ways.items():
            took = train([*task, *words, "--workers", workers], threads)
            found[way].append(took)
            load = os.getloadavg()[0]
            print(f"{way}: {took[0]:.1f} s, processor {took[1]:.1f} s, load {load:.1f}", flush=True)
    print(f"\n{processor()}, {asked.arch}, {task[1]}, {asked.limit} images, "
          f"epochs: {asked.epochs}, rounds: {asked.rounds}, cores: {cores}, "
          f"load at the end: {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    print("| way | wall s | processor s | wall / 1 thread | processor / 1 thread |")
    print("|---|---|---|---|---|")
    for way, runs in found.items():
        ratios = [
            [run[i] / base[i] for run, base in zip(runs, found["1 thread"], strict=True)]
            for i in (0, 1)
        ]
        cells = [median(run[i] for run in runs) for i in (0, 1)] + list(map(median, ratios))
        print(f"| {way} | {cells[0]:.1f} | {cells[1]:.1f} | {cells[2]:.2f} | {cells[3]:.2f} |")


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def train(words: list[str], threads: str) -> tuple[float, float]:
    """Train once; return the seconds of the clock and of all processors."""
    with tempfile.TemporaryDirectory() as folder:
        out = ["--results", folder, "--db", f"{folder}/nas.db", "--no-export", "--quiet"]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(
            [NAS, "train", *words, *out],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": threads},
        )
        after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    used = sum(getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))
    return took, used


if __name__ == "__main__":
    main()
