"""The overhead of Ray Tune in a search, and the time of a search to its first result.

(a) Overhead: whole studies of trials that sleep one second each, on two workers, through the real
study, sampler, SQLite store and Ray Tune. The baseline in the same run is Ray Tune as it comes: the
same second in a function, default settings, no reuse of workers. Repeats are interleaved.
(b) Start: `nas search` as a user types it, until its first epoch and its first finished trial.

    python benchmarks/bm_tune.py [--quick] [--trials 200] [--baseline-trials 200] [--repeats 3]
        [--only overhead,start]

--quick takes a few minutes and writes its table elsewhere.
"""

import argparse
import itertools
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from digits_study import digits_spec

from nas.cost.model import CostModel
from nas.study.evaluator import Epoch, Job, WorkerPlan
from nas.study.spec import StudySpec

HERE = Path(__file__).parent
WORKERS = 2
STUDIES = (("random", 1), ("random", 4), ("predictor", 1), ("predictor", 4))


class Sleeper:
    """Measures nothing for one second in all, and notes when each worker was at it."""

    def __init__(self, plan: WorkerPlan) -> None:
        self.epochs = plan.spec.ladder.max_epochs
        self.costs = CostModel(plan.spec.space, plan.spec.deployment, plan.spec.classes)
        self.notes = Path(plan.results_dir) / f"times-{os.getpid()}"

    def evaluate(self, job: Job) -> Iterator[Epoch]:
        cost = self.costs.cost(job.architecture)
        error = min(1.0, 0.9 * (cost.madds / 1e7) ** -0.3)
        for epoch in range(1, self.epochs + 1):
            began = time.monotonic()
            time.sleep(1 / self.epochs)
            found = error * (1 + 1 / epoch) / 2
            with self.notes.open("a") as file:
                file.write(f"{job.number} {epoch} {began} {time.monotonic()}\n")
            metrics = {"top1_error": found, "loss": 3 * found}
            yield Epoch(epoch, metrics, 3 * found, cost if epoch == 1 else None)


def make(plan: WorkerPlan) -> Sleeper:
    """Return the evaluator; what the workers call."""
    return Sleeper(plan)


def spec_of(sampler: str, epochs: int, trials: int) -> StudySpec:
    """Return a study of one rung, so that every trial takes its whole second."""
    return digits_spec("tune", (epochs,), trials, sampler)


def our_overhead(sampler: str, epochs: int, trials: int) -> dict[str, float]:
    """Run one whole study; return seconds, of which `wall` counts from the workers' readiness."""
    from nas.feasible import feasible_space
    from nas.samplers import make_sampler
    from nas.store import open_store
    from nas.study.execution import Event, TrialFinished, WorkersReady
    from nas.study.study import Study
    from nas.tuner import RunSettings, run

    spec = spec_of(sampler, epochs, trials)
    feasible = feasible_space(CostModel(spec.space, spec.deployment, spec.classes), spec.budget)
    feasible.check()  # as `nas search` does before its workers are ready
    feasible.bounds()
    at: dict[str, float] = {}

    def watch(event: Event) -> None:
        if isinstance(event, WorkersReady):
            at["ready"] = time.monotonic()
        elif isinstance(event, TrialFinished):
            at["last"] = time.monotonic()

    with tempfile.TemporaryDirectory() as folder, open_store(f"{folder}/nas.db") as store:
        store.create_study(spec, {"nas": version("nas")})
        with store.acquire(spec.name):
            study = Study(spec, store, make_sampler(sampler, feasible, spec.goals))
            settings = RunSettings(
                Path(folder), max_concurrent=WORKERS, evaluator=f"{Path(__file__).stem}:make"
            )
            run(study, settings, watch)
        assert sum(trial.state.finished for trial in study.trials) == trials
        gaps, first, pids = gaps_of(Path(folder))
    return {
        "wall": at["last"] - at["ready"],
        "work": trials / WORKERS,
        "first": first - at["ready"],
        "trial_gap": statistics.median(gaps["trial"]),
        "trial_gap_most": max(gaps["trial"]),
        "epoch_gap": statistics.median(gaps["epoch"] or [0.0]),
        "processes": pids,
    }


def gaps_of(folder: Path) -> tuple[dict[str, list[float]], float, int]:
    """Return seconds between two trials and two epochs of a worker, the first start, workers."""
    gaps: dict[str, list[float]] = {"trial": [], "epoch": []}
    starts, files = [], list(folder.glob("times-*"))
    for path in files:
        rows = [list(map(float, line.split())) for line in path.read_text().splitlines()]
        starts.append(rows[0][2])
        for before, after in itertools.pairwise(rows):
            kind = "epoch" if after[0] == before[0] else "trial"
            gaps[kind].append(after[2] - before[3])
    return gaps, min(starts), len(files)


