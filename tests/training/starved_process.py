"""A study in a process that may not have the memory of its whole batches; prints the outcome.

Two children measure what a trial takes with whole and with halved batches; a third gets a limit
between the two and runs the study. The images are small enough to be held: greater ones are read by
threads, which a fork loses.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from nas.study.evaluator import Job, WorkerPlan
from nas.study.study import Study
from nas.study.trial import TrialState
from nas.training.evaluator import TrainingEvaluator
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, run_serial, small_spec

RECIPE = """\
epochs = 1
batch_size = 512
lr = 0.05
warmup_epochs = 0.0
schedule = "cosine"
momentum = 0.9
weight_decay = 0.0005
label_smoothing = 0.0
bn_momentum = 0.4
bn_batches = 1
augment = true
"""


def in_child(work: Callable[[], object]) -> Any:
    """Do `work` in a fork of this process; return what it returned, through JSON."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, json.dumps(work()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    os.waitpid(child, 0)
    return json.loads(text)


def main(place: Path) -> None:
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    for number in range(720):
        folder = place / "images" / ("dark", "light")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 100, (64, 64, 3)) + 120 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    spec = small_spec(
        task="folder", data_dir=str(place / "images"), recipe=RECIPE, rungs=(1,),
        published=False, proxies=False, confirm=0, num_trials=1,
    )  # fmt: skip
    evaluator = TrainingEvaluator(WorkerPlan(spec.to_json(), str(place), spec.data_dir, "", "0"))
    store = MemoryStore()
    first = Study(spec, MemoryStore(), WalkSampler(spec)).ask()
    assert first is not None
    list(evaluator.evaluate(Job(0, 1, first.seed, first.architecture, True)))  # the libraries' own

    def peak(halved: bool) -> int:
        list(evaluator.evaluate(Job(0, 1, first.seed, first.architecture, halved)))
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmPeak")).split()[1])

    halved, whole = (in_child(partial(peak, way)) for way in (True, False))

    def starved() -> object:
        limit = (halved + whole) // 2
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        run_serial(Study(spec, store, WalkSampler(spec)), evaluator)
        trials = store.trials("study")
        return {
            "states": [trial.state.value for trial in trials],
            "attempts": [trial.attempt for trial in trials],
            "detail": [trial.fail_detail for trial in trials if trial.state is TrialState.FAILED],
            "notes": [kinds["note"]["text"] for kinds in store.reports.get("study", {}).values()],
        }

    found = {"halved": halved, "whole": whole, **in_child(starved)}
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
