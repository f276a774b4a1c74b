"""How long the workers of a simulated cluster wait for their driver, and what a trial costs it.

A Ray of this machine claims to have as many CPUs as there are workers; each of them sleeps one
second for each trial. The time between two trials of a worker is what it waits for the driver. On
few cores it contains waiting for a core, too; so the driver's processor time is the figure.

    python benchmarks/bm_driver.py [--workers 64] [--trials 1000] [--sampler random]
"""

import argparse
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from bm_tune import gaps_of, spec_of

from nas.cost.model import CostModel
from nas.feasible import feasible_space
from nas.samplers import make_sampler
from nas.store import open_store
from nas.study.execution import Event, TrialFinished
from nas.study.study import Study
from nas.tuner import RunSettings, run


@contextmanager
def cluster(cpus: int) -> Iterator[str]:
    """Start a Ray of so many CPUs, and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="nas-") as place:
        words = [
            str(Path(sys.executable).with_name("ray")), "start", "--head", "--block",
            f"--port={port}",
            "--node-ip-address=127.0.0.1", f"--num-cpus={cpus}", "--include-dashboard=false",
            "--object-store-memory=100000000", "--disable-usage-stats", f"--temp-dir={place}/r",
        ]  # fmt: skip
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if b"runtime started" in line:
                    break
            try:
                yield f"127.0.0.1:{port}"
            finally:
                process.terminate()


def main() -> None:
    """Run one study, and print one row of a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--sampler", default="random")
    given = parser.parse_args()
    spec = spec_of(given.sampler, 1, given.trials)
    feasible = feasible_space(CostModel(spec.space, spec.deployment, spec.classes), spec.budget)
    feasible.check()
    at: list[tuple[float, float]] = []  # wall and processor time when each trial was recorded

    def watch(event: Event) -> None:
        if isinstance(event, TrialFinished):
            used = resource.getrusage(resource.RUSAGE_SELF)
            at.append((time.monotonic(), used.ru_utime + used.ru_stime))

    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    with (
        cluster(given.workers) as address,
        tempfile.TemporaryDirectory() as folder,
        open_store(f"{folder}/nas.db") as store,
    ):
        store.create_study(spec, {"nas": version("nas")})
        with store.acquire(spec.name):
            study = Study(spec, store, make_sampler(given.sampler, feasible, spec.goals))
            settings = RunSettings(Path(folder), ray_address=address, evaluator="bm_tune:make")
            run(study, settings, watch)
        gaps, _, processes = gaps_of(Path(folder))
    half = at[len(at) // 2 :]  # all workers have started
    (began, used), (ended, left) = half[0], half[-1]
    workers = given.workers
    rate = (len(half) - 1) / (ended - began)
    waits = sorted(gaps["trial"])
    print("| sampler | workers | trials | trials/s | workers wait | median gap (ms) "
          "| driver, processor ms a trial | driver, share of a core | worker processes |\n|"
          + "---|" * 9)  # fmt: skip
    print(
        f"| {given.sampler} | {workers} | {given.trials} | {rate:.1f} | {1 - rate / workers:.0%} "
        f"| {1e3 * waits[len(waits) // 2]:.0f} | {1e3 * (left - used) / (len(half) - 1):.1f} "
        f"| {(left - used) / (ended - began):.0%} | {processes} |"
    )


if __name__ == "__main__":
    main()
