"""The memory of CPU workers that train a candidate of 22M madds on CIFAR-10, own and shared.

Two worker processes run at the same time. Each does step by step what a worker of a search does:
the imports of Ray's worker code and of training, the images, the training-free scores, one epoch
through the evaluator. After every step it reads its own anonymous memory and its file pages; a
third process looks at both all the while, so that peaks within a step count; and while both wait at
the end it reads from /proc/PID/smaps_rollup what they share.

The baseline, in the same run, is one process of a straightforward PyTorch loop (`plain` of
train_loops.py) with the same candidate, batch and images.

    python benchmarks/bm_memory.py [DIRECTORY] [--quick] [--workers 2] [--no-baseline]

CIFAR-10 is looked for in DIRECTORY, else in $NAS_DATA/cifar10. It writes results/memory.md;
--quick takes 1,000 images, and writes elsewhere. Linux only.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DATA = Path(os.environ.get("NAS_DATA") or HERE.parents[1] / "shared" / "data") / "cifar10"
EVERY = 0.01  # seconds between two looks at a process
QUICK_IMAGES = 1_000
BASELINE_STEPS = 4
TARGET = 1_000  # MB


def main() -> None:
    options = parse()
    if options.worker:
        work(options.data, options.quick, options.worker)
        return
    workers = run_workers(options)
    baseline = None if options.no_baseline else run_baseline(options)
    lines = report(workers, baseline)
    name = "memory.md"
    path = Path(tempfile.gettempdir()) / name if options.quick else HERE / "results" / name
    path.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path, default=DATA, help="the folder of CIFAR-10")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_IMAGES:,} images")
    parser.add_argument("--workers", type=int, default=2, help="at the same time")
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument("--worker", metavar="ARCHITECTURE", help=argparse.SUPPRESS)
    return parser.parse_args()


# -- the process that trains ----------------------------------------------------------------------


def work(data: Path, quick: bool, text: str) -> None:
    """Do what a worker process does with the architecture `text`, which a job brings.

    Print its memory after each step, then wait for a line.
    """
    said("start of Python")
    from nas.tuner.local_ray import EVALUATOR

    for module in ("nas.tuner.tune_trainable", EVALUATOR.partition(":")[0]):
        import_module(module)
    from nas.cost.model import total_cost
    from nas.space.lowering import lower
    from nas.study.evaluator import Job, WorkerPlan
    from nas.training.evaluator import make
    from nas.training.scores.proxies import score_if_it_fits

    said("imports")
    import nas

    spec = spec_of(quick)
    with tempfile.TemporaryDirectory() as folder:
        evaluator: Any = make(WorkerPlan(spec.to_json(), folder, str(data), "", nas.__version__))
        said("loading the images")
        chosen, task = spec.space.parse(text), evaluator._task
        layers = lower(spec.space, chosen, task.input, task.classes)
        score_if_it_fits(layers, evaluator._batches, spec.seed)
        said("training-free scores")
        next(iter(evaluator.evaluate(Job(0, 1, 0, chosen))))
        said("one epoch")
        counted = total_cost(layers)
        counts = {"madds": counted.madds, "acts": counted.acts, "images": len(task.train)}
        print(json.dumps(counts | {"batch": evaluator._recipe.batch_size}), flush=True)
        sys.stdin.readline()


def spec_of(quick: bool) -> Any:
    """Return the study of which the worker trains a trial."""
    from nas.cost.budget import parse_budgets
    from nas.space.file import load_space
    from nas.study.spec import StudySpec

    space = load_space("igcv3")
    return StudySpec(
        name="memory",
        space_name=space.name,
        space_text=space.source,
        budget=parse_budgets(["22M-flops"]),
        input="3x32x32",
        classes=10,
        task="cifar10",
        data_dir=None,
        recipe="cifar10",
        rungs=(1,),
        eta=3,
        objectives=("top1_error", "madds"),
        reference_point=(1.0, 3e7),
        sampler="random",
        num_trials=1,
        published=False,
        seed=0,
        proxies=True,
        limit=QUICK_IMAGES if quick else None,
    )


def said(step: str) -> None:
    """Print the memory of this process after `step`."""
    print(json.dumps({"step": step, "memory": resident(os.getpid())}), flush=True)


# -- the process that looks on --------------------------------------------------------------------


def resident(pid: int) -> tuple[float, float, float]:
    """Return anonymous, file-backed and peak resident megabytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = {key: int(value) for key, value in re.findall(r"^(\w+):\s+(\d+) kB", status, re.M)}
    own, shared, peak = (kilobytes.get(key, 0) / 1e3 for key in ("RssAnon", "RssFile", "VmHWM"))
    return own, shared, peak


