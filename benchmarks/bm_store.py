"""The time to open, list and show large studies; the store is made of drawn networks.

Half of the trials are complete, a third are stopped at the first rung, and the rest failed; each
has the measurements of its epochs. The times are those of whole commands, as a user types them, and
of `Study`, which `nas resume` makes before its first trial. They are printed as a table. So is what
the records of a trial cost the driver, in time, statements and commits: with its proposal by the
random sampler, the beginning, each epoch, and the weights.

    python benchmarks/bm_store.py [--trials 100000] [--epochs 14] [--db URL] [--repeats 3]

With --db a database is filled (or read, where it has the study already) and kept. With --trials 0
only the time of the records is measured.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from digits_study import digits_spec

from nas.cost.model import CostModel
from nas.feasible import feasible_space
from nas.samplers import make_sampler
from nas.store import Store, open_store
from nas.study.evaluator import Epoch, Report, Saved
from nas.study.execution import Execution
from nas.study.spec import StudySpec
from nas.study.study import Study
from nas.study.trial import Measurement, Trial, TrialState

NAME = "large"
BATCH = 2_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def spec_of(trials: int, epochs: int) -> StudySpec:
    return digits_spec(NAME, (epochs // 3, epochs), trials + 1)


def drawn(spec: StudySpec, trials: int) -> Iterator[Trial]:
    """Yield finished trials of networks within the budget."""
    costs = CostModel(spec.space, spec.deployment, spec.classes)
    feasible, rng = feasible_space(costs, spec.budget), np.random.default_rng(0)
    for number in range(trials):
        if number % BATCH == 0:
            networks = iter(feasible.sample_many(rng, BATCH))
        architecture = next(networks)
        cost = costs.cost(architecture)
        state = (TrialState.COMPLETE, TrialState.STOPPED, TrialState.COMPLETE)[number % 3]
        last = spec.rungs[-1] if state is TrialState.COMPLETE else spec.rungs[0]
        base = float((cost.madds / 1e7) ** -0.3 + rng.normal(0, 0.02))
        yield Trial(
            number,
            architecture,
            cost,
            state,
            number,
            attempt=1,
            measurements=tuple(measured(spec, base, epoch) for epoch in range(1, last + 1)),
            counted=cost,
            created_at=BEGAN + timedelta(seconds=number),
            finished_at=BEGAN + timedelta(seconds=number + 30),
            seconds=30.0,
            worker="node:1",
            weights_path=f"{NAME}/trial-{number}-1.safetensors" if last > spec.rungs[0] else None,
            weights_sha256="ab" * 32 if last > spec.rungs[0] else None,
        )


def measured(spec: StudySpec, base: float, epoch: int) -> Measurement:
    rung = spec.rungs.index(epoch) if epoch in spec.rungs else None
    error = min(1.0, base * (1 + 1 / epoch))
    metrics = {"top1_error": error, "loss": 3 * error}
    return Measurement(epoch, rung, metrics, 3 * error, 2.0 * epoch)


def fill(store: Store, trials: int, epochs: int) -> None:
    spec = spec_of(trials, epochs)
    store.create_study(spec, {"nas": "0"})
    found = drawn(spec, trials)
    for _ in range(0, trials, BATCH):
        with store.together(NAME):
            for _, trial in zip(range(BATCH), found, strict=False):
                store.insert_trial(NAME, trial)
    store.set_state(NAME, "INTERRUPTED")


def command(db: str, words: str) -> Callable[[], None]:
    nas = Path(sys.executable).with_name("nas")

    def call() -> None:
        subprocess.run([nas, *words.split(), "--db", db], check=True, stdout=subprocess.DEVNULL)

    return call


def opened(db: str) -> None:
    """Open the store and make the study, as `nas resume` does."""
    with open_store(db) as store:
        spec = store.spec(NAME)
        feasible = feasible_space(CostModel(spec.space, spec.deployment, spec.classes), spec.budget)
        Study(spec, store, make_sampler(spec.sampler, feasible, spec.goals))


def records(db: str, epochs: int, trials: int = 100) -> str:
    """Measure what the records of each of `trials` cost the driver.

    The row has the milliseconds by the clock and of the CPU, and the statements and commits.
    """
    spec = digits_spec(f"records-{epochs}", (epochs,), trials)
    costs, took, cpu = (
        CostModel(spec.space, spec.deployment, spec.classes),
        list[float](),
        list[float](),
    )
    feasible = feasible_space(costs, spec.budget)
    with open_store(db) as store:
        store.create_study(spec, {"nas": "0"})
        with store.acquire(spec.name), counted() as numbers:
            study = Study(spec, store, make_sampler("random", feasible, spec.goals))
            execution = Execution(study)
            numbers.clear()
            while True:
                began, worked = time.monotonic(), time.process_time()
                job = execution.next(begin=False)
                if job is None:
                    break
                execution.begin(job)
                cost = study.trial(job.number).cost  # a worker counts it again
                for epoch in range(1, epochs + 1):
                    found = measured(spec, 0.5, epoch)
                    content = Epoch(
                        epoch,
                        found.metrics,
                        found.train_loss,
                        cost if epoch == 1 else None,
                        saving=epoch == epochs,
                    )
                    execution.report(job, Report(content, 1.0 * epoch, "node:1"))
                saved = Saved(f"trial-{job.number}.safetensors", "0" * 64)
                execution.report(job, Report(saved, 1.0 * epochs, "node:1"))
                took.append(1000 * (time.monotonic() - began))
                cpu.append(1000 * (time.process_time() - worked))
        store.delete_study(spec.name)
    shown = f"{statistics.median(took):.1f} ({min(took):.1f} to {max(took):.1f})"
    each = [f"{numbers[name] / trials:.0f}" for name in ("statements", "commits")]
    return " | ".join([shown, f"{statistics.median(cpu):.1f}", *each])


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the statements and the commits of the block; those that set or begin are no work."""
    numbers = Counter[str]()

    def execute(_c: object, _cursor: object, statement: str, *_: object) -> None:
        numbers["statements"] += not statement.startswith(("PRAGMA", "BEGIN"))

    def commit(_: object) -> None:
        numbers["commits"] += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", execute)
    sa.event.listen(sa.Engine, "commit", commit)
    try:
        yield numbers
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", execute)
        sa.event.remove(sa.Engine, "commit", commit)