def default_tune(trials: int) -> dict[str, float]:
    """Run the same seconds as functions on Ray Tune's defaults, in a process without nas's Ray."""
    import ray
    from ray import tune

    def second(config: dict[str, int]) -> None:
        time.sleep(1)
        tune.report({"top1_error": 0.5})

    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        tune.Tuner(
            second,
            tune_config=tune.TuneConfig(num_samples=trials),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
        return {"wall": time.monotonic() - began, "work": trials / WORKERS}


def overhead(given: argparse.Namespace) -> list[str]:
    """Return the lines of the table of overheads."""
    found: dict[str, list[dict[str, float]]] = {}
    for turn in range(given.repeats):
        for sampler, epochs in STUDIES:
            row = our_overhead(sampler, epochs, given.trials)
            name = f"nas, {sampler}, {epochs} epoch{'s'[: epochs - 1]}"
            found.setdefault(name, []).append(row)
            print(turn, name, {key: round(value, 3) for key, value in row.items()}, flush=True)
        command = [sys.executable, __file__, "--baseline", str(given.baseline_trials)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        found.setdefault("Ray Tune's default", []).append(row)
        print(turn, "baseline", row, flush=True)
    lines = [
        f"## {given.trials} trials of 1 s on {WORKERS} workers "
        f"({given.baseline_trials} for the baseline)",
        "",
        "Wall time from the workers' readiness, the imports of their processes included, to the "
        "last record. Over work: what is more than the seconds slept. Gaps: what passes in a "
        "worker between the end of one piece of work and the start of the next.",
        "",
        "| | work (s) | wall (s) | over work | first start (ms) | between trials (ms), median, most"
        " | between epochs (ms) | worker processes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in found.items():
        row = min(rows, key=lambda row: row["wall"])
        over = 100 * (row["wall"] / row["work"] - 1)
        cells = [name, f"{row['work']:.0f}", f"{row['wall']:.1f}", f"{over:.1f} %"]
        if "first" in row:
            cells += [
                f"{1e3 * row['first']:.0f}",
                f"{1e3 * row['trial_gap']:.0f}, {1e3 * row['trial_gap_most']:.0f}",
                f"{1e3 * row['epoch_gap']:.0f}" if row["epoch_gap"] else "",
                f"{row['processes']}",
            ]
        else:
            cells += ["", "", "", f"{given.baseline_trials}"]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def start(given: argparse.Namespace) -> list[str]:
    """Return the lines of the table of starts."""
    found = [one_start() for _ in range(given.repeats)]
    lines = [
        "## From `nas search` to its first results\n",
        "`nas search --space igcv3 --budget 300M-flops` on the digits, in seconds since the "
        "command was typed; the first trial to finish was trained to the end.",
        "",
        "| run | Ray is up | first epoch | first finished trial | processor seconds until then |",
        "|---|---|---|---|---|",
    ]
    for number, row in enumerate(found, start=1):
        print(row)
        cells = [f"{row[key]:.1f}" for key in ("up", "epoch", "finished", "cpu")]
        lines.append(f"| {number} | {' | '.join(cells)} |")
    return [*lines, ""]


def one_start() -> dict[str, float]:
    """Type the command, and take the times at which its lines appear."""
    marks = {
        "up": re.compile("Ray is up"),
        "epoch": re.compile("first result after"),
        "finished": re.compile(r"^trial .* (complete|stopped|failed) "),
    }
    at: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from nas.cli import main; main()", "search"]
        command += ["--space", "igcv3", "--budget", "300M-flops"]
        command += ["--db", f"{folder}/nas.db", "--results", f"{folder}/results"]
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
        assert process.stdout is not None
        for line in process.stdout:
            for name, pattern in marks.items():
                if name not in at and pattern.search(line):
                    at[name] = time.monotonic() - began
            if "finished" in at:
                at["cpu"] = tree_seconds(process.pid)
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.wait()
    return at


def tree_seconds(pid: int) -> float:
    """Return the processor seconds of a process and its living descendants, on Linux."""
    total, tick = 0.0, os.sysconf("SC_CLK_TCK")
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / tick
        for listing in Path(f"/proc/{pid}/task").glob("*/children"):
            total += sum(tree_seconds(int(child)) for child in listing.read_text().split())
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a few minutes, to try it")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--baseline-trials", type=int)
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--only", default="overhead,start", metavar="PART,…")
    parser.add_argument("--baseline", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.baseline:
        print(json.dumps(default_tune(given.baseline)))
        return
    quick = given.quick
    given.trials = given.trials or (16 if quick else 200)
    given.baseline_trials = given.baseline_trials or (8 if quick else 200)
    given.repeats = given.repeats or (1 if quick else 3)
    parts = {"overhead": overhead, "start": start}
    lines = [
        "# What Ray Tune adds, and what a search takes before its first result",
        "",
        f"{len(os.sched_getaffinity(0))} cores, {processor()}; Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("ray", "torch", "sqlalchemy")),
        "",
    ]
    for name in given.only.split(","):
        lines += parts[name](given)
    path = HERE / "results" / "tune.md"
    path = Path(tempfile.gettempdir()) / "tune-quick.md" if quick else path
    path.write_text("\n".join(lines))
    print(path.read_text(), f"written to {path}")


def processor() -> str:
    with suppress(OSError, AttributeError):
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        return found.group(1).strip() if found else platform.machine()
    return platform.machine()


if __name__ == "__main__":
    main()