def mapped(pid: int) -> dict[str, float]:
    """Return the megabytes of /proc/PID/smaps_rollup by name."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {key: int(value) / 1e3 for key, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}


class Watched:
    """A process whose memory is looked at until it ends: its peaks, of each kind by itself."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it on one thread."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
        self.process = subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.own = self.both = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def line(self) -> str:
        """Return the next line that it prints; SystemExit where there is none."""
        text = self.process.stdout.readline()  # type: ignore[union-attr]
        if not text:
            raise SystemExit(f"a process ended with {self.process.wait()}; see above")
        return text

    def go_on(self) -> None:
        """Give it the line for which it waits."""
        self.process.stdin.write("\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]

    def ended(self) -> None:
        """Wait for its end."""
        if self.process.wait():
            raise SystemExit("a process failed; see above")
        self._thread.join()

    def _look(self) -> None:
        while self.process.poll() is None:
            try:
                own, shared, _ = resident(self.process.pid)
            except OSError:
                return
            self.own, self.both = max(self.own, own), max(self.both, own + shared)
            time.sleep(EVERY)


def run_workers(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what each worker said, with its peaks and what it shares with the others."""
    if not options.data.is_dir():
        raise SystemExit(f"no CIFAR-10 in {options.data}: give its folder.")
    from train_candidates import architecture

    quick = ["--quick"] if options.quick else []
    command = [__file__, str(options.data), "--worker", architecture("22M").text, *quick]
    workers = [Watched(command) for _ in range(options.workers)]
    found = [heard(worker) for worker in workers]
    for worker, each in zip(workers, found, strict=True):  # while all of them wait
        each["mapped"] = mapped(worker.process.pid)
    for worker, each in zip(workers, found, strict=True):
        each |= {"own_peak": worker.own, "peak": worker.both}
        worker.go_on()
        worker.ended()
    return found


def heard(worker: Watched) -> dict[str, Any]:
    """Return the steps that `worker` prints, up to its counts."""
    steps: dict[str, Any] = {}
    while "step" in (said := json.loads(worker.line())):
        steps[said["step"]] = [*said["memory"], worker.own]
    return {**said, "steps": steps}


def run_baseline(options: argparse.Namespace) -> Watched:
    """Return the straightforward loop after a few steps on the same images."""
    job = {
        "candidate": "22M",
        "variant": "plain",
        "steps": BASELINE_STEPS,
        "batch": 128,
        "device": "cpu",
        "data": str(options.data),
    }
    loop = Watched([str(HERE / "train_loops.py"), json.dumps(job)])
    loop.line()
    loop.go_on()
    loop.line()
    loop.ended()
    return loop


# -- the table ------------------------------------------------------------------------------------


def report(workers: Sequence[dict[str, Any]], baseline: Watched | None) -> list[str]:
    """Return the lines of the result."""
    first, count = workers[0], len(workers)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "ray", "numpy"))
    lines = [
        "# The memory of one CPU worker on CIFAR-10",
        "",
        f"{len(os.sched_getaffinity(0))} cores; Python {platform.python_version()}, {libraries}, "
        f"{' '.join(platform.libc_ver())}",
        "",
        f"A candidate of {first['madds'] / 1e6:.1f}M madds and {first['acts'] / 1e6:.2f}M "
        f"activations an image at 32x32, batch {first['batch']}, {first['images']:,} training "
        f"images, one epoch through the evaluator of a search; {count} workers at the same time, "
        "of which the table shows one. Own: anonymous memory, which no other process can use. File "
        "pages: code of the libraries and the decoded images, mapped; the machine holds them once "
        "for all workers, and may drop them.",
        "",
        "| after | own (MB) | its peak so far (MB) | file pages (MB) | peak of both (MB) |",
        "|---|---|---|---|---|",
    ]
    for step, (own, shared, both, own_peak) in first["steps"].items():
        top = max(own_peak, own)
        lines.append(f"| {step} | {own:.0f} | {top:.0f} | {shared:.0f} | {both:.0f} |")
    lines += [
        "",
        f"## What {count} workers share",
        "",
        "Read while all of them wait behind their epoch. PSS: what a page weighs, divided by the "
        "processes that have it.",
        "",
        "| worker | own peak (MB) | peak of both (MB) | own (MB) | file pages of its own (MB) "
        "| shared file pages (MB) | PSS (MB) |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, each in enumerate(workers, start=1):
        pages = each["mapped"]
        alone = pages["Private_Clean"] + pages["Private_Dirty"] - pages["Anonymous"]
        shared = pages["Shared_Clean"] + pages["Shared_Dirty"]
        cells = (each["own_peak"], each["peak"], pages["Anonymous"], max(0.0, alone), shared)
        lines.append(
            f"| {number} | {' | '.join(f'{cell:.0f}' for cell in cells)} | {pages['Pss']:.0f} |"
        )
    if baseline is not None:
        lines.append(
            f"| plain PyTorch loop | {baseline.own:.0f} | {baseline.both:.0f} |  |  |  |  |"
        )
    most = max(each["own_peak"] for each in workers)
    reached = "reached" if most < TARGET else "not reached"
    lines += ["", f"Under {TARGET:,} MB of its own, at its peak: {reached} ({most:.0f} MB)."]
    return lines


if __name__ == "__main__":
    main()
