"""What a worker process of a search does with CIFAR-10, step by step, and its memory after each.

`bm_tune.py` calls it in a process of its own:

    python benchmarks/worker_memory.py DIRECTORY [--quick]
"""

import json
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
from bm_tune import spec_of

from nas.budget import parse_budgets
from nas.cost import CostModel
from nas.evaluate import Job, Plan
from nas.lowering import lower
from nas.space_file import load_space, parse_input
from nas.spec import StudySpec


def main(data: str, quick: bool) -> None:
    """Do what a worker process does, and print its memory after each step, as JSON."""
    steps = {"start of Python": resident()}
    import nas
    import nas.tuner.trainable
    from nas.train.evaluator import make as make_training
    from nas.train.recipe import load_recipe

    steps["imports"] = resident()
    recipe = load_recipe("cifar10").text
    changed = {"name": "memory", "task": "cifar10", "recipe": f"# cifar10\n{recipe}"}
    spec = StudySpec.from_json(
        json.dumps(
            {
                **json.loads(spec_of("random", 1, 1).to_json()),
                **changed,
                "proxies": True,
                "limit": 1_000 if quick else None,
            }
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(spec.to_json(), folder, data, "", nas.__version__)
        evaluator = make_training(plan)
        steps["loading the images"] = resident()
        architecture, cost = candidate()
        steps["drawing a candidate"] = resident()
        task = evaluator._task  # type: ignore[attr-defined]
        layers = lower(spec.space, architecture, task.input, task.classes)
        evaluator._scores(layers)  # type: ignore[attr-defined]
        steps["training-free scores"] = resident()
        job = Job(0, 1, 0, architecture)
        epochs = iter(evaluator.evaluate(job))
        next(epochs)
        steps["one epoch"] = resident()
        images = len(task.train)
        batch = evaluator._recipe.batch_size  # type: ignore[attr-defined]
    print(
        json.dumps(
            {
                "madds": cost.madds,
                "acts": cost.acts,
                "images": images,
                "batch": batch,
                "steps": steps,
            }
        )
    )


def candidate():  # type: ignore[no-untyped-def]
    """Return the drawn candidate of at most 22M madds on the task that is nearest to it."""
    from nas.feasible import FeasibleSpace

    costs = CostModel(load_space("igcv3"), parse_input("3x32x32"), 10)
    drawn = FeasibleSpace(costs, parse_budgets(["22M-madds"])).sample_many(
        np.random.default_rng(0), 50
    )
    found = max(drawn, key=lambda each: costs.cost(each).madds)
    return found, costs.cost(found)


def resident() -> tuple[float, float, float]:
    """Return anonymous, file-backed and peak resident megabytes of this process, on Linux."""
    status = Path("/proc/self/status").read_text()
    kilobytes = dict(re.findall(r"^(\w+):\s+(\d+) kB", status, re.M))
    own, shared, peak = (int(kilobytes[key]) / 1e3 for key in ("RssAnon", "RssFile", "VmHWM"))
    return own, shared, peak


if __name__ == "__main__":
    main(sys.argv[1], "--quick" in sys.argv)