def timed(call: Callable[[], None], repeats: int) -> str:
    seconds = []
    for _ in range(repeats):
        began = time.monotonic()
        call()
        seconds.append(time.monotonic() - began)
    return f"{statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--db", default=None)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db = asked.db or str(Path(folder) / "nas.db")
        print("| records of a trial | ms, median of 100 | CPU ms, median | statements | commits |")
        print("|---|---|---|---|---|")
        for epochs in (2, asked.epochs):
            print(f"| {epochs} epochs | {records(db, epochs)} |", flush=True)
        if asked.trials == 0:
            return
        with open_store(db) as store:
            if NAME not in store.names():
                began = time.monotonic()
                fill(store, asked.trials, asked.epochs)
                print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
            kept = store.trials(NAME)
        epochs = sum(len(trial.measurements) for trial in kept)
        size, count = f"{len(kept):,} trials, {epochs:,} measurements", os.cpu_count()
        del kept
        print(f"{size}; Python {platform.python_version()}, {count} CPU cores\n")
        print("| what | seconds, median of the repeats |\n|---|---|")
        print(f"| open for resume | {timed(lambda: opened(db), asked.repeats)} |")
        for words in ("list", f"show {NAME}", f"front {NAME}", f"show {NAME} --trial 7"):
            print(f"| nas {words} | {timed(command(db, words), asked.repeats)} |", flush=True)


if __name__ == "__main__":
    main()
