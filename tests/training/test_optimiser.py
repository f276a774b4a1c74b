"""Optimisers: which weights decay, by which method; and what a training loads."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from nas.training.loop.optimiser import make_optimiser
from nas.training.loop.recipe import Recipe, load_recipe

SGD = replace(load_recipe("digits"), lr=0.1, momentum=0.9, weight_decay=0.5, nesterov=False)


def after_steps(recipe: Recipe, slope: float, steps: int = 2) -> tuple[float, float]:
    """A weight and a gain, both 1 before `steps` with the gradient `slope`."""
    made = nn.Sequential(nn.Linear(1, 1, bias=False), nn.LayerNorm(1, bias=False))
    optimiser = make_optimiser(made, recipe)
    for parameter in made.parameters():
        nn.init.ones_(parameter)
    for _ in range(steps):
        for parameter in made.parameters():
            parameter.grad = torch.full_like(parameter, slope)
        optimiser.step()
    weight, gain = (parameter.item() for parameter in made.parameters())
    return weight, gain


def test_norms_decay_where_the_recipe_says_so() -> None:
    weight, gain = after_steps(replace(SGD, decay_norms=False), slope=0.0)
    assert (weight, gain) == (pytest.approx(0.95 - 0.1 * (0.9 * 0.5 + 0.5 * 0.95)), 1.0)
    weight, gain = after_steps(replace(SGD, decay_norms=True), slope=0.0)
    assert weight == gain < 1


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (replace(SGD, weight_decay=0.0), 1 - 0.1 * (1 + 1.9)),
        (replace(SGD, weight_decay=0.0, nesterov=True), 1 - 0.1 * (1.9 + 1 + 0.9 * 1.9)),
        (replace(SGD, weight_decay=0.0, nesterov=True, momentum=0.0), 1 - 0.1 * 2),
        (
            replace(
                SGD, weight_decay=0.0, momentum=0.0, optimiser="rmsprop", rmsprop_decay=0.75,
                rmsprop_epsilon=0.5,
            ),
            1 - 0.1 / (0.25**0.5 + 0.5) - 0.1 / (0.4375**0.5 + 0.5),
        ),
    ],
    ids=["momentum", "nesterov", "no momentum", "rmsprop"],
)  # fmt: skip
def test_two_steps_are_those_of_the_method(recipe: Recipe, expected: float) -> None:
    weight, gain = after_steps(recipe, slope=1.0)
    assert weight == pytest.approx(expected)
    assert gain == pytest.approx(expected)


ONE_EPOCH = """
import sys
from nas.space.lowering import lower
from nas.space.file import load_space
from nas.training.data import load_task
from nas.training.scores.proxies import proxy_batches, proxy_scores
from nas.training.loop.recipe import load_recipe
from nas.training.network.fvcore_count import fvcore_cost
from nas.training.loop.session import Session

space, task = load_space("igcv3"), load_task("digits", limit=128)
layers = lower(space, space.published[0].architecture, task.input, task.classes)
fvcore_cost(layers)
session = Session(layers, task, load_recipe("digits"), 1, seed=0)
assert session.run_epoch().epoch == 1
print(*sorted({"onnx", "scipy", "pandas", "sklearn",
    "matplotlib", "torchvision", "ray", "optuna"} & set(sys.modules)))
"""


def test_a_training_loads_nothing_that_it_does_not_need() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ONE_EPOCH],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
